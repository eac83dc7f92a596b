from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.common.deadline import Deadline
from handlers.common.errors import InvalidRequest, PayloadTooLarge
from handlers.embeddings.app import create_service
from handlers.embeddings.backend import Embeddings
from handlers.embeddings.similarity import ranked
from tests.support.events import ask, call, problem, proxy_event

VECTORS = {"east": [1.0, 0.0], "north": [0.0, 2.0], "north-east": [3.0, 3.0], "west": [-1.0, 0.0]}


@dataclass
class FakeEmbeddings:
    """Backend with vectors for the points of the compass."""

    requests: list[tuple[list[str], bool, bool]] = field(default_factory=list)

    def embed(self, texts: Sequence[str], *, normalize: bool, deadline: Deadline) -> Embeddings:
        self.requests.append((list(texts), normalize, deadline.seconds_left() > 20))
        return Embeddings(
            model="compass", normalized=normalize, vectors=[VECTORS[text] for text in texts], tokens=3
        )


def test_each_text_gets_its_vector() -> None:
    backend = FakeEmbeddings()
    event = proxy_event('{"inputs": ["north", "east"], "normalize": false}', resource="/embeddings")
    answer = ask(create_service(lambda: backend), event)
    assert (answer.status, answer.body) == (
        200,
        {
            "model": "compass",
            "dimensions": 2,
            "normalized": False,
            "tokens": 3,
            "embeddings": [[0.0, 2.0], [1.0, 0.0]],
        },
    )
    assert backend.requests == [(["north", "east"], False, True)]


def test_candidates_are_ranked_by_their_cosine() -> None:
    backend = FakeEmbeddings()
    event = proxy_event(
        '{"query": "east", "candidates": ["west", "north-east", "north", "east"]}',
        resource="/embeddings/similarity",
    )
    answer = ask(create_service(lambda: backend), event)
    assert (answer.status, answer.body) == (
        200,
        {
            "model": "compass",
            "results": [
                {"index": 3, "score": 1.0},
                {"index": 1, "score": 0.707107},
                {"index": 2, "score": 0.0},
                {"index": 0, "score": -1.0},
            ],
        },
    )
    assert backend.requests == [(["east", "west", "north-east", "north", "east"], True, True)]


@pytest.mark.parametrize(
    ("operation", "value", "error", "message"),
    [
        ("embeddings", {"inputs": []}, InvalidRequest, "inputs should not be empty."),
        ("embeddings", {"inputs": "a"}, InvalidRequest, "inputs should be an array."),
        (
            "embeddings",
            {"inputs": ["a", " "]},
            InvalidRequest,
            "inputs[1] should hold more than white space.",
        ),
        ("embeddings", {"inputs": ["a", 1]}, InvalidRequest, "inputs[1] should be a string."),
        ("embeddings", {"inputs": ["a"] * 65}, PayloadTooLarge, "inputs should have at most 64 items."),
        (
            "embeddings",
            {"inputs": ["a", "b" * 2001]},
            PayloadTooLarge,
            "inputs[1] should have at most 2000 characters.",
        ),
        (
            "embeddings",
            {"inputs": ["b" * 2000] * 9},
            PayloadTooLarge,
            "The texts should have at most 16,000 characters in all.",
        ),
        (
            "embeddings.similarity",
            {"query": "a" * 2000, "candidates": ["b" * 2000] * 8},
            PayloadTooLarge,
            "The texts should have at most 16,000 characters in all.",
        ),
        ("embeddings.similarity", {"query": "a"}, InvalidRequest, "candidates is required."),
        (
            "embeddings.similarity",
            {"query": "a", "candidates": []},
            InvalidRequest,
            "candidates should not be empty.",
        ),
    ],
)
def test_a_wrong_request_loads_no_model(
    operation: str, value: object, error: type[Exception], message: str
) -> None:
    def load() -> FakeEmbeddings:
        raise AssertionError("a model was loaded")

    service = create_service(load)
    with pytest.raises(error) as refused:
        call(service, operation, value)
    assert str(refused.value) == message


def test_vectors_of_unequal_length_are_our_fault() -> None:
    class Broken(FakeEmbeddings):
        def embed(self, texts: Sequence[str], *, normalize: bool, deadline: Deadline) -> Embeddings:
            vectors = super().embed(texts, normalize=normalize, deadline=deadline)
            return Embeddings(vectors.model, vectors.normalized, [vectors.vectors[0], [1.0]], 3)

    answer = ask(create_service(Broken), proxy_event('{"inputs": ["east", "north"]}', resource="/embeddings"))
    assert answer.body == problem(
        "internal_error", "The service failed. The request id finds the cause in its log."
    )


numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
vectors = st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=1, max_size=6)


@given(st.lists(numbers, min_size=4, max_size=4), vectors)
def test_a_ranking_has_every_candidate_once_the_best_first(
    query: list[float], candidates: list[list[float]]
) -> None:
    results = ranked(query, candidates)
    assert sorted(result.index for result in results) == list(range(len(candidates)))
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1 for score in scores)


@given(
    st.lists(numbers, min_size=4, max_size=4).filter(lambda vector: math.hypot(*vector) > 1e-3),
    st.floats(0.01, 100),
)
def test_length_does_not_matter(query: list[float], factor: float) -> None:
    longer, opposite = [factor * number for number in query], [-number for number in query]
    results: dict[int, Any] = {result.index: result.score for result in ranked(query, [longer, opposite])}
    assert results == {0: pytest.approx(1), 1: pytest.approx(-1)}


def test_equals_keep_their_order_and_a_vector_of_no_length_is_like_nothing() -> None:
    results = ranked([1.0, 0.0], [[0.0, 0.0], [0.0, 1.0], [2.0, 0.0], [1.0, 0.0]])
    assert [(result.index, result.score) for result in results] == [(2, 1.0), (3, 1.0), (0, 0.0), (1, 0.0)]
