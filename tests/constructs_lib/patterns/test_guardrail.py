"""Guardrails: what Terraform creates, and what fails at synth because nothing could judge by it."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AiService,
    AwsStack,
    BedrockGuardrail,
    Environment,
    Guardrail,
    ModelRoute,
    OfflineModel,
)
from constructs_lib.patterns.guardrail import OFFLINE_PERSONAL_DATA, PERSONAL_DATA
from handlers.common.contract import Contract
from handlers.common.guardrails import Guardrail as Rules
from handlers.common.offline_judge import FINDERS, OfflineJudge
from tests.support.contracts import Greeting, greeting
from tests.support.synthesis import Configuration, FakeArchive, refused

LOCAL = Environment.from_variables({"ENVIRONMENT": "local"})
PHONES = Guardrail(personal_data={"PHONE": "MASK"})
INVESTING = {"Investing": "Advice on what to buy and to sell."}


def test_a_guardrail_has_policies_for_its_rules_and_a_version(app: App) -> None:
    stack = AwsStack(app, "shop", region="us-east-1")
    rules = Guardrail(
        personal_data={"PHONE": "MASK", "EMAIL": "BLOCK"},
        words=["Project X"],
        topics=INVESTING,
        prompt_attacks=True,
    )
    guardrail = BedrockGuardrail(stack, "rules", rules=rules)
    configuration = Configuration(stack)
    ((address, body),) = configuration.all("bedrock_guardrail").items()
    assert {name: value for name, value in body.items() if name not in ("//", "tags", "region")} == {
        "name": "shop-rules",
        "blocked_input_messaging": "A guardrail blocks this content.",
        "blocked_outputs_messaging": "A guardrail blocks this content.",
        "sensitive_information_policy_config": [
            {
                "pii_entities_config": [
                    {"action": "ANONYMIZE", "type": "PHONE"},
                    {"action": "BLOCK", "type": "EMAIL"},
                ]
            }
        ],
        "word_policy_config": [{"words_config": [{"text": "Project X"}]}],
        "topic_policy_config": [
            {"topics_config": [{"name": "Investing", "definition": INVESTING["Investing"], "type": "DENY"}]}
        ],
        "content_policy_config": [
            {
                "filters_config": [
                    {"type": "PROMPT_ATTACK", "input_strength": "HIGH", "output_strength": "NONE"}
                ]
            }
        ],
    }
    version = configuration.only("bedrock_guardrail_version")
    assert version["guardrail_arn"] == f"${{{address}.guardrail_arn}}"
    assert version["lifecycle"] == {"create_before_destroy": True, "replace_triggered_by": [address]}
    assert guardrail.guardrail_name == "shop-rules"
    assert rules.units() == {
        "guardrail_content_unit": 1,
        "guardrail_personal_data_unit": 1,
        "guardrail_topic_unit": 1,
    }


def test_rules_that_are_not_there_have_no_policy_and_cost_nothing(app: App) -> None:
    stack = AwsStack(app, "shop", region="us-east-1")
    rules = Guardrail(words=["x"])
    BedrockGuardrail(stack, "rules", rules=rules)
    assert rules.units() == {}
    body = Configuration(stack).only("bedrock_guardrail")
    assert [name for name in body if name.endswith("_policy_config")] == ["word_policy_config"]


def test_a_long_name_is_shortened(app: App) -> None:
    stack = AwsStack(app, "shop", region="us-east-1")
    names = [
        BedrockGuardrail(stack, f"{'long' * 12}.{number}", rules=PHONES).guardrail_name for number in (1, 2)
    ]
    assert [len(name) for name in names] == [50, 50]
    assert len(set(names)) == 2
    with_dots = BedrockGuardrail(stack, "gpt-4.1", rules=PHONES)
    assert with_dots.guardrail_name == "shop-gpt-4-1"


def test_a_service_has_its_rules_and_the_right_to_apply_them(app: App, archive: FakeArchive) -> None:
    stack = AwsStack(app, "shop", region="us-east-1")
    service = AiService(stack, greeting(), archive=archive, guardrail=PHONES)
    assert list(service.paid_calls) == ["shop-bedrock-guardrails"]
    configuration = Configuration(stack)
    (name,) = (body["name"] for body in configuration.all("bedrock_guardrail").values())
    assert name == "shop-greeting-guardrail"
    written = configuration.only("lambda_function")["environment"]["variables"]["GUARDRAIL"]
    assert '"backend":"bedrock"' in written
    assert any(
        "bedrock:ApplyGuardrail" in body["policy"] for body in configuration.all("iam_role_policy").values()
    )


def test_the_local_cloud_has_patterns_and_no_bedrock_guardrail(
    app: App, archive: FakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = AwsStack(app, "shop", environment=LOCAL)
    AiService(stack, greeting(), archive=archive, guardrail=PHONES)
    configuration = Configuration(stack)
    assert configuration.all("bedrock_guardrail") == {}
    written = configuration.only("lambda_function")["environment"]["variables"]["GUARDRAIL"]
    assert written == (
        '{"backend":"offline","personal_data":{"PHONE":"MASK"},"words":[],"step":100,"overlap":100}'
    )
    monkeypatch.setenv("GUARDRAIL", written)
    read = Rules.from_environment()
    assert read is not None
    assert isinstance(read.judge, OfflineJudge)
    assert refused(lambda: BedrockGuardrail(stack, "rules", rules=PHONES))[1] == (
        "shop/rules: the local cloud has no Bedrock Guardrails; use the backend 'offline' there"
    )


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ({"topics": INVESTING}, "topics"),
        ({"prompt_attacks": True}, "prompt_attacks"),
        ({"personal_data": {"NAME": "MASK", "PHONE": "MASK"}, "topics": INVESTING}, "'NAME', topics"),
    ],
)
def test_what_patterns_cannot_judge_fails_at_synth(
    app: App, archive: FakeArchive, fields: dict[str, Any], rules: str
) -> None:
    stack = AwsStack(app, "shop", environment=LOCAL)
    message = refused(lambda: AiService(stack, greeting(), archive=archive, guardrail=Guardrail(**fields)))[1]
    assert message == (
        f"shop/greeting-guardrail: its guardrail asks for {rules}, which the backend 'offline' cannot judge; remove them, "
        f"or use the backend 'bedrock'; offline are {', '.join(OFFLINE_PERSONAL_DATA)} and words"
    )


def test_a_service_that_streams_has_no_guardrail(app: App, archive: FakeArchive) -> None:
    contract = Contract("story")
    contract.post("/story", Greeting, Greeting, summary="Tell.", event_model=Greeting)
    stack = AwsStack(app, "shop", region="us-east-1")
    assert refused(lambda: AiService(stack, contract, archive=archive, guardrail=PHONES))[1] == (
        "shop/story: guardrail does not judge operations that stream; remove event_model or guardrail"
    )


def test_the_function_has_a_pattern_for_every_offline_type() -> None:
    assert set(OFFLINE_PERSONAL_DATA) == set(FINDERS)


def test_the_types_are_bedrock_s(bedrock_types: set[str]) -> None:
    assert set(PERSONAL_DATA) == bedrock_types


@pytest.fixture
def bedrock_types() -> set[str]:
    import botocore.session

    model = botocore.session.get_session().get_service_model("bedrock")
    return set(model.shape_for("GuardrailPiiEntityType").enum)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "it asks for nothing; pass personal_data, words, topics or prompt_attacks"),
        (
            {"personal_data": {"FAX": "MASK"}},
            f"personal_data has the type 'FAX', which is unknown; use Bedrock's names: {', '.join(sorted(PERSONAL_DATA))}",
        ),
        (
            {"personal_data": {"PHONE": "HIDE"}},
            "personal_data['PHONE'] 'HIDE' is unknown; choose 'MASK' or 'BLOCK'",
        ),
        ({"words": "x"}, "words is of type str, not a list; pass [...]"),
        ({"words": [" "]}, "words ' ' is not valid; use 1 to 100 characters in one line"),
        (
            {"topics": {"Über": "x"}},
            "topics 'Über' is not valid; use 1 to 100 letters, digits and ' !?._-'",
        ),
        (
            {"topics": {"Investing": " "}},
            "topics['Investing'] ' ' is not valid; describe the topic in 1 to 200 characters",
        ),
        ({"words": ["x"], "window": 199}, "window is 199; use 200 to 20000"),
        (
            {"words": ["x"], "backend": "aws"},
            "backend 'aws' is unknown; choose 'bedrock' or 'offline'",
        ),
    ],
)
def test_rules_that_are_not_valid(fields: dict[str, Any], message: str) -> None:
    assert refused(lambda: Guardrail(**fields))[1] == f"Guardrail: {message}"


def test_a_route_takes_a_guardrail() -> None:
    assert refused(lambda: ModelRoute("fast", [OfflineModel()], guardrail="x"))[1] == (  # type: ignore[arg-type]
        "ModelRoute 'fast': guardrail is of type str; pass Guardrail(...)"
    )
