"""What a language backend does; there is one with local models and one that calls Comprehend."""

from __future__ import annotations

from typing import Protocol

from handlers.common.deadline import Deadline
from handlers.language.models import Analysis, DetectedLanguage


class LanguageBackend(Protocol):
    """Analyses text."""

    @property
    def analysed_languages(self) -> frozenset[str]:
        """The languages that `analyse` knows."""

    def detect(self, text: str, *, deadline: Deadline) -> list[DetectedLanguage]:
        """The languages the text may be in, the likeliest first; none when nothing can be told."""

    def analyse(self, text: str, language: str, *, deadline: Deadline) -> Analysis:
        """Sentiment, entities and key phrases of a text in one of `analysed_languages`."""
