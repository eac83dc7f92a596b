"""The Lambda handler of the language function."""

from __future__ import annotations

from collections.abc import Callable

from handlers.common.backend_choice import BackendChoice, ai_backend
from handlers.common.errors import PayloadTooLarge
from handlers.common.functions import Functions
from handlers.common.invocation import Invocation
from handlers.common.once import Once
from handlers.common.service import Service
from handlers.common.summary import SummaryResponse
from handlers.language.abstractive import Abstractive
from handlers.language.backend import LanguageBackend
from handlers.language.contract import analyse_text, is_abstractive, language, summarize_text
from handlers.language.models import (
    MAX_TEXT_BYTES,
    UNDETERMINED,
    AnalysisRequest,
    AnalysisResponse,
    DetectedLanguage,
    StyledSummaryRequest,
)
from handlers.language.summarizer import LexRank


def create_service(
    backend: Callable[[], LanguageBackend],
    functions: Callable[[], Functions] = Functions.from_environment,
) -> Service:
    """The language service.

    Args:
        backend: Returns the backend; called only for a valid request.
        functions: Returns the functions that it may invoke; called once, for an abstractive summary. Default: those of
            AI_SERVICES.
    """
    service = Service(language)
    abstractive = Abstractive(Once(functions))

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
    def handle_summary(request: StyledSummaryRequest, invocation: Invocation) -> SummaryResponse:
        chosen = is_abstractive(request.style, ai_backend())
        if chosen and (request.style or abstractive.serves(invocation)):
            return abstractive.summarize(
                request.text, max_sentences=request.max_sentences, invocation=invocation
            )
        return LexRank().summarize(
            request.text, max_sentences=request.max_sentences, deadline=invocation.deadline
        )

    return service


def _local() -> LanguageBackend:
    from handlers.language.local_backend import LocalLanguageBackend

    return LocalLanguageBackend()


def _aws() -> LanguageBackend:
    from handlers.language.aws_backend import ComprehendBackend

    return ComprehendBackend()


service = create_service(BackendChoice(local=_local, aws=_aws))
handler = service.handler
