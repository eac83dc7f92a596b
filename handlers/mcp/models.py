"""Message of the Model Context Protocol, as a client sends it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue
from pydantic.config import JsonDict

from handlers.common.models import RequestModel


def _without_default(schema: JsonDict) -> None:
    # A message without an id is a notification.
    schema.pop("default")


class Message(RequestModel):
    """A request of JSON-RPC, or a notification, which has no `id`. Batches are not supported."""

    jsonrpc: Literal["2.0"]
    id: Annotated[int | str, Field(default=0, json_schema_extra=_without_default)]
    method: Annotated[str, Field(min_length=1, max_length=128, description="Such as `tools/call`.")]
    params: Annotated[dict[str, JsonValue], Field(default_factory=dict)]

    @property
    def is_notification(self) -> bool:
        """True if the sender expects no answer."""
        return "id" not in self.model_fields_set
