"""Summarizes by choosing sentences: LexRank, with nothing but the text itself."""

from __future__ import annotations

import math
import re
from collections import Counter

from handlers.common.deadline import Deadline
from handlers.common.summary import SummaryResponse, best, sentences

MODEL = "lexrank"

_WORD = re.compile(r"\w+")
_LEAST_LIKENESS = 0.1
_DAMPING = 0.85
_ROUNDS = 30
_CLOSE_ENOUGH = 1e-6


class LexRank:
    """LexRank: chooses the sentences that most others resemble in their words, in any language that has spaces."""

    def summarize(self, text: str, *, max_sentences: int, deadline: Deadline) -> SummaryResponse:  # noqa: ARG002
        """The most central sentences, in the order of the text: 0.1 s for 400 of them."""
        pieces = sentences(text)
        return SummaryResponse(summary=best(pieces, centrality(pieces), max_sentences), model=MODEL)


def centrality(pieces: list[str]) -> list[float]:
    """Return the centrality of each sentence: its rank in the graph of sentences that share words.

    Returns:
        One score a sentence; they sum up to 1.
    """
    vectors = _weights([Counter(_WORD.findall(piece.lower())) for piece in pieces])
    neighbours = [
        [
            other
            for other in range(len(vectors))
            if other != one and _likeness(vectors[one], vectors[other]) > _LEAST_LIKENESS
        ]
        for one in range(len(vectors))
    ]
    ranks = [1 / len(pieces)] * len(pieces)
    for _ in range(_ROUNDS):
        lost = sum(rank for rank, near in zip(ranks, neighbours, strict=True) if not near)
        share = (1 - _DAMPING + _DAMPING * lost) / len(pieces)
        new = [
            share + _DAMPING * sum(ranks[other] / len(neighbours[other]) for other in near)
            for near in neighbours
        ]
        change = max(abs(before - after) for before, after in zip(ranks, new, strict=True))
        ranks = new
        if change < _CLOSE_ENOUGH:
            break
    return ranks


def _weights(counts: list[Counter[str]]) -> list[dict[str, float]]:
    """TF-IDF vectors of length 1; a word that is in every sentence tells nothing."""
    occurring = Counter(word for count in counts for word in count)
    vectors = []
    for count in counts:
        raw = {word: times * math.log(len(counts) / occurring[word]) for word, times in count.items()}
        length = math.sqrt(sum(weight * weight for weight in raw.values()))
        vectors.append({word: weight / length for word, weight in raw.items()} if length else {})
    return vectors


def _likeness(one: dict[str, float], other: dict[str, float]) -> float:
    if len(one) > len(other):
        one, other = other, one
    return sum(weight * other[word] for word, weight in one.items() if word in other)
