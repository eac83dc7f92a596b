"""Guardrails with judges of the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from handlers.common.deadline import Deadline
from handlers.common.errors import ServiceError
from handlers.common.guardrails import Guarded, Guardrail
from handlers.common.judge import Judge, Source, Verdict
from handlers.common.metered import not_metered

OVERLAP = 100
PHONE, EMAIL, CARD = "+1 202 555 0143", "ada@example.com", "4111 1111 1111 1111"
RULES = {
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


def guardrail(
    judge: Judge | None = None, *, step: int = 200, units: Mapping[str, int] | None = None
) -> Guardrail:
    """The guardrail of `RULES`, or one with another judge."""
    return Guardrail.from_json(RULES) if judge is None else Guardrail(judge, step, OVERLAP, units or {})


def guarded(judge: Judge | None = None, *, step: int = 200) -> Guarded:
    """A guardrail around a call that is not metered."""
    return guardrail(judge, step=step).around(not_metered(), name="fast", deadline=Deadline.after(60))
