"""Protocol of language backends: one has local models, one calls Comprehend."""

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
        """Return the possible languages of a text, the most likely first. Empty if they cannot be determined."""

    def analyse(self, text: str, language: str, *, deadline: Deadline) -> Analysis:
        """Sentiment, entities and key phrases of a text in one of `analysed_languages`."""
