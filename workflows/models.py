"""What the workflows take over HTTP, beside what the services take themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from handlers.common.models import Base64Data, RequestModel


class DocumentRequest(RequestModel):
    """A picture of a document."""

    image: Annotated[Base64Data, Field(description="At most 180,000 bytes; larger ones are for jobs.")]
