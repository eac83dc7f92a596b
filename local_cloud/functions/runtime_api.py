"""The Runtime API of one worker: the small HTTP server that Lambda's runtime client asks for events.

A worker has an address of its own, so that no request has to say which worker it comes from. The server is a bare
`asyncio.Protocol`: it knows the four requests that the runtime client makes and nothing else, which keeps a warm
invocation at a few hundred microseconds.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import socket
from typing import Protocol, cast

from local_cloud.functions.chunked_body import ChunkedBody
from local_cloud.functions.response_stream import StreamSource

LARGEST_RESPONSE_BYTES = 6_291_556
"""A response of 6 MB and the 100 bytes that AWS allows on top."""

_PREFIX = b"/2018-06-01/runtime/"
_NEXT = _PREFIX + b"invocation/next"
_INVOCATION = _PREFIX + b"invocation/"
_INIT_ERROR = _PREFIX + b"init/error"
_LARGEST_HEAD_BYTES = 4 * 1024 * 1024  # the client sends the cause of an error, up to 1 MB, as a header

_ITERATIONS_TO_THE_FIRST_BYTE = 8
"""Iterations of the loop in which it accepts a connection and reads what has arrived there, with some to spare."""

_ACCEPTED = (
    b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def _refusal(status: str, error_type: str, message: str) -> bytes:
    body = f'{{"errorType":"{error_type}","errorMessage":"{message}"}}'.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_UNKNOWN_PATH = _refusal("404 Not Found", "InvalidPath", "The Runtime API has no such path")
_UNKNOWN_REQUEST = _refusal("400 Bad Request", "InvalidRequestID", "This invocation is not running")
_BAD_CHUNKS = _refusal("400 Bad Request", "InvalidRequest", "The chunks of the body are not valid")
_NOT_CHUNKED = _refusal(
    "400 Bad Request", "InvalidRequest", "A streamed response needs Transfer-Encoding: chunked"
)
_NO_LENGTH = _refusal("411 Length Required", "InvalidRequest", "A Content-Length header is required")
_HEAD_TOO_LARGE = _refusal(
    "431 Request Header Fields Too Large", "InvalidRequest", "The headers are too large"
)


class RuntimeListener(Protocol):
    """Listener for the requests of a runtime client."""

    def runtime_ready(self) -> None:
        """Handle the request for an event: the start is over, or the last invocation is."""

    def runtime_runs(self, request_id: str) -> bool:
        """Return whether this invocation runs now."""

    def runtime_answered(self, body: bytes | None, *, failed: bool) -> None:
        """Handle the response of the invocation, or its error object; None if it is over `LARGEST_RESPONSE_BYTES`."""

    def runtime_stream_began(self, source: StreamSource) -> None:
        """Handle the beginning of a streamed response."""

    def runtime_stream_chunk(self, data: bytes) -> None:
        """Handle a part of that response."""

    def runtime_stream_ended(self, error: bytes | None) -> None:
        """Handle the end of that response; the error object if the function failed after its beginning."""

    def runtime_init_failed(self, body: bytes) -> None:
        """Handle a handler that could not be loaded; the body is the error object."""


class RuntimeApi:
    """One worker's Runtime API on a loopback port of its own."""

    def __init__(self, listener: RuntimeListener) -> None:
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._parked: _Connection | None = None
        self._waiting: bytes | None = None
        self._sent_to: _Connection | None = None
        self._lost: asyncio.Future[None] | None = None
        self.address = ""

    async def start(self) -> None:
        """Listen; afterwards `address` holds `host:port`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=16)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"

    def send(self, event: bytes) -> None:
        """Hand over one event, at once if the client waits for it, otherwise when it asks for the next."""
        parked = self._parked
        if parked is None:
            self._waiting = event
        else:
            self._parked = None
            self._sent_to = parked
            parked.write(event)

    def take_back(self) -> bool:
        """Withdraw the last event, after the client has ended; tells whether the client has not read it."""
        undelivered = self._waiting is not None or (self._sent_to is not None and self._sent_to.was_reset)
        self._waiting = None
        return undelivered

    async def all_read(self) -> None:
        """Wait until what a client that has ended had sent is read, a stream to its end."""
        for _ in range(_ITERATIONS_TO_THE_FIRST_BYTE):
            await asyncio.sleep(0)
        while any(connection.is_streaming for connection in self._connections):
            self._lost = asyncio.get_running_loop().create_future()
            await self._lost

    def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.abort()
        self._connections.clear()
        self._parked = None

    def connected(self, connection: _Connection) -> None:
        """A client has connected, perhaps while this closes."""
        self._connections.add(connection)
        if self._server is None:
            connection.abort()

    def disconnected(self, connection: _Connection) -> None:
        """A client has gone."""
        self._connections.discard(connection)
        if self._parked is connection:
            self._parked = None
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    def handle(self, connection: _Connection, method: bytes, path: bytes, body: bytes | None) -> None:
        """Answer one complete request; the body is None if it was over the limit."""
        if path == _NEXT and method == b"GET":
            self._next(connection)
        elif method == b"POST" and path.startswith(_INVOCATION):
            request_id, _, what = path[len(_INVOCATION) :].partition(b"/")
            if what in (b"response", b"error") and self._listener.runtime_runs(request_id.decode("latin-1")):
                connection.accept()  # first, so that a client that waits for it goes on while the rest is done here
                self._listener.runtime_answered(body, failed=what == b"error")
            else:
                connection.write(_UNKNOWN_REQUEST)
        elif method == b"POST" and path == _INIT_ERROR:
            connection.write(_ACCEPTED)
            self._listener.runtime_init_failed(body or b"{}")
        else:
            connection.write(_UNKNOWN_PATH)

    def begin_stream(self, connection: _Connection, path: bytes) -> bool:
        """Return whether a streamed body at this path is the answer of the invocation that runs."""
        request_id, _, what = path.removeprefix(_INVOCATION).partition(b"/")
        if what != b"response" or not self._listener.runtime_runs(request_id.decode("latin-1")):
            return False
        self._listener.runtime_stream_began(connection)
        return True

    def stream_chunk(self, data: bytes) -> None:
        """Pass on a part of a streamed body."""
        self._listener.runtime_stream_chunk(data)

    def end_stream(self, connection: _Connection, trailers: dict[str, str]) -> None:
        """Answer a streamed body that is complete."""
        connection.write(_ACCEPTED)
        self._listener.runtime_stream_ended(_error_object(trailers))

    def _next(self, connection: _Connection) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            self._parked = connection
        else:
            self._sent_to = connection
            connection.write(waiting)
        self._listener.runtime_ready()


class _Connection(asyncio.Protocol):
    """Cuts one connection's bytes into requests."""

    __slots__ = (
        "_all_read",
        "_api",
        "_buffer",
        "_held",
        "_needed",
        "_skip",
        "_start",
        "_stream",
        "_transport",
    )

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._all_read = False
        self._held = b""
        self._start: tuple[bytes, bytes] | None = None  # method and path of the request whose body is awaited
        self._needed = 0
        self._skip = 0
        self._stream: ChunkedBody | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # what asyncio passes for TCP
        self._api.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._api.disconnected(self)

    def eof_received(self) -> None:
        self._all_read = not self._has_error()

    @property
    def is_streaming(self) -> bool:
        """True if a streamed body was begun and is not complete."""
        return self._stream is not None

    @property
    def was_reset(self) -> bool:
        """True if the client has ended before it read all that was sent: its kernel then resets the connection."""
        if self._transport is None or self._all_read:
            return False
        return self._transport.is_closing() or self._has_error()

    def _has_error(self) -> bool:
        connection = None if self._transport is None else self._transport.get_extra_info("socket")
        return connection is None or connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0

    def write(self, data: bytes) -> None:
        """Send, unless the client has gone."""
        held, self._held = self._held, b""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(held + data)

    def accept(self) -> None:
        """Accept a response: at once, or together with the next event if the client has asked for that already."""
        if self._buffer:
            self._held += _ACCEPTED
        else:
            self.write(_ACCEPTED)

    def abort(self) -> None:
        """Drop the connection now."""
        if self._transport is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._transport.abort()

    def pause(self) -> None:
        """See `StreamSource`."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """See `StreamSource`."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def hang_up(self) -> None:
        """See `StreamSource`."""
        self._stream = None
        self._buffer.clear()
        self.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._step():
            pass

    def _step(self) -> bool:
        """Make one step of progress; False when more bytes are needed."""
        buffer = self._buffer
        if self._stream is not None:
            return self._read_chunks(self._stream)
        if self._skip:
            return self._skip_body()
        if self._start is None:
            return self._read_head()
        if len(buffer) < self._needed:
            return False
        body = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._finish(body)
        return bool(buffer)

    def _skip_body(self) -> bool:
        dropped = min(self._skip, len(self._buffer))
        del self._buffer[:dropped]
        self._skip -= dropped
        if self._skip:
            return False
        self._finish(None)
        return bool(self._buffer)

    def _read_chunks(self, stream: ChunkedBody) -> bool:
        try:
            data = stream.decode(self._buffer)
        except ValueError:
            self._refuse(_BAD_CHUNKS)
            return False
        if data:
            self._api.stream_chunk(data)
        if stream.ended and self._stream is not None:  # it is None after `hang_up`
            self._stream = None
            self._api.end_stream(self, stream.trailers)
            return bool(self._buffer)
        return False

    def _finish(self, body: bytes | None) -> None:
        start, self._start = self._start, None
        if start is not None:
            self._api.handle(self, start[0], start[1], body)

    def _read_head(self) -> bool:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > _LARGEST_HEAD_BYTES:
                self._refuse(_HEAD_TOO_LARGE)
            return False
        head = bytes(buffer[:end])
        del buffer[: end + 4]
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0]
        if method == b"GET":
            self._api.handle(self, method, path, b"")
            return bool(buffer)
        if _header(head, b"lambda-runtime-function-response-mode") == b"streaming":
            return self._begin_stream(head, path)
        length = _header(head, b"content-length")
        if length is None or not length.isdigit():
            self._refuse(_NO_LENGTH)
            return False
        if _header(head, b"expect") is not None:
            self.write(_CONTINUE)
        self._start = (method, path)
        size = int(length)
        if size > LARGEST_RESPONSE_BYTES:
            self._skip = size
        else:
            self._needed = size
        return True

    def _begin_stream(self, head: bytes, path: bytes) -> bool:
        if (_header(head, b"transfer-encoding") or b"").lower() != b"chunked":
            self._refuse(_NOT_CHUNKED)
            return False
        if not self._api.begin_stream(self, path):
            self._refuse(_UNKNOWN_REQUEST)
            return False
        if self._transport is None or self._transport.is_closing():  # the caller had gone before
            return False
        self._stream = ChunkedBody()
        return True

    def _refuse(self, answer: bytes) -> None:
        self._all_read = True
        self._stream = None
        self.write(answer)
        self._buffer.clear()
        if self._transport is not None:
            self._transport.close()


def _header(head: bytes, name: bytes) -> bytes | None:
    lowered = head.lower()
    at = lowered.find(b"\r\n" + name + b":")
    if at < 0:
        return None
    begin = at + len(name) + 3
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else len(head)].strip()


def _error_object(trailers: dict[str, str]) -> bytes | None:
    """Return the error object of a stream that failed; None of one that did not."""
    kind = trailers.get("lambda-runtime-function-error-type")
    if kind is None:
        return None
    try:
        return base64.b64decode(trailers.get("lambda-runtime-function-error-body", ""), validate=True)
    except binascii.Error:
        return b"{}"
