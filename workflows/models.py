"""Requests and responses of the workflows, besides those of the services."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from handlers.common.models import Base64Data, NotBlank, RequestModel, ResponseModel
from handlers.common.summary import SummaryResponse
from handlers.embeddings.models import EmbeddingsResponse
from handlers.language.models import AnalysisResponse
from handlers.vision.models import TextLine

MAX_QUESTION_CHARACTERS: Final = 300


class DocumentRequest(RequestModel):
    """A picture of a document, and a question about it."""

    image: Annotated[Base64Data, Field(description="At most 180,000 bytes; larger ones are for jobs.")]
    question: Annotated[
        Annotated[str, Field(max_length=MAX_QUESTION_CHARACTERS), NotBlank()] | None,
        Field(description="A question that a language model answers from the text. Default: none."),
    ] = None


class PartError(ResponseModel):
    """Error of a part of a workflow."""

    code: str
    message: str


class FailedPart(ResponseModel):
    """A part of a workflow that failed."""

    branch: str = Field(description="The name of the part, such as `analysis`.")
    error: PartError


class QuestionAnswer(ResponseModel):
    """The answer to a question about a document."""

    text: str
    model: str = Field(description="The language model that answered.")


class DocumentResponse(ResponseModel):
    """The text of a document, and what the services made of it."""

    text: str
    lines: list[TextLine]
    complete: bool = Field(description="Whether all regions that look like text were read.")
    analysis: AnalysisResponse | None = Field(description="Null if it failed.")
    embedding: EmbeddingsResponse | None = Field(description="Null if it failed.")
    summary: SummaryResponse | None = Field(description="Null if it failed.")
    answer: QuestionAnswer | None = Field(description="Null without a question, or if it failed.")
    failed: list[FailedPart] = Field(description="The parts that failed, and why.")
