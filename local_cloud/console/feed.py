"""Latest records of one kind, and server-sent events for the pages that are open."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from local_cloud.bounded_file import MEGABYTE
from local_cloud.messages import BodyStream

T = TypeVar("T")

KEEP_ALIVE_SECONDS: Final = 15.0
_MOST_WAITING: Final = 500


class History(Generic[T]):
    """The latest records, fewer of them if their bodies are too large together."""

    def __init__(self, *, most_records: int = 1000, most_bytes: int = 64 * MEGABYTE) -> None:
        self._records: deque[tuple[T, int]] = deque()
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._bytes = 0

    def add(self, record: T, size: int) -> None:
        """Add a record that keeps `size` bytes of bodies alive."""
        self._records.append((record, size))
        self._bytes += size
        while len(self._records) > self._most_records or (
            self._bytes > self._most_bytes and len(self._records) > 1
        ):
            self._bytes -= self._records.popleft()[1]

    def __iter__(self) -> Iterator[T]:
        """Iterate from the newest to the oldest, over those that are there now; on any thread."""
        return (record for record, _ in reversed(list(self._records)))


class Events:
    """Feed of events to every open page, on the server's asyncio loop."""

    def __init__(self) -> None:
        self._streams: set[EventStream] = set()

    @property
    def has_listeners(self) -> bool:
        """True if a page is open. Without one, no events are recorded."""
        return bool(self._streams)

    def send(self, name: str, content: object) -> None:
        """Send an event with JSON content."""
        if self._streams:
            message = event(name, content)
            for stream in self._streams:
                stream.put(message)

    def open(self, *first: bytes) -> EventStream:
        """Return the body of a new response, which starts with some messages."""
        stream = EventStream()
        for message in first:
            stream.put(message)
        self._streams.add(stream)
        stream.when_finished(lambda: self._streams.discard(stream))
        return stream

    def close(self) -> None:
        """End every response."""
        for stream in list(self._streams):
            stream.close()


class EventStream(BodyStream):
    """Body of one response with server-sent events.

    A page that does not read fast enough loses events; the event `missed` then asks it to read everything anew.
    """

    def __init__(self) -> None:
        super().__init__()
        self._messages: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING + 2)
        self._closed = False

    def put(self, message: bytes) -> None:
        """Queue a message."""
        if self._closed:
            return
        if self._messages.qsize() < _MOST_WAITING:
            self._messages.put_nowait(message)
        elif self._messages.qsize() == _MOST_WAITING:
            self._messages.put_nowait(event("missed", {}))

    async def next_part(self) -> bytes:
        """See `BodyStream`."""
        try:
            message = await asyncio.wait_for(self._messages.get(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            message = b": still here\n\n"
        if self._closed:
            raise ConnectionResetError("the page or the local cloud has gone")
        return message

    def close(self) -> None:
        """See `BodyStream`."""
        if self._closed:
            return
        self._closed = True
        if not self._messages.full():
            self._messages.put_nowait(b"")  # ends the wait
        super().close()


def event(name: str, content: object) -> bytes:
    """Return a server-sent event."""
    return f"event: {name}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n".encode()
