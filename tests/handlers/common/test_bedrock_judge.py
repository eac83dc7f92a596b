"""Judge on Bedrock: requests and answers of ApplyGuardrail, in the shapes of botocore."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from handlers.common.aws_api import AwsApi
from handlers.common.bedrock_judge import BedrockJudge
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, BackendUnavailable
from handlers.common.judge import Source, Span, Verdict

UNITS = {
    "topicPolicyUnits": 1,
    "contentPolicyUnits": 2,
    "wordPolicyUnits": 3,
    "sensitiveInformationPolicyUnits": 4,
    "sensitiveInformationPolicyFreeUnits": 5,
    "contextualGroundingPolicyUnits": 0,
}
PAID = {"guardrail_topic_unit": 1, "guardrail_content_unit": 2, "guardrail_personal_data_unit": 4}


def answer_of(*assessments: dict[str, Any]) -> dict[str, Any]:
    action = "GUARDRAIL_INTERVENED" if assessments else "NONE"
    return {"usage": UNITS, "action": action, "outputs": [], "assessments": list(assessments)}


def personal(**match: str) -> dict[str, Any]:
    entities = [{"match": text, "type": kind, "action": "ANONYMIZED"} for kind, text in match.items()]
    return {"sensitiveInformationPolicy": {"piiEntities": entities, "regexes": []}}


@pytest.fixture
def client() -> Any:
    return boto3.client("bedrock-runtime", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


def judged(client: Any, text: str, answer: dict[str, Any], *, source: Source = "INPUT") -> Verdict:
    expected = {
        "guardrailIdentifier": "abc123",
        "guardrailVersion": "4",
        "source": "INPUT" if source == "INPUT" else "OUTPUT",
        "content": [{"text": {"text": text.replace("\ud800", "\ufffd")}}],
    }
    with Stubber(client) as stub:
        stub.add_response("apply_guardrail", answer, expected)
        api = AwsApi("bedrock-runtime", make_client=lambda *_: client)
        judge = BedrockJudge("abc123", "4", api=api)
        verdict = judge.judge(text, source=source, deadline=Deadline.after(25))
        stub.assert_no_pending_responses()
    return verdict


@pytest.mark.parametrize("source", ["INPUT", "CONTEXT", "OUTPUT"])
def test_nothing_is_found(client: Any, source: Source) -> None:
    assert judged(client, "Hello.", answer_of(), source=source) == Verdict(units=PAID)


def test_what_is_masked_is_found_at_each_of_its_places(client: Any) -> None:
    verdict = judged(
        client,
        "Ada (Ada@x) and a.b",
        answer_of(
            personal(NAME="Ada", USERNAME="a.b"), {"wordPolicy": {"customWords": [], "managedWordLists": []}}
        ),
    )
    assert list(verdict.spans) == [Span(0, 3, "NAME"), Span(5, 8, "NAME"), Span(16, 19, "USERNAME")]
    assert list(verdict.blocked) == []


@pytest.mark.parametrize(
    ("assessment", "kind"),
    [
        ({"topicPolicy": {"topics": [{"name": "Investing", "type": "DENY", "action": "BLOCKED"}]}}, "TOPIC"),
        (
            {
                "contentPolicy": {
                    "filters": [{"type": "PROMPT_ATTACK", "confidence": "HIGH", "action": "BLOCKED"}]
                }
            },
            "PROMPT_ATTACK",
        ),
        (
            {
                "wordPolicy": {
                    "customWords": [{"match": "Project X", "action": "BLOCKED"}],
                    "managedWordLists": [],
                }
            },
            "WORD",
        ),
        (
            {
                "sensitiveInformationPolicy": {
                    "piiEntities": [{"match": "Ada", "type": "NAME", "action": "BLOCKED"}],
                    "regexes": [],
                }
            },
            "NAME",
        ),
        ({"invocationMetrics": {"guardrailProcessingLatency": 3}}, "UNKNOWN"),
    ],
)
def test_what_blocks_has_a_type_and_no_text(client: Any, assessment: dict[str, Any], kind: str) -> None:
    verdict = judged(client, "Ada asks about Project X.", answer_of(assessment))
    assert (list(verdict.spans), list(verdict.blocked), verdict.units) == ([], [kind], PAID)


def test_what_is_only_reported_does_not_mask(client: Any) -> None:
    noticed = personal(NAME="Ada")
    noticed["sensitiveInformationPolicy"]["piiEntities"][0]["action"] = "NONE"
    assert [span.kind for span in judged(client, "Ada, 7", answer_of(noticed, personal(AGE="7"))).spans] == [
        "AGE"
    ]


@pytest.mark.parametrize("match", ["Bob", ""])
def test_a_match_that_is_not_in_the_text_is_not_a_judgement(client: Any, match: str) -> None:
    with pytest.raises(BackendError, match=r"^The AI backend's answer cannot be used\.$"):
        judged(client, "Ada", answer_of(personal(NAME=match)))


def test_half_a_character_is_sent_as_a_replacement(client: Any) -> None:
    assert judged(client, "a\ud800b Ada", answer_of(personal(NAME="Ada"))).spans == [Span(4, 7, "NAME")]


def test_a_busy_bedrock_is_unavailable(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("apply_guardrail", "ThrottlingException", "slow down", 429)
        api = AwsApi("bedrock-runtime", make_client=lambda *_: client)
        with pytest.raises(BackendUnavailable):
            BedrockJudge("abc123", "4", api=api).judge("x", source="INPUT", deadline=Deadline.after(25))
