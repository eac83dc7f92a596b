"""The language backend that calls Amazon Comprehend."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from handlers.common.aws_api import AwsApi, reading_answer
from handlers.common.deadline import Deadline
from handlers.common.errors import PayloadTooLarge, UnprocessableInput
from handlers.language.models import (
    Analysis,
    DetectedLanguage,
    Entity,
    KeyPhrase,
    Sentiment,
    SentimentScores,
)

_MAX_LANGUAGES = 3
_REFUSALS = {
    "InvalidRequestException": lambda: UnprocessableInput("The language service cannot work on this text."),
    "TextSizeLimitExceededException": lambda: PayloadTooLarge("text is too large for the language service."),
    "UnsupportedLanguageException": lambda: UnprocessableInput(
        "The language service does not know this language."
    ),
}


class ComprehendBackend:
    """Detects and analyses with Comprehend's synchronous calls.

    Args:
        api: Comprehend; made from the environment when left out.
    """

    def __init__(self, api: AwsApi | None = None) -> None:
        self._api = api or AwsApi("comprehend")

    @property
    def analysed_languages(self) -> frozenset[str]:
        """The languages of Comprehend's sentiment, entities and key phrases."""
        return frozenset({"ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "pt", "zh", "zh-TW"})

    def detect(self, text: str, *, deadline: Deadline) -> list[DetectedLanguage]:
        """The three likeliest languages.

        Raises:
            ServiceError: Comprehend refuses the text, is busy, too slow, or answers nonsense.
        """
        answer = self._call("detect_dominant_language", {"Text": text}, deadline)
        with reading_answer("comprehend.detect_dominant_language"):
            languages = [
                DetectedLanguage(code=language["LanguageCode"], score=language["Score"])
                for language in answer["Languages"]
            ]
        return sorted(languages, key=lambda language: -(language.score or 0))[:_MAX_LANGUAGES]

    def analyse(self, text: str, language: str, *, deadline: Deadline) -> Analysis:
        """Sentiment, entities and key phrases, asked for at the same time.

        Raises:
            ServiceError: See `detect`.
        """
        parameters = {"Text": text, "LanguageCode": language}
        operations = ("detect_sentiment", "detect_entities", "detect_key_phrases")
        with ThreadPoolExecutor(len(operations)) as threads:
            calls = [threads.submit(self._call, operation, parameters, deadline) for operation in operations]
            sentiment, entities, key_phrases = (call.result() for call in calls)
        with reading_answer("comprehend"):
            return Analysis(
                sentiment=_sentiment(sentiment),
                entities=[Entity(type=entity["Type"], **_span(entity)) for entity in entities["Entities"]],
                key_phrases=[KeyPhrase(**_span(phrase)) for phrase in key_phrases["KeyPhrases"]],
            )

    def _call(self, operation: str, parameters: Mapping[str, object], deadline: Deadline) -> dict[str, Any]:
        return self._api.call(operation, parameters, deadline=deadline, refusals=_REFUSALS)


def _sentiment(answer: Mapping[str, Any]) -> Sentiment:
    scores = answer["SentimentScore"]
    return Sentiment(
        label=answer["Sentiment"],
        scores=SentimentScores(
            positive=scores["Positive"],
            negative=scores["Negative"],
            neutral=scores["Neutral"],
            mixed=scores["Mixed"],
        ),
    )


def _span(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "text": found["Text"],
        "begin_offset": found["BeginOffset"],
        "end_offset": found["EndOffset"],
        "score": found["Score"],
    }
