"""Cosine similarity, and the order it gives."""

from __future__ import annotations

import math
from collections.abc import Sequence

from handlers.embeddings.models import Similarity, Vector


def ranked(query: Vector, candidates: Sequence[Vector]) -> list[Similarity]:
    """The candidates by their cosine similarity with the query, the closest first, equals in their given order."""
    scores = [round(_cosine(query, candidate), 6) for candidate in candidates]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return [Similarity(index=index, score=scores[index]) for index in order]


def likeness_to_mean(vectors: Sequence[Vector]) -> list[float]:
    """The cosine similarity of each vector with the mean of all."""
    mean = [math.fsum(numbers) / len(vectors) for numbers in zip(*vectors, strict=True)]
    return [_cosine(mean, vector) for vector in vectors]


def _cosine(one: Vector, other: Vector) -> float:
    """Between -1 and 1; 0 for a vector of length 0, which is like nothing."""
    lengths = math.hypot(*one) * math.hypot(*other)
    if lengths == 0:
        return 0.0
    product = math.fsum(a * b for a, b in zip(one, other, strict=True))
    return max(-1.0, min(1.0, product / lengths))
