"""The Lambda handler of the language function."""

from __future__ import annotations

from collections.abc import Callable

from handlers.common.backend_choice import BackendChoice
from handlers.common.errors import PayloadTooLarge
from handlers.common.invocation import Invocation
from handlers.common.service import Service
from handlers.common.summary import SummaryRequest, SummaryResponse
from handlers.language.backend import LanguageBackend
from handlers.language.models import (
    MAX_TEXT_BYTES,
    UNDETERMINED,
    AnalysisRequest,
    AnalysisResponse,
    DetectedLanguage,
)
from handlers.language.summarizer import LexRank, Summarizer

# 5,000 bytes of text are at most 30,000 when a client writes every letter as \uXXXX; more is no text for us.
_MAX_BODY_BYTES = 262_144


def create_service(
    backend: Callable[[], LanguageBackend], summarizer: Callable[[], Summarizer] = LexRank
) -> Service:
    """The language service.

    Args:
        backend: Gives the backend; it is asked only when a good request is there.
        summarizer: Gives what summarizes; asked likewise. Left out, nothing but the text's own words.
    """
    service = Service("language")

    @service.operation(
        "language.analysis",
        path="/language/analysis",
        summary="Detects a text's language, and its sentiment, entities and key phrases where the backend knows it.",
        max_body_bytes=_MAX_BODY_BYTES,
    )
    def analyse(request: AnalysisRequest, invocation: Invocation) -> AnalysisResponse:
        if len(request.text.encode("utf-8")) > MAX_TEXT_BYTES:
            raise PayloadTooLarge(f"text should have at most {MAX_TEXT_BYTES:,} bytes as UTF-8.")
        model = backend()
        if request.language is None:
            found = model.detect(request.text, deadline=invocation.deadline)
        else:
            found = [DetectedLanguage(code=request.language)]
        language, *alternatives = found or [DetectedLanguage(code=UNDETERMINED)]
        if language.code not in model.analysed_languages:
            known = ", ".join(sorted(model.analysed_languages))
            return AnalysisResponse(
                language=language,
                alternatives=alternatives,
                sentiment=None,
                entities=None,
                key_phrases=None,
                notes=[
                    f"Sentiment, entities and key phrases are available for these languages only: {known}."
                ],
            )
        analysis = model.analyse(request.text, language.code, deadline=invocation.deadline)
        return AnalysisResponse(
            language=language,
            alternatives=alternatives,
            sentiment=analysis.sentiment,
            entities=analysis.entities,
            key_phrases=analysis.key_phrases,
            notes=[],
        )

    @service.operation(
        "language.summary",
        path="/language/summary",
        summary="Summarizes a text in a few sentences.",
        max_body_bytes=_MAX_BODY_BYTES,
    )
    def summarize(request: SummaryRequest, invocation: Invocation) -> SummaryResponse:
        return summarizer().summarize(
            request.text, max_sentences=request.max_sentences, deadline=invocation.deadline
        )

    return service


def _local() -> LanguageBackend:
    from handlers.language.local_backend import LocalLanguageBackend

    return LocalLanguageBackend()


def _aws() -> LanguageBackend:
    from handlers.language.aws_backend import ComprehendBackend

    return ComprehendBackend()


def _bedrock() -> Summarizer:
    from handlers.language.bedrock_summarizer import BedrockSummarizer

    return BedrockSummarizer()


service = create_service(
    BackendChoice(local=_local, aws=_aws),
    BackendChoice(local=LexRank, aws=_bedrock),
)
handler = service.handler
