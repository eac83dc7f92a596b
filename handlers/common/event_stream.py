"""Answer of an operation as server-sent events, sent while it is produced."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from pydantic import BaseModel

EVENT_STREAM: Final = "text/event-stream"

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class EventStream(Generic[T]):
    """Events that an operation answers with.

    Each is sent as `data:` and the JSON of the fields that were set. An error after the first one is sent as an event of
    the type `error`, in the format of the contract's errors; then `last` is not sent.

    Attributes:
        events: The events. The generator is closed at the end, also when the caller has disconnected: release what it
            holds in `finally`.
        headers: Further headers of the HTTP response. Default: none.
        last: Data of an event after the last one, such as `[DONE]`. Default: none.
    """

    events: Generator[T, None, None]
    headers: Mapping[str, str] = field(default_factory=dict)
    last: str | None = None


def event(data: str, *, kind: str | None = None) -> bytes:
    """Return one event as it is sent.

    Args:
        data: Its data, one line.
        kind: Its type. Default: none, which clients take for `message`.
    """
    return f"{'' if kind is None else f'event: {kind}{chr(10)}'}data: {data}\n\n".encode()
