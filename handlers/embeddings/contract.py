"""Contract of the embeddings service."""

from __future__ import annotations

from handlers.common.contract import Contract
from handlers.common.metering import per_input_token, per_thousand_characters
from handlers.common.summary import SummaryRequest, SummaryResponse
from handlers.embeddings.models import (
    MAX_CHARACTERS,
    MAX_TEXTS,
    EmbeddingsRequest,
    EmbeddingsResponse,
    SimilarityRequest,
    SimilarityResponse,
)

EMBEDDING_MODEL = "amazon.titan-embed-text-v2:0"

embeddings = Contract(
    "embeddings",
    summary="Vectors of texts, and what they say about meaning.",
    # 16,000 characters outside the basic plane take 192,000 bytes when a client writes each as two \\uXXXX.
    max_body_bytes=262_144,
    read_only=True,
    bedrock_models=[EMBEDDING_MODEL],
)
embed_texts = embeddings.post(
    "/embeddings",
    EmbeddingsRequest,
    EmbeddingsResponse,
    metered_by=per_input_token("inputs", used="tokens", most=4 * MAX_CHARACTERS + 2 * MAX_TEXTS),
    summary="Turn texts into vectors that are close to each other when the meanings are, across languages.",
    request_example={"inputs": ["a cat on a sofa", "eine Katze auf dem Sofa"]},
)
rank_candidates = embeddings.post(
    "/embeddings/similarity",
    SimilarityRequest,
    SimilarityResponse,
    name="embeddings.similarity",
    metered_by=per_thousand_characters("query", "candidates", most=16),
    summary="Rank texts by how close in meaning they are to another, across languages.",
    request_example={"query": "a pet", "candidates": ["eine Katze", "a train"]},
)
choose_sentences = embeddings.post(
    "/embeddings/summary",
    SummaryRequest,
    SummaryResponse,
    name="embeddings.summary",
    metered_by=per_thousand_characters("text", most=16),
    summary="Choose the sentences of a text that are closest in meaning to the whole, across languages.",
    request_example={
        "text": "The museum opened a new wing on Monday. It was full by noon.",
        "max_sentences": 1,
    },
)
