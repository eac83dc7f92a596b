"""Requests and responses of the workflows, besides those of the services."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from handlers.common.models import Base64Data, RequestModel, ResponseModel
from handlers.common.summary import SummaryResponse
from handlers.embeddings.models import EmbeddingsResponse
from handlers.language.models import AnalysisResponse
from handlers.vision.models import TextLine


class DocumentRequest(RequestModel):
    """A picture of a document."""

    image: Annotated[Base64Data, Field(description="At most 180,000 bytes; larger ones are for jobs.")]


class PartError(ResponseModel):
    """Error of a part of a workflow."""

    code: str
    message: str


class FailedPart(ResponseModel):
    """A part of a workflow that failed."""

    branch: str = Field(description="The name of the part, such as `analysis`.")
    error: PartError


class DocumentResponse(ResponseModel):
    """The text of a document, and what the services made of it."""

    text: str
    lines: list[TextLine]
    complete: bool = Field(description="Whether all regions that look like text were read.")
    analysis: AnalysisResponse | None = Field(description="Null if it failed.")
    embedding: EmbeddingsResponse | None = Field(description="Null if it failed.")
    summary: SummaryResponse | None = Field(description="Null if it failed.")
    failed: list[FailedPart] = Field(description="The parts that failed, and why.")
