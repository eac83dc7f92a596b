"""HTTP server: additions to aiohttp.

aiohttp's low-level server keeps what a gateway must see: the case of header names, the escapes of the path,
bodies as they were encoded. This file adds quiet JSON answers to requests that are not HTTP, and responses
without aiohttp's default headers.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict

from local_cloud.messages import BodyStream, Request, Response, json_response

# Above what any AWS API accepts, so that the gateway, not the parser, refuses what AWS refuses.
_LONGEST_LINE = 65_536

_UNSENT = (hdrs.SERVER, hdrs.CONTENT_TYPE)


class HttpServer(web.Server):
    """A protocol factory whose connections answer malformed requests without echoing them."""

    def __call__(self) -> RequestHandler:
        """Make the protocol of one connection."""
        return _Connection(
            self,
            loop=self._loop,
            auto_decompress=False,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            keepalive_timeout=75.0,
        )


class _Connection(RequestHandler):
    __slots__ = ("when_lost",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.when_lost: Callable[[], None] | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.when_lost is not None:
            self.when_lost()

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio keeps the other direction open for True
        """Answer a client that has closed its sending side, then close the connection; an idle one is closed at once."""
        if self._waiter is not None and not self._waiter.done():  # for the next request
            return False
        if (
            self.when_lost is not None
        ):  # a client that has closed its sending side does not read a streamed response to its end
            return False
        self.close()
        return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request, which no answer should
    ) -> web.StreamResponse:
        client_has_gone = isinstance(exc, ConnectionError) and self.transport is None
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not client_has_gone:
            self.log_exception("Error while answering %s %s", request.method, request.path, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("part of the answer is sent already: the connection can only be closed")
        response = WireResponse(json_response(status, {"message": HTTPStatus(status).phrase}))
        response.force_close()
        return response


class StreamedWireResponse(web.StreamResponse):
    """A response that carries the headers it was given, plus Date and what frames the body."""

    def __init__(self, response: Response, **options: Any) -> None:
        headers: CIMultiDict[str] = CIMultiDict(response.headers)
        self._unset = [name for name in _UNSENT if name not in headers]
        super().__init__(status=response.status, headers=headers, **options)

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        for name in self._unset:
            self._headers.popall(name, None)


class WireResponse(StreamedWireResponse, web.Response):
    """A response that carries the headers it was given, plus Date, Content-Length and Connection only."""

    def __init__(self, response: Response) -> None:
        super().__init__(response, body=response.body)

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        if self.keep_alive and hdrs.CONNECTION not in self._headers:
            self._headers[hdrs.CONNECTION] = "keep-alive"


async def send_stream(message: web.BaseRequest, response: Response, stream: BodyStream) -> web.StreamResponse:
    """Send a response whose body is streamed, and close the stream.

    Raises:
        ConnectionError: The client has gone, or the body cannot be completed: the connection is closed without the
            end of the body, so that the client notices.
    """
    wire = StreamedWireResponse(response)
    connection = message.protocol
    try:
        if isinstance(connection, _Connection):
            connection.when_lost = stream.close
        await wire.prepare(message)
        if message.method != hdrs.METH_HEAD:
            while (part := await stream.read()) is not None:
                await wire.write(part)
        await wire.write_eof()
    finally:
        if isinstance(connection, _Connection):
            connection.when_lost = None
        stream.close()
    return wire


async def receive(message: web.BaseRequest, *, limit: int | None) -> Request:
    """Read a request to its end; a body over a limit in bytes is not read."""
    path, _, query = request_target(message).partition("?")
    version = message.version
    body: bytes | None = b""
    if message.body_exists:
        body = await _read_body(message, limit)
    transport = message.transport
    peer = transport.get_extra_info("peername") if transport else None
    local = transport.get_extra_info("sockname") if transport else None
    return Request(
        method=message.method,
        path=path,
        query=query,
        headers=tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in message.raw_headers
        ),
        body=body or b"",
        peer=peer[0] if peer else "",
        protocol=f"HTTP/{version.major}.{version.minor}",
        port=local[1] if local else 0,
        oversized=body is None,
    )


def refused_version(message: web.BaseRequest) -> web.StreamResponse | None:
    """Return the answer to a request of another version than HTTP/1.0 and 1.1; None for all others."""
    if message._version in (HttpVersion10, HttpVersion11):
        return None
    message._version = (
        HttpVersion11  # the status line has the request's, which is read when it is first needed
    )
    response = WireResponse(Response(505, body=b""))
    response.force_close()
    return response


def request_target(message: web.BaseRequest) -> str:
    """Return path and query as sent; of an absolute address (`GET http://host/path`) what follows the host."""
    target = message.raw_path
    if target.startswith("/"):
        return target
    _, _, rest = target.partition("://")
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"


async def _welcome_body(message: web.BaseRequest) -> None:
    """Answer a client that waits for it (as AWS's do before a large upload) to go on with the body."""
    if message.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await message.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        message.writer.output_size = 0


async def _read_body(message: web.BaseRequest, limit: int | None) -> bytes | None:
    declared = message.content_length
    if limit is not None and declared is not None and declared > limit:
        return None
    await _welcome_body(message)
    chunks: list[bytes] = []
    size = 0
    async for chunk in message.content.iter_any():
        size += len(chunk)
        if limit is not None and size > limit:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
