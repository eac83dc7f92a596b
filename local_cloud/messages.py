"""HTTP requests and responses as plain data, so that neither the gateway nor the control plane knows the HTTP server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came over the wire.

    Attributes:
        path: The path with its percent-escapes, starting with a slash.
        query: The query string without its question mark, still escaped.
        headers: Names (in the client's case) and values, in order.
        protocol: `HTTP/1.1` or `HTTP/1.0`.
        port: The port of this server that the request came to.
        oversized: The body was longer than the server reads; `body` is empty then.
    """

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    peer: str
    protocol: str
    port: int
    oversized: bool = False

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None; names are compared without regard to case."""
        return first_header(self.headers, name)


class BodyStream:
    """A body that is sent while it is produced; a class of bodies has `next_part`.

    Attributes:
        sent: Bytes that were read so far.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._at_end: list[Callable[[], None]] = []

    async def read(self) -> bytes | None:
        """Return the next part; None at the end.

        Raises:
            ConnectionError: The body cannot be completed, or `close` was called.
        """
        part = await self.next_part()
        self.sent += len(part or b"")
        return part

    async def next_part(self) -> bytes | None:
        """Produce the next part; None at the end."""
        raise NotImplementedError

    def when_finished(self, call: Callable[[], None]) -> None:
        """Call something once, at the end."""
        self._at_end.append(call)

    def close(self) -> None:
        """End it: everything was read, or the client has gone. May be called more than once."""
        calls, self._at_end = self._at_end, []
        for call in calls:
            call()


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, with its headers exactly as they are to be sent.

    Attributes:
        body: The body; empty where it is streamed.
        stream: The body that follows part by part; None where `body` is all of it.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    stream: BodyStream | None = None

    @property
    def length(self) -> int:
        """Bytes of the body, of a streamed one those so far."""
        return len(self.body) if self.stream is None else self.stream.sent

    def with_headers(self, *headers: tuple[str, str]) -> Response:
        """Return the answer with these headers in place of its own."""
        return Response(self.status, headers, self.body, self.stream)


def json_response(status: int, content: object, *headers: tuple[str, str]) -> Response:
    """Return a response with JSON."""
    return Response(status, (("Content-Type", "application/json"), *headers), json.dumps(content).encode())


def first_header(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the first value of a header, or None; names are compared without regard to case."""
    wanted = name.lower()
    for key, value in headers:
        if key.lower() == wanted:
            return value
    return None


def json_object(body: str | bytes | None) -> dict[str, Any]:
    """Return the JSON object of a body; an empty one for any other body."""
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
