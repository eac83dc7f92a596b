"""The Lambda handler of the language function."""

from __future__ import annotations

from collections.abc import Callable

from handlers.common.backend_choice import BackendChoice
from handlers.common.errors import PayloadTooLarge
from handlers.common.invocation import Invocation
from handlers.common.service import Service
from handlers.common.summary import SummaryRequest, SummaryResponse
from handlers.language.backend import LanguageBackend
from handlers.language.contract import analyse_text, language, summarize_text
from handlers.language.models import (
    MAX_TEXT_BYTES,
    UNDETERMINED,
    AnalysisRequest,
    AnalysisResponse,
    DetectedLanguage,
)
from handlers.language.summarizer import LexRank, Summarizer


def create_service(
    backend: Callable[[], LanguageBackend], summarizer: Callable[[], Summarizer] = LexRank
) -> Service:
    """The language service.

    Args:
        backend: Returns the backend; called only for a valid request.
        summarizer: Returns the summarizer, likewise. Default: none; summaries use the text's own sentences.
    """
    service = Service(language)

    @service.implements(analyse_text)
    def handle_analysis(request: AnalysisRequest, invocation: Invocation) -> AnalysisResponse:
        if len(request.text.encode("utf-8")) > MAX_TEXT_BYTES:
            raise PayloadTooLarge(f"text should have at most {MAX_TEXT_BYTES:,} bytes as UTF-8.")
        model = backend()
        if request.language is None:
            found = model.detect(request.text, deadline=invocation.deadline)
        else:
            found = [DetectedLanguage(code=request.language)]
        language, *alternatives = found or [DetectedLanguage(code=UNDETERMINED)]
        if language.code not in model.analysed_languages:
            languages = ", ".join(sorted(model.analysed_languages))
            return AnalysisResponse(
                language=language,
                alternatives=alternatives,
                sentiment=None,
                entities=None,
                key_phrases=None,
                notes=[
                    f"Sentiment, entities and key phrases are available for these languages only: {languages}."
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

    @service.implements(summarize_text)
    def handle_summary(request: SummaryRequest, invocation: Invocation) -> SummaryResponse:
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
