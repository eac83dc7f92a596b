"""The Lambda handler of the embeddings function."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from handlers.common.backend_choice import BackendChoice
from handlers.common.errors import PayloadTooLarge
from handlers.common.invocation import Invocation
from handlers.common.service import Service
from handlers.common.summary import SummaryRequest, SummaryResponse, best, sentences
from handlers.embeddings.backend import EmbeddingsBackend
from handlers.embeddings.contract import choose_sentences, embed_texts, embeddings, rank_candidates
from handlers.embeddings.models import (
    MAX_CHARACTERS,
    EmbeddingsRequest,
    EmbeddingsResponse,
    SimilarityRequest,
    SimilarityResponse,
)
from handlers.embeddings.similarity import likeness_to_mean, ranked


def create_service(backend: Callable[[], EmbeddingsBackend]) -> Service:
    """The embeddings service.

    Args:
        backend: Returns the backend; called only for a valid request.
    """
    service = Service(embeddings)

    @service.implements(embed_texts)
    def handle_embeddings(request: EmbeddingsRequest, invocation: Invocation) -> EmbeddingsResponse:
        _refuse_too_much(request.inputs)
        embedded = backend().embed(request.inputs, normalize=request.normalize, deadline=invocation.deadline)
        return EmbeddingsResponse(
            model=embedded.model,
            dimensions=len(embedded.vectors[0]),
            normalized=embedded.normalized,
            tokens=embedded.tokens,
            embeddings=embedded.vectors,
        )

    @service.implements(rank_candidates)
    def handle_similarity(request: SimilarityRequest, invocation: Invocation) -> SimilarityResponse:
        texts = [request.query, *request.candidates]
        _refuse_too_much(texts)
        embedded = backend().embed(texts, normalize=True, deadline=invocation.deadline)
        query, *candidates = embedded.vectors
        return SimilarityResponse(model=embedded.model, results=ranked(query, candidates))

    @service.implements(choose_sentences)
    def handle_summary(request: SummaryRequest, invocation: Invocation) -> SummaryResponse:
        pieces = sentences(request.text)
        embedded = backend().embed(pieces, normalize=True, deadline=invocation.deadline)
        summary = best(pieces, likeness_to_mean(embedded.vectors), request.max_sentences)
        return SummaryResponse(summary=summary, model=embedded.model)

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
