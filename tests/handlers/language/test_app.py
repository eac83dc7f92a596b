from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from handlers.common.deadline import Deadline
from handlers.common.errors import BackendTimeout, InvalidRequest, PayloadTooLarge
from handlers.language.app import create_service
from handlers.language.models import (
    Analysis,
    DetectedLanguage,
    Entity,
    KeyPhrase,
    Sentiment,
    SentimentScores,
)
from tests.support.events import Context, ask, call, proxy_event

ANALYSIS = Analysis(
    sentiment=Sentiment(label="POSITIVE", scores=SentimentScores(positive=0.5, negative=0, neutral=0.5)),
    entities=[Entity(text="London", type="LOCATION", begin_offset=7, end_offset=13)],
    key_phrases=[KeyPhrase(text="London", begin_offset=7, end_offset=13, score=0.9)],
)
NOTE = "Sentiment, entities and key phrases are available for these languages only: en, fr."


@dataclass
class FakeLanguage:
    """Backend with configured answers."""

    languages: list[DetectedLanguage] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    seconds_left: float = 0.0

    analysed_languages = frozenset({"en", "fr"})

    def detect(self, text: str, *, deadline: Deadline) -> list[DetectedLanguage]:
        self.requests.append(("detect", text))
        self.seconds_left = deadline.seconds_left()
        return self.languages

    def analyse(self, text: str, language: str, *, deadline: Deadline) -> Analysis:
        self.requests.append((language, text))
        self.seconds_left = deadline.seconds_left()
        return ANALYSIS


def test_a_text_of_a_known_language_is_analysed() -> None:
    backend = FakeLanguage([DetectedLanguage(code="en", score=0.9), DetectedLanguage(code="de", score=0.05)])
    answer = ask(
        create_service(lambda: backend),
        proxy_event('{"text": "I love London"}', resource="/language/analysis"),
    )
    assert (answer.status, answer.body) == (
        200,
        {
            "language": {"code": "en", "score": 0.9},
            "alternatives": [{"code": "de", "score": 0.05}],
            "sentiment": {"label": "POSITIVE", "scores": {"positive": 0.5, "negative": 0.0, "neutral": 0.5}},
            "entities": [{"text": "London", "type": "LOCATION", "begin_offset": 7, "end_offset": 13}],
            "key_phrases": [{"text": "London", "begin_offset": 7, "end_offset": 13, "score": 0.9}],
            "notes": [],
        },
    )
    assert backend.requests == [("detect", "I love London"), ("en", "I love London")]


@pytest.mark.parametrize(
    ("found", "language"),
    [
        ([DetectedLanguage(code="de", score=0.9)], {"code": "de", "score": 0.9}),
        ([], {"code": "und"}),
    ],
)
def test_what_a_backend_cannot_analyse_is_null_and_says_so(
    found: list[DetectedLanguage], language: dict[str, object]
) -> None:
    backend = FakeLanguage(found)
    output = call(create_service(lambda: backend), "language.analysis", {"text": "Guten Tag"})
    assert output == {
        "language": language,
        "alternatives": [],
        "sentiment": None,
        "entities": None,
        "key_phrases": None,
        "notes": [NOTE],
    }
    assert backend.requests == [("detect", "Guten Tag")]


def test_a_language_that_is_given_is_not_detected() -> None:
    backend = FakeLanguage()
    output = call(create_service(lambda: backend), "language.analysis", {"text": "Bonjour", "language": "fr"})
    assert output["language"] == {"code": "fr"}
    assert backend.requests == [("fr", "Bonjour")]


def test_the_backend_gets_the_time_that_lambda_leaves() -> None:
    backend = FakeLanguage()
    call(create_service(lambda: backend), "language.analysis", {"text": "x"}, Context(remaining_ms=4_500))
    assert 3 < backend.seconds_left <= 4


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ({}, InvalidRequest, "text is required."),
        ({"text": ""}, InvalidRequest, "text should hold more than white space."),
        ({"text": "a" * 5001}, PayloadTooLarge, "text should have at most 5000 characters."),
        ({"text": "é" * 2501}, PayloadTooLarge, "text should have at most 5,000 bytes as UTF-8."),
        ({"text": "\ud800"}, InvalidRequest, "text should be text that can be written as UTF-8."),
        (
            {"text": "a", "language": "English"},
            InvalidRequest,
            "language should match ^[a-z]{2,3}(-[A-Z]{2})?$.",
        ),
    ],
)
def test_a_wrong_request_loads_no_model(value: object, error: type[Exception], message: str) -> None:
    def load() -> FakeLanguage:
        raise AssertionError("a model was loaded")

    service = create_service(load)
    with pytest.raises(error) as refused:
        call(service, "language.analysis", value)
    assert str(refused.value) == message


def test_5000_bytes_are_taken_even_when_every_letter_is_escaped() -> None:
    backend = FakeLanguage()
    event = proxy_event(json.dumps({"text": "\u0101" * 2500}), resource="/language/analysis")
    assert ask(create_service(lambda: backend), event).status == 200


def test_a_backend_that_is_too_slow_is_a_504() -> None:
    def load() -> FakeLanguage:
        raise BackendTimeout(detail="comprehend.x: ReadTimeoutError")

    answer = ask(create_service(load), proxy_event('{"text": "a"}', resource="/language/analysis"))
    assert (answer.status, answer.body["code"]) == (504, "backend_timeout")
    assert answer.log_line["error_detail"] == "comprehend.x: ReadTimeoutError"
