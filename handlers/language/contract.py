"""Contract of the language service."""

from __future__ import annotations

from handlers.common.contract import Contract
from handlers.common.metering import per_thousand_characters
from handlers.common.summary import SummaryRequest, SummaryResponse
from handlers.language.models import AnalysisRequest, AnalysisResponse

SUMMARY_MODEL = "amazon.nova-lite-v1:0"

language = Contract(
    "language",
    summary="Analysis and summaries of texts.",
    # 16,000 characters outside the basic plane take 192,000 bytes when a client writes each as two \\uXXXX.
    max_body_bytes=262_144,
    read_only=True,
    aws_actions=[
        "comprehend:DetectDominantLanguage",
        "comprehend:DetectEntities",
        "comprehend:DetectKeyPhrases",
        "comprehend:DetectSentiment",
    ],
    bedrock_models=[SUMMARY_MODEL],
)
analyse_text = language.post(
    "/language/analysis",
    AnalysisRequest,
    AnalysisResponse,
    name="language.analysis",
    metered_by=per_thousand_characters("text", most=5),
    summary="Detect a text's language, and its sentiment, entities and key phrases where the backend knows the language.",
    request_example={"text": "Ada Lovelace loved the museum in London."},
)
summarize_text = language.post(
    "/language/summary",
    SummaryRequest,
    SummaryResponse,
    name="language.summary",
    metered_by=per_thousand_characters("text", most=16),
    summary="Summarize a text in a few sentences.",
    request_example={
        "text": "The museum opened a new wing on Monday. It was full by noon.",
        "max_sentences": 1,
    },
)
