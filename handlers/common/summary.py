"""Summaries: what the services that make them take and give, and how a text is taken apart for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from handlers.common.models import NotBlank, RequestModel, ResponseModel

MAX_TEXT_CHARACTERS = 16_000
MAX_SENTENCES = 10
_MAX_PIECES = 400
_MAX_PIECE_CHARACTERS = 600
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[\u3002\uff01\uff1f])|\n+")


class SummaryRequest(RequestModel):
    """A text to summarize."""

    text: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS), NotBlank()]
    max_sentences: Annotated[int, Field(ge=1, le=MAX_SENTENCES)] = 3


class SummaryResponse(ResponseModel):
    """The summary."""

    summary: Annotated[str, Field(min_length=1)]
    model: str = Field(description="What made it.")


def sentences(text: str) -> list[str]:
    """The text in sentences, at most 400; what is left of a very long one makes sentences of its own."""
    pieces = (
        " ".join(sentence[start : start + _MAX_PIECE_CHARACTERS].split())
        for sentence in _SENTENCE_END.split(text)
        for start in range(0, len(sentence), _MAX_PIECE_CHARACTERS)
    )
    return [piece for piece in pieces if piece][:_MAX_PIECES]


def best(pieces: Sequence[str], scores: Sequence[float], count: int) -> str:
    """The `count` sentences of the highest scores, in the order of the text; of equals the earlier."""
    chosen = sorted(range(len(pieces)), key=lambda index: -scores[index])[:count]
    return " ".join(pieces[index] for index in sorted(chosen))
