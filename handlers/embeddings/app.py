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
        backend: Gives the backend; it is asked only when a good request is there.
    """
    service = Service(embeddings)

    @service.implements(embed_texts)
    def handle_embeddings(request: EmbeddingsRequest, invocation: Invocation) -> EmbeddingsResponse:
        _refuse_too_much(request.inputs)
        made = backend().embed(request.inputs, normalize=request.normalize, deadline=invocation.deadline)
        return EmbeddingsResponse(
            model=made.model,
            dimensions=len(made.vectors[0]),
            normalized=made.normalized,
            tokens=made.tokens,
            embeddings=made.vectors,
        )

    @service.implements(rank_candidates)
    def handle_similarity(request: SimilarityRequest, invocation: Invocation) -> SimilarityResponse:
        texts = [request.query, *request.candidates]
        _refuse_too_much(texts)
        made = backend().embed(texts, normalize=True, deadline=invocation.deadline)
        query, *candidates = made.vectors
        return SimilarityResponse(model=made.model, results=ranked(query, candidates))

    @service.implements(choose_sentences)
    def handle_summary(request: SummaryRequest, invocation: Invocation) -> SummaryResponse:
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
