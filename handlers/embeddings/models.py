"""Requests and responses of `embeddings` and `embeddings.similarity`, the same for all backends."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from handlers.common.models import NotBlank, RequestModel, ResponseModel

MAX_TEXTS = 64
MAX_TEXT_CHARACTERS = 2_000
MAX_CHARACTERS = 16_000
"""Over all texts of a request: some seconds of work for the local model."""

EmbeddableText = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS), NotBlank()]
Vector = list[float]


class EmbeddingsRequest(RequestModel):
    """Texts to embed."""

    inputs: Annotated[
        list[EmbeddableText],
        Field(min_length=1, max_length=MAX_TEXTS, description="At most 16,000 characters in all."),
    ]
    normalize: Annotated[bool, Field(description="Whether the vectors should have length 1.")] = True


class EmbeddingsResponse(ResponseModel):
    """One vector for each text, in their order."""

    model: str = Field(description="Vectors of different models cannot be compared.")
    dimensions: int = Field(gt=0)
    normalized: bool = Field(
        description="Whether the vectors have length 1. Vectors of the local model always have."
    )
    tokens: int = Field(ge=0, description="Tokens of all texts, as the model counts them.")
    embeddings: list[Vector]

    @model_validator(mode="after")
    def _vectors_have_the_dimensions(self) -> EmbeddingsResponse:
        if any(len(vector) != self.dimensions for vector in self.embeddings):
            raise ValueError("a vector has another number of dimensions")
        return self


class SimilarityRequest(RequestModel):
    """A text, and the candidates to compare it with."""

    query: EmbeddableText
    candidates: Annotated[
        list[EmbeddableText],
        Field(
            min_length=1,
            max_length=MAX_TEXTS,
            description="At most 16,000 characters in all, with the query.",
        ),
    ]


class Similarity(ResponseModel):
    """Similarity of a candidate to the query."""

    index: int = Field(ge=0, description="The candidate's place in the request, from zero.")
    score: float = Field(ge=-1, le=1, description="Cosine similarity.")


class SimilarityResponse(ResponseModel):
    """All candidates, the closest first."""

    model: str
    results: list[Similarity]
