"""Guardrails: judge texts before a model reads them and before a caller does, mask what is found, or block.

A judge finds what a guardrail names in a text: Bedrock Guardrails (`bedrock_judge.py`), or patterns in the function itself
(`offline_judge.py`). This module does the rest, the same for both. It fails closed: a text that was not judged is not passed on.

Texts are judged in windows on a fixed grid, so that the result depends on the text alone and not on the pieces in which a stream
brings it. Window number k passes on `step` characters, and reads `overlap` more on each side:

    |<- overlap ->|<------ step ------>|<- overlap ->|
                  k * step             (k + 1) * step

What begins within the step belongs to the window. It is masked whole where it reaches beyond the step. What is open at the end of a
window is read again by the next one from its beginning.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar, cast

from pydantic import BaseModel

from handlers.common.deadline import Deadline
from handlers.common.errors import ContentFiltered, GuardrailUnavailable, ServiceError
from handlers.common.json_texts import JsonTexts, UnreadableText
from handlers.common.judge import Judge, Source, Span, Verdict
from handlers.common.metered import Metered
from handlers.common.metrics import record_intervention

MAX_OPEN_CHARACTERS: Final = 4_000
"""The longest finding. What is longer is blocked."""

INPUT_STEP: Final = 20_000
"""Characters that a window of a whole input passes on."""

_SEPARATOR: Final = "\n\n"

Action = Literal["passed", "masked", "blocked"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A guardrail of a route or a service.

    Attributes:
        judge: Its judge.
        step: Characters that a window of an output passes on.
        overlap: Characters that a window reads before and after them: the longest text that is found wherever it begins.
        units: What Bedrock bills for a window, by the units of `guardrail@aws` in `prices.toml`. Default: nothing.
    """

    judge: Judge
    step: int
    overlap: int
    units: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_json(cls, rules: Mapping[str, Any]) -> Guardrail:
        """Return the guardrail that `constructs_lib/patterns/guardrail.py` wrote as plain data.

        Raises:
            KeyError: A field is missing.
            ValueError: Its backend is unknown.
        """
        step, overlap = int(rules["step"]), int(rules["overlap"])
        if rules["backend"] == "offline":
            from handlers.common.offline_judge import OfflineJudge

            return cls(OfflineJudge(rules["personal_data"], rules["words"]), step, overlap)
        if rules["backend"] == "bedrock":
            from handlers.common.bedrock_judge import BedrockJudge

            return cls(BedrockJudge(rules["id"], rules["version"]), step, overlap, rules["units"])
        raise ValueError(f"guardrail: backend {rules['backend']!r} is unknown; use offline or bedrock")

    @classmethod
    def from_environment(cls) -> Guardrail | None:
        """Return the guardrail of GUARDRAIL, which guards all texts of a service; None without it."""
        rules = os.environ.get("GUARDRAIL")
        return None if not rules else cls.from_json(json.loads(rules))

    def around(self, metered: Metered, *, name: str, deadline: Deadline) -> Guarded:
        """Return what guards one call.

        Args:
            metered: Metering of the call.
            name: The guarded route or service, for metrics.
            deadline: When the texts must have been judged.
        """
        return Guarded(self, metered, name, deadline)


class Guarded:
    """A guardrail around one call.

    Args:
        guardrail: The guardrail.
        metered: Metering of the call.
        name: The guarded route or service.
        deadline: When the texts must have been judged.
    """

    def __init__(self, guardrail: Guardrail, metered: Metered, name: str, deadline: Deadline) -> None:
        self._guardrail = guardrail
        self._metered = metered
        self._name = name
        self._deadline = deadline
        self._units: Counter[str] = Counter()
        self.action: Action = "passed"
        """What it did so far."""

    def reserve(self, characters: int, *, batches: int = 1) -> None:
        """Reserve what it costs to judge a number of characters.

        Args:
            characters: The most characters.
            batches: In how many parts they are judged at most, each of which may need a window more. Default: 1.

        Raises:
            BudgetExceeded: A limit leaves too little.
            BackendUnavailable: DynamoDB does not answer.
        """
        windows = characters // self._guardrail.step + batches
        if self._guardrail.units:
            upper = {unit: windows * count for unit, count in self._guardrail.units.items()}
            self._metered.guard("guardrail", upper)

    def texts(self, texts: Sequence[str], source: Source) -> list[str]:
        """Return whole texts with what is masked in them. They are judged together.

        Raises:
            ContentFiltered: Something in them blocks them.
            GuardrailUnavailable: They were not judged.
        """
        if not any(texts):
            return list(texts)
        windows = Windows(self, source, step=INPUT_STEP, overlap=self._guardrail.overlap)
        runs = [*windows.add(_SEPARATOR.join(texts)), *windows.end()]
        masked: list[str] = []
        begin = 0
        for text in texts:
            masked.append("".join(_clipped(runs, text, begin)))
            begin += len(text) + len(_SEPARATOR)
        return masked

    def documents(self, texts: Sequence[str], source: Source) -> list[str]:
        """Return JSON documents with what is masked in their keys and values; see `JsonTexts`. They are judged together.

        Raises:
            ContentFiltered: Something in them blocks them, or could be hidden in one that is not JSON.
            GuardrailUnavailable: They were not judged.
        """
        try:
            documents = [JsonTexts(text) for text in texts]
        except UnreadableText:
            raise self.blocked(["UNREADABLE"], source) from None
        values = iter(self.texts([value for one in documents for value in one.values], source))
        return [one.written([next(values) for _ in one.values]) for one in documents]

    def value(self, value: T, source: Source) -> T:
        """Return a model or plain data with what is masked in its texts. Bytes, such as images, are not judged.

        Raises:
            ContentFiltered: Something in it blocks it.
            GuardrailUnavailable: It was not judged.
        """
        texts: list[str] = []
        _mapped(value, lambda text: texts.append(text) or text)  # type: ignore[func-returns-value]
        if texts:
            self.reserve(sum(len(text) + len(_SEPARATOR) for text in texts))
        masked = iter(self.texts(texts, source))
        return cast(T, _mapped(value, lambda _: next(masked)))

    def windows(self, source: Source) -> Windows:
        """Return windows over a text that comes in pieces."""
        return Windows(self, source, step=self._guardrail.step, overlap=self._guardrail.overlap)

    def judged(self, text: str, source: Source) -> Verdict:
        """Return the verdict on the text of a window, which nothing blocks.

        Raises:
            ContentFiltered: Something blocks it.
            GuardrailUnavailable: It was not judged.
        """
        try:
            verdict = self._guardrail.judge.judge(text, source=source, deadline=self._deadline)
        except ServiceError as error:
            raise GuardrailUnavailable(detail=error.detail) from error
        self._units.update(verdict.units)
        self._metered.guard_used(self._units)
        if verdict.blocked:
            raise self.blocked(verdict.blocked, source)
        return verdict

    def blocked(self, kinds: Iterable[str], source: Source) -> ContentFiltered:
        """Record what blocked a text, and return the error for it."""
        self._metered.filtered()
        self.action = "blocked"
        names = self._record(kinds, source)
        return ContentFiltered(detail=f"guardrail of {self._name}: {source} {' '.join(names)}")

    def masked_in(self, source: Source, kinds: Iterable[str]) -> None:
        """Record what was masked in a text."""
        self.action = "masked"
        self._record(kinds, source)

    def _record(self, kinds: Iterable[str], source: Source) -> list[str]:
        names = sorted(set(kinds))
        record_intervention(guarded=self._name, action=self.action, source=source, kinds=names)
        return names


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of a text that are passed on or masked together.

    Attributes:
        begin: Index of the first character.
        end: Index after the last character.
        text: What is passed on: the characters, or `{PHONE}`.
        masked: Whether they are masked.
    """

    begin: int
    end: int
    text: str
    masked: bool


class Windows:
    """Windows over one text that comes in pieces.

    Args:
        guarded: Judges the text of a window, and records what was masked.
        source: Side of the text.
        step: Characters that a window passes on.
        overlap: Characters that it reads before and after them.
    """

    def __init__(self, guarded: Guarded, source: Source, *, step: int, overlap: int) -> None:
        self._guarded = guarded
        self._source = source
        self._step = step
        self._overlap = overlap
        self._buffer: list[str] = []
        self._buffer_begin = 0
        self._size = 0
        self._number = 0
        self._passed = 0
        self._masked_to = -1
        self._open_from: int | None = None
        self._masked: set[str] = set()

    def add(self, piece: str) -> Iterator[Run]:
        """Add the next piece of the text; yield what may be passed on.

        Raises:
            ContentFiltered: Something blocks what follows.
            GuardrailUnavailable: It was not judged.
        """
        self._buffer.append(piece)
        self._size += len(piece)
        while self._size >= (self._number + 1) * self._step + self._overlap:
            yield from self._window(last=False)

    def end(self) -> Iterator[Run]:
        """Yield what is left at the end of the text; raises as `add`."""
        while self._number * self._step < self._size:
            yield from self._window(last=True)
        if self._masked:
            self._guarded.masked_in(self._source, self._masked)

    def _window(self, *, last: bool) -> list[Run]:
        """Judge the next window and return its runs."""
        begin = self._number * self._step
        end = min(begin + self._step, self._size)
        left = max(0, begin - self._overlap)
        if self._open_from is not None:
            left = min(left, self._open_from)
        right = min(end + self._overlap, self._size)
        held = "".join(self._buffer)
        text = held[left - self._buffer_begin : right - self._buffer_begin]
        spans = _merged(self._guarded.judged(text, self._source).spans, left)
        open_at_end = spans and spans[-1].end == right and not (last and right == self._size)
        self._open_from = spans[-1].begin if open_at_end else None
        if self._open_from is not None and right - self._open_from > MAX_OPEN_CHARACTERS:
            raise self._guarded.blocked([spans[-1].kind], self._source)
        runs: list[Run] = []
        position = max(begin, self._passed)
        for span in spans:
            if span.end <= position or span.begin >= end:
                continue
            if span.begin > position:
                plain = text[position - left : span.begin - left]
                runs.append(Run(position, span.begin, plain, masked=False))
                position = span.begin
            # What the window before masked up to here, and goes on, has its mask.
            goes_on = span.begin < position == self._masked_to
            mask = "" if goes_on else f"{{{span.kind}}}"
            runs.append(Run(position, span.end, mask, masked=True))
            self._masked.add(span.kind)
            position = self._masked_to = span.end
        if position < end:
            runs.append(Run(position, end, text[position - left : end - left], masked=False))
            position = end
        self._passed = position
        self._number += 1
        keep = max(0, self._number * self._step - self._overlap)
        if self._open_from is not None:
            keep = min(keep, self._open_from)
        self._buffer = [held[keep - self._buffer_begin :]]
        self._buffer_begin = keep
        return runs


def _mapped(value: object, change: Callable[[str], str]) -> object:
    """Return a value with other texts, in the same order each time."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: _mapped(inner, change) for name, inner in value})
    if isinstance(value, Mapping):
        return {_mapped(name, change): _mapped(inner, change) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(inner, change) for inner in value]
    return value


def _merged(spans: Iterable[Span], offset: int) -> list[Span]:
    """Return spans of a text that begins at an offset, in their order, as one where they overlap."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.begin, -one.end)):
        begin, end = span.begin + offset, span.end + offset
        if merged and begin < merged[-1].end:
            last = merged[-1]
            merged[-1] = Span(last.begin, max(end, last.end), last.kind)
        elif begin < end:
            merged.append(Span(begin, end, span.kind))
    return merged


def _clipped(runs: Iterable[Run], text: str, begin: int) -> Iterator[str]:
    """Yield the runs of one of the texts that were judged together."""
    end = begin + len(text)
    for run in runs:
        first, last = max(run.begin, begin), min(run.end, end)
        if first < last:
            yield run.text if run.masked else text[first - begin : last - begin]
