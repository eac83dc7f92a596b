"""The Lambda handler of the embeddings function."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from handlers.common.backend_choice import BackendChoice
from handlers.common.errors import PayloadTooLarge
from handlers.common.invocation import Invocation
from handlers.common.service import Service
from handlers.common.summary import SummaryRequest, SummaryResponse, best, sentences
from handlers.embeddings.backend import EmbeddingsBackend
from handlers.embeddings.models import (
    MAX_CHARACTERS,
    EmbeddingsRequest,
    EmbeddingsResponse,
    SimilarityRequest,
    SimilarityResponse,
)
from handlers.embeddings.similarity import likeness_to_mean, ranked

# 16,000 characters outside the basic plane take 192,000 bytes when a client writes each as two \uXXXX.
_MAX_BODY_BYTES = 262_144


def create_service(backend: Callable[[], EmbeddingsBackend]) -> Service:
    """The embeddings service.

    Args:
        backend: Gives the backend; it is asked only when a good request is there.
    """
    service = Service("embeddings")

    @service.operation(
        "embeddings",
        path="/embeddings",
        summary="Turns texts into vectors that are close to each other when the meanings are, across languages.",
        max_body_bytes=_MAX_BODY_BYTES,
    )
    def embed(request: EmbeddingsRequest, invocation: Invocation) -> EmbeddingsResponse:
        _refuse_too_much(request.inputs)
        made = backend().embed(request.inputs, normalize=request.normalize, deadline=invocation.deadline)
        return EmbeddingsResponse(
            model=made.model,
            dimensions=len(made.vectors[0]),
            normalized=made.normalized,
            embeddings=made.vectors,
        )

    @service.operation(
        "embeddings.similarity",
        path="/embeddings/similarity",
        summary="Ranks texts by how close in meaning they are to another, across languages.",
        max_body_bytes=_MAX_BODY_BYTES,
    )
    def compare(request: SimilarityRequest, invocation: Invocation) -> SimilarityResponse:
        texts = [request.query, *request.candidates]
        _refuse_too_much(texts)
        made = backend().embed(texts, normalize=True, deadline=invocation.deadline)
        query, *candidates = made.vectors
        return SimilarityResponse(model=made.model, results=ranked(query, candidates))

    @service.operation(
        "embeddings.summary",
        path="/embeddings/summary",
        summary="Chooses the sentences of a text that are closest in meaning to the whole, across languages.",
        max_body_bytes=_MAX_BODY_BYTES,
    )
    def summarize(request: SummaryRequest, invocation: Invocation) -> SummaryResponse:
        pieces = sentences(request.text)
        made = backend().embed(pieces, normalize=True, deadline=invocation.deadline)
        summary = best(pieces, likeness_to_mean(made.vectors), request.max_sentences)
        return SummaryResponse(summary=summary, model=made.model)

    return service


def _refuse_too_much(texts: Iterable[str]) -> None:
    if sum(map(len, texts)) > MAX_CHARACTERS:
        raise PayloadTooLarge(f"The texts should have at most {MAX_CHARACTERS:,} characters in all.")


def _local() -> EmbeddingsBackend:
    from handlers.embeddings.local_backend import LocalEmbeddingsBackend

    return LocalEmbeddingsBackend()


def _aws() -> EmbeddingsBackend:
    from handlers.embeddings.aws_backend import TitanBackend

    return TitanBackend()


service = create_service(BackendChoice(local=_local, aws=_aws))
handler = service.handler
