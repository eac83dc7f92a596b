"""Judge on Bedrock Guardrails: one call of ApplyGuardrail for each text, whichever model answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from handlers.common.aws_api import AwsApi, reading_answer
from handlers.common.deadline import Deadline
from handlers.common.judge import Source, Span, Verdict

_DETAIL: Final = "bedrock-runtime.apply_guardrail"
_UNITS: Final = {
    "guardrail_content_unit": "contentPolicyUnits",
    "guardrail_personal_data_unit": "sensitiveInformationPolicyUnits",
    "guardrail_topic_unit": "topicPolicyUnits",
}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class BedrockJudge:
    """Judge on Bedrock Guardrails.

    Args:
        guardrail_id: Id of the guardrail.
        version: Its version.
        api: Bedrock's runtime. Default: created from the environment.
    """

    def __init__(self, guardrail_id: str, version: str, *, api: AwsApi | None = None) -> None:
        self._guardrail = {"guardrailIdentifier": guardrail_id, "guardrailVersion": version}
        self._api = api or AwsApi("bedrock-runtime")

    def judge(self, text: str, *, source: Source, deadline: Deadline) -> Verdict:
        """Judge a text; see `Judge`. Attacks on a model are looked for in inputs only."""
        text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
        parameters = {
            **self._guardrail,
            "source": "INPUT" if source == "INPUT" else "OUTPUT",
            "content": [{"text": {"text": text}}],
        }
        answer = self._api.call("apply_guardrail", parameters, deadline=deadline)
        with reading_answer(_DETAIL):
            units = {unit: int(answer["usage"][name]) for unit, name in _UNITS.items()}
            if answer["action"] == "NONE":
                return Verdict(units=units)
            spans: list[Span] = []
            blocked: list[str] = []
            for kind, finding in _findings(answer["assessments"]):
                if finding["action"] == "BLOCKED":
                    blocked.append(kind)
                elif finding["action"] == "ANONYMIZED":
                    spans.extend(_places(text, kind, finding["match"]))
            if not spans and not blocked:
                blocked.append("UNKNOWN")
        return Verdict(spans, blocked, units)


def _findings(assessments: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the findings of all policies, each with its type."""
    for assessment in assessments:
        for policy, found in assessment.items():
            for findings in found.values() if policy.endswith("Policy") else ():
                for finding in findings:
                    yield _kind(policy, finding), finding


def _kind(policy: str, finding: Mapping[str, Any]) -> str:
    if policy == "wordPolicy":
        return "WORD"
    return "TOPIC" if policy == "topicPolicy" else str(finding["type"])


def _places(text: str, kind: str, match: str) -> Iterator[Span]:
    """Yield every place of a match: Bedrock says what it found, not where."""
    places = list(re.finditer(re.escape(match), text)) if match else []
    if not places:
        raise ValueError("a match is not in the text")
    for place in places:
        yield Span(*place.span(), kind)
