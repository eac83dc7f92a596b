from __future__ import annotations

from typing import Any

import pytest

from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendUnavailable,
    PayloadTooLarge,
    ServiceError,
    UnprocessableInput,
)
from handlers.language.app import create_service
from handlers.language.aws_backend import ComprehendBackend
from handlers.language.models import DetectedLanguage
from tests.support import aws
from tests.support.events import call

TEXT = "Ada loves London."
ASKED = {"Text": TEXT, "LanguageCode": "en"}
LANGUAGES = {
    "Languages": [
        {"LanguageCode": "fr", "Score": 0.02},
        {"LanguageCode": "en", "Score": 0.95},
        {"LanguageCode": "de", "Score": 0.01},
        {"LanguageCode": "nl", "Score": 0.005},
    ]
}
SENTIMENT = {
    "Sentiment": "MIXED",
    "SentimentScore": {"Positive": 0.3, "Negative": 0.2, "Neutral": 0.1, "Mixed": 0.4},
}
ENTITIES = {
    "Entities": [{"Score": 0.99, "Type": "LOCATION", "Text": "London", "BeginOffset": 10, "EndOffset": 16}]
}
KEY_PHRASES = {"KeyPhrases": [{"Score": 0.98, "Text": "Ada", "BeginOffset": 0, "EndOffset": 3}]}


def test_an_analysis_asks_comprehend_and_answers_as_the_local_backend_does() -> None:
    # The three calls of an analysis go out at once, so each has a stub of its own.
    with (
        aws.stubbed("comprehend") as (languages, languages_stub),
        aws.stubbed("comprehend") as (moods, moods_stub),
        aws.stubbed("comprehend") as (names, names_stub),
        aws.stubbed("comprehend") as (phrases, phrases_stub),
    ):
        languages_stub.add_response("detect_dominant_language", LANGUAGES, {"Text": TEXT})
        moods_stub.add_response("detect_sentiment", SENTIMENT, ASKED)
        names_stub.add_response("detect_entities", ENTITIES, ASKED)
        phrases_stub.add_response("detect_key_phrases", KEY_PHRASES, ASKED)
        apis = {
            "detect_dominant_language": languages,
            "detect_sentiment": moods,
            "detect_entities": names,
            "detect_key_phrases": phrases,
        }

        class Comprehend:
            def call(self, operation: str, parameters: Any, **options: Any) -> dict[str, Any]:
                return apis[operation].call(operation, parameters, **options)

        service = create_service(lambda: ComprehendBackend(Comprehend()))  # type: ignore[arg-type]
        output = call(service, "language.analysis", {"text": TEXT})
    assert output == {
        "language": {"code": "en", "score": 0.95},
        "alternatives": [{"code": "fr", "score": 0.02}, {"code": "de", "score": 0.01}],
        "sentiment": {
            "label": "MIXED",
            "scores": {"positive": 0.3, "negative": 0.2, "neutral": 0.1, "mixed": 0.4},
        },
        "entities": [
            {"text": "London", "type": "LOCATION", "begin_offset": 10, "end_offset": 16, "score": 0.99}
        ],
        "key_phrases": [{"text": "Ada", "begin_offset": 0, "end_offset": 3, "score": 0.98}],
        "notes": [],
    }


def detect(answer: dict[str, Any]) -> list[DetectedLanguage]:
    with aws.stubbed("comprehend") as (api, stub):
        stub.add_response("detect_dominant_language", answer)
        return ComprehendBackend(api).detect(TEXT, deadline=Deadline.after(25))


def test_no_language_at_all_is_no_language() -> None:
    assert detect({"Languages": []}) == []


@pytest.mark.parametrize(
    "answer", [{}, {"Languages": [{"Score": 0.5}]}, {"Languages": [{"LanguageCode": "en", "Score": 1.5}]}]
)
def test_an_answer_that_makes_no_sense_is_a_backend_error(answer: dict[str, Any]) -> None:
    with pytest.raises(BackendError) as raised:
        detect(answer)
    assert raised.value.message == "The AI backend's answer cannot be used."


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("TextSizeLimitExceededException", PayloadTooLarge, "text is too large for the language service."),
        ("InvalidRequestException", UnprocessableInput, "The language service cannot work on this text."),
        (
            "UnsupportedLanguageException",
            UnprocessableInput,
            "The language service does not know this language.",
        ),
        ("ThrottlingException", BackendUnavailable, "The AI backend is busy. Try again later."),
    ],
)
def test_what_comprehend_refuses(code: str, error: type[ServiceError], message: str) -> None:
    with aws.stubbed("comprehend") as (api, stub):
        stub.add_client_error("detect_dominant_language", code, "some words", 400)
        with pytest.raises(ServiceError) as raised:
            ComprehendBackend(api).detect(TEXT, deadline=Deadline.after(25))
    assert (type(raised.value), raised.value.message) == (error, message)


WHOLE = {"detect_sentiment": SENTIMENT, "detect_entities": ENTITIES, "detect_key_phrases": KEY_PHRASES}


def analyse(answers: dict[str, Any]) -> None:
    ComprehendBackend(aws.Answering(answers)).analyse(TEXT, "en", deadline=Deadline.after(25))  # type: ignore[arg-type]


@pytest.mark.parametrize("operation", WHOLE)
def test_one_part_that_fails_fails_the_analysis(operation: str) -> None:
    with pytest.raises(BackendUnavailable):
        analyse({**WHOLE, operation: BackendUnavailable()})


ENTITY = ENTITIES["Entities"][0]
SCORES = SENTIMENT["SentimentScore"]


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("detect_entities", {}),
        ("detect_entities", {"Entities": [{}]}),
        ("detect_entities", {"Entities": [{**ENTITY, "Type": "DINOSAUR"}]}),
        ("detect_entities", {"Entities": [{**ENTITY, "BeginOffset": -1}]}),
        ("detect_entities", {"Entities": [{**ENTITY, "Text": 5}]}),
        ("detect_key_phrases", {"KeyPhrases": None}),
        ("detect_sentiment", {"Sentiment": "FURIOUS", "SentimentScore": SCORES}),
        ("detect_sentiment", {"Sentiment": "MIXED", "SentimentScore": "high"}),
        ("detect_sentiment", {"Sentiment": "MIXED", "SentimentScore": {**SCORES, "Mixed": float("nan")}}),
    ],
)
def test_a_part_of_no_known_form_is_a_backend_error(operation: str, answer: dict[str, Any]) -> None:
    with pytest.raises(BackendError, match=r"^The AI backend's answer cannot be used\.$"):
        analyse({**WHOLE, operation: answer})
