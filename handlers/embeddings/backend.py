"""Protocol of embeddings backends: one has a local model, one calls Bedrock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from handlers.common.deadline import Deadline
from handlers.embeddings.models import Vector


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of texts.

    Attributes:
        model: The model that made them.
        normalized: Whether each vector has length 1.
        vectors: One for each text, in their order, all of the same number of dimensions.
        tokens: Tokens of all texts, as the model counts them.
    """

    model: str
    normalized: bool
    vectors: list[Vector]
    tokens: int


class EmbeddingsBackend(Protocol):
    """Embed texts."""

    def embed(self, texts: Sequence[str], *, normalize: bool, deadline: Deadline) -> Embeddings:
        """Embed one text or more; with `normalize` the vectors have length 1."""
