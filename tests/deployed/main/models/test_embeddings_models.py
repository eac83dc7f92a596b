"""The real model of the embeddings function, in the archive that is deployed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

Invoke = Callable[[str, dict[str, Any]], dict[str, Any]]


def embed(invoke_archive: Invoke, *texts: str) -> list[list[float]]:
    answer = invoke_archive("embeddings", {"operation": "embeddings", "input": {"inputs": list(texts)}})
    assert (answer["dimensions"], answer["normalized"]) == (512, True)
    vectors: list[list[float]] = answer["embeddings"]
    return vectors


def compare(invoke_archive: Invoke, query: str, candidates: list[str]) -> list[dict[str, Any]]:
    event = {"operation": "embeddings.similarity", "input": {"query": query, "candidates": candidates}}
    results: list[dict[str, Any]] = invoke_archive("embeddings", event)["results"]
    return results


def test_vectors_have_length_1_and_are_the_same_each_time(invoke_archive: Invoke) -> None:
    one, other, again = embed(invoke_archive, "A cat sleeps.", "Un chat dort.", "A cat sleeps.")
    assert again == pytest.approx(one, abs=1e-5)
    assert one != other
    assert [math.hypot(*vector) for vector in (one, other)] == [pytest.approx(1, abs=1e-5)] * 2


def test_a_vector_does_not_depend_on_the_texts_beside_it(invoke_archive: Invoke) -> None:
    alone = embed(invoke_archive, "A cat sleeps.")[0]
    together = embed(invoke_archive, "The house is empty.", "A cat sleeps.", "word " * 300)[1]
    assert together == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize(
    ("query", "best", "others"),
    [
        (
            "How do I get my money back?",
            "Refunds are paid within five days.",
            ["Our offices are closed on Sundays.", "The museum has a garden.", "Parking is free for guests."],
        ),
        (
            "When are you open?",
            "Our opening hours are 9 to 5 on weekdays.",
            ["We sell red and blue bicycles.", "The cake is made of apples.", "He plays the violin."],
        ),
        (
            "The doctor treats her patients.",
            "A physician cares for sick people.",
            ["The stock market fell today.", "A dog barks at night.", "The train is late."],
        ),
        (
            "I am looking for a place to eat.",
            "There is a good restaurant around the corner.",
            ["The computer needs a new battery.", "Snow fell in the mountains.", "The law was changed."],
        ),
    ],
)
def test_what_means_the_same_is_closest(
    invoke_archive: Invoke, query: str, best: str, others: list[str]
) -> None:
    results = compare(invoke_archive, query, [*others, best])
    assert results[0]["index"] == len(others)
    scores = [result["score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[1] > 0.1


@pytest.mark.parametrize(
    "translation",
    [
        "Die Katze schläft auf dem Sofa.",
        "Le chat dort sur le canapé.",
        "El gato duerme en el sofá.",
        "Il gatto dorme sul divano.",
        "O gato dorme no sofá.",
        "De kat slaapt op de bank.",
        "Кошка спит на диване.",
        "猫がソファで寝ている。",
        "猫在沙发上睡觉。",
    ],
)
def test_a_translation_is_closer_than_another_sentence_of_either_language(
    invoke_archive: Invoke, translation: str
) -> None:
    others = ["The bank raises its interest rates.", "Die Zinsen steigen.", "Les taux d'intérêt montent."]
    results = compare(invoke_archive, "The cat sleeps on the sofa.", [*others, translation])
    assert results[0]["index"] == len(others)
    assert results[0]["score"] > 0.5


def test_a_text_is_like_itself(invoke_archive: Invoke) -> None:
    [result] = compare(invoke_archive, "A cat sleeps.", ["A cat sleeps."])
    assert result == {"index": 0, "score": pytest.approx(1, abs=1e-5)}


@pytest.mark.parametrize(
    "piece",
    ["( ", *(pytest.param(piece, marks=pytest.mark.long) for piece in ("😀", "a", "e\u0301", "\x00", "한"))],
)
def test_the_largest_request_is_answered(invoke_archive: Invoke, piece: str) -> None:
    text = (piece * 2000)[:1999] + "x"
    vectors = embed(invoke_archive, *[text] * 8)
    assert all(vector == pytest.approx(vectors[0], abs=1e-5) for vector in vectors)
