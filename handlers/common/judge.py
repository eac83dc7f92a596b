"""Judge of texts: finds what a guardrail names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from handlers.common.deadline import Deadline

Source = Literal["INPUT", "CONTEXT", "OUTPUT"]
"""Where a text comes from: users and tools, which may attack a model; the application; or the model."""


@dataclass(frozen=True, slots=True)
class Span:
    """A finding to mask.

    Attributes:
        begin: Index of its first character.
        end: Index after its last character.
        kind: Its type, such as `PHONE`.
    """

    begin: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Judgement of a text.

    Attributes:
        spans: What to mask.
        blocked: Types of what blocks the text, such as `EMAIL` or `PROMPT_ATTACK`. Default: none.
        units: What the judgement cost, by the units of `guardrail@aws` in `prices.toml`. Default: nothing.
    """

    spans: Sequence[Span] = ()
    blocked: Sequence[str] = ()
    units: Mapping[str, int] = field(default_factory=dict)


class Judge(Protocol):
    """Judge of a guardrail: finds what it names in texts."""

    def judge(self, text: str, *, source: Source, deadline: Deadline) -> Verdict:
        """Judge a text.

        Raises:
            ServiceError: It was not judged.
        """
