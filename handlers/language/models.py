"""Request and response of `language.analysis`, the same for all backends.

Offsets count Unicode code points of the text as it was sent, from zero, the end exclusive; they are Python's own
string indices and Comprehend's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from handlers.common.models import NotBlank, RequestModel, ResponseModel, is_none
from handlers.common.summary import SummaryRequest

MAX_TEXT_BYTES = 5_000
"""As UTF-8; what Comprehend takes in one synchronous call."""

UNDETERMINED = "und"
"""ISO 639 code for text whose language cannot be determined."""

SentimentLabel = Literal["POSITIVE", "NEGATIVE", "NEUTRAL", "MIXED"]
EntityType = Literal[
    "PERSON", "LOCATION", "ORGANIZATION", "COMMERCIAL_ITEM", "EVENT", "DATE", "QUANTITY", "TITLE", "OTHER"
]
Score = Annotated[float, Field(ge=0, le=1)]
OptionalScore = Annotated[Score | None, Field(exclude_if=is_none)]


class AnalysisRequest(RequestModel):
    """A text to analyse."""

    text: Annotated[
        str,
        Field(max_length=MAX_TEXT_BYTES, description="The text; at most 5,000 bytes as UTF-8."),
        NotBlank(),
    ]
    language: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$",
            description="The text's language, such as `en` or `zh-TW`, if it is known. Default: it is detected.",
        ),
    ] = None


class StyledSummaryRequest(SummaryRequest):
    """A text to summarize, and how."""

    style: Annotated[
        Literal["extractive", "abstractive"] | None,
        Field(
            description="`extractive` chooses sentences of the text and invents nothing; `abstractive` has a language model "
            "write. Default: `extractive`; with AWS's AI services `abstractive`, if the caller may use the model."
        ),
    ] = None


class DetectedLanguage(ResponseModel):
    """A language that the text may be in."""

    code: str = Field(description="ISO 639 code, such as `en`; `und` when the language cannot be determined.")
    score: OptionalScore = Field(
        default=None, description="How sure the model is. Left out for a language that the request named."
    )


class SentimentScores(ResponseModel):
    """Share of each sentiment.

    Comprehend: the probability of each label. Local: the shares of the text's words; that model has no `mixed`.
    """

    positive: Score
    negative: Score
    neutral: Score
    mixed: OptionalScore = None


class Sentiment(ResponseModel):
    """The mood of the text."""

    label: SentimentLabel
    scores: SentimentScores


class Entity(ResponseModel):
    """Something that the text names."""

    text: str
    type: EntityType
    begin_offset: int = Field(ge=0, description="Index of the first code point.")
    end_offset: int = Field(ge=0, description="Index after the last code point.")
    score: OptionalScore = Field(default=None, description="Left out where the model gives none.")


class KeyPhrase(ResponseModel):
    """A noun phrase that says what the text is about."""

    text: str
    begin_offset: int = Field(ge=0, description="Index of the first code point.")
    end_offset: int = Field(ge=0, description="Index after the last code point.")
    score: OptionalScore = Field(default=None, description="Left out where the model gives none.")


class Analysis(ResponseModel):
    """Analysis of a text in a language that the backend supports."""

    sentiment: Sentiment
    entities: list[Entity]
    key_phrases: list[KeyPhrase]


class AnalysisResponse(ResponseModel):
    """The analysis; what the backend cannot do in the text's language is null, and `notes` says so."""

    language: DetectedLanguage
    alternatives: list[DetectedLanguage] = Field(
        description="Other languages it may be, the likeliest first."
    )
    sentiment: Sentiment | None
    entities: list[Entity] | None
    key_phrases: list[KeyPhrase] | None
    notes: list[str] = Field(description="What is missing in this answer, and why.")
