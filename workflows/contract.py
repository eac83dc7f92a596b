"""Contract of the workflows that answer within the request, and names that jobs and their callers share."""

from __future__ import annotations

from typing import Final

from handlers.common.contract import Contract
from handlers.common.metering import BY_TASKS
from handlers.common.summary import SummaryRequest, SummaryResponse
from workflows.models import DocumentRequest, DocumentResponse

AGENT_MODEL: Final = "agent"
"""Model route of the job `receipt`: a model that calls tools."""

APPROVE: Final = "approve"
"""Scope of the people who approve receipts."""

workflows = Contract(
    "workflows",
    summary="Several services in one answer.",
    # Step Functions limits the data of a workflow.
    max_body_bytes=262_144,
    read_only=True,
)
understand_document = workflows.post(
    "/workflows/document",
    DocumentRequest,
    DocumentResponse,
    name="workflows.document",
    metered_by=BY_TASKS,
    summary="Read the text of an image, then analyse, embed and summarize it, and answer a question about it.",
)
summarize_reliably = workflows.post(
    "/workflows/summary",
    SummaryRequest,
    SummaryResponse,
    name="workflows.summary",
    metered_by=BY_TASKS,
    summary="Summarize a text with a language model, or with sentences of the text if that fails.",
)
