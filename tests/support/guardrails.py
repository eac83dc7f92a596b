"""Guardrails with judges of the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from handlers.common.bedrock_judge import BedrockJudge
from handlers.common.deadline import Deadline
from handlers.common.errors import ServiceError
from handlers.common.guardrails import Guarded, Guardrail
from handlers.common.judge import Judge, Source, Verdict
from handlers.common.metered import not_metered
from handlers.common.offline_judge import OfflineJudge

OVERLAP = 100
PHONE, EMAIL, CARD = "+1 202 555 0143", "ada@example.com", "4111 1111 1111 1111"
RULES: dict[str, Any] = {
    "backend": "offline",
    "personal_data": {"PHONE": "MASK", "EMAIL": "MASK", "CREDIT_DEBIT_CARD_NUMBER": "BLOCK"},
    "words": ["project x"],
    "step": 200,
    "overlap": OVERLAP,
}


class FakeJudge:
    """A judge that does what a test says, and remembers what it judged.

    Args:
        verdict: Judges a text. Default: nothing is found.
        error: Raised instead.
    """

    def __init__(
        self,
        verdict: Callable[[str], Verdict] = lambda _: Verdict(),
        error: ServiceError | None = None,
    ) -> None:
        self._verdict = verdict
        self.error = error
        self.judged: list[tuple[str, Source]] = []

    def judge(self, text: str, *, source: Source, deadline: Deadline) -> Verdict:  # noqa: ARG002
        self.judged.append((text, source))
        if self.error is not None:
            raise self.error
        return self._verdict(text)


class FakeBedrock:
    """Bedrock's runtime, whose guardrail has the rules of `RULES`; its answers have the shape of botocore's."""

    def __init__(self) -> None:
        self._judge = OfflineJudge(RULES["personal_data"], RULES["words"])
        model = botocore.session.get_session().get_service_model("bedrock-runtime")
        self._operation = model.operation_model("ApplyGuardrail")

    def call(self, operation: str, parameters: Mapping[str, Any], **_: object) -> dict[str, Any]:
        assert operation == "apply_guardrail"
        assert not ParamValidator().validate(parameters, self._operation.input_shape).has_errors()
        text = parameters["content"][0]["text"]["text"]
        verdict = self._judge.judge(text, source="INPUT", deadline=Deadline.after(60))
        blocked = [kind for kind in verdict.blocked if kind != "WORD"]
        entities = [
            {
                "type": span.kind,
                "match": text[span.begin : span.end],
                "action": "BLOCKED" if span.kind in blocked else "ANONYMIZED",
            }
            for span in verdict.spans
        ]
        words = [{"match": "Project X", "action": "BLOCKED"}] if "WORD" in verdict.blocked else []
        found = {
            "sensitiveInformationPolicy": {"piiEntities": entities, "regexes": []},
            "wordPolicy": {"customWords": words, "managedWordLists": []},
        }
        answer = {
            "usage": dict.fromkeys(self._operation.output_shape.members["usage"].required_members, 1),
            "action": "GUARDRAIL_INTERVENED" if entities or words else "NONE",
            "outputs": [],
            "assessments": [found],
        }
        assert not ParamValidator().validate(answer, self._operation.output_shape).has_errors()
        return answer


@cache
def bedrock_judge() -> Judge:
    """The judge on a fake of Bedrock."""
    return BedrockJudge("abc123", "4", api=FakeBedrock())  # type: ignore[arg-type]


JUDGES: Mapping[str, Callable[[], Judge | None]] = {"offline": lambda: None, "bedrock": bedrock_judge}
"""Returns the judge of each backend, for `guardrail`."""


def guardrail(
    judge: Judge | None = None, *, step: int = 200, units: Mapping[str, int] | None = None
) -> Guardrail:
    """The guardrail of `RULES`, or one with another judge."""
    return Guardrail.from_json(RULES) if judge is None else Guardrail(judge, step, OVERLAP, units or {})


def guarded(judge: Judge | None = None, *, step: int = 200) -> Guarded:
    """A guardrail around a call that is not metered."""
    return guardrail(judge, step=step).around(not_metered(), name="fast", deadline=Deadline.after(60))
