"""Response streaming of the AWS_PROXY integration (`responseTransferMode: STREAM`).

The function sends its status and headers as JSON, eight NUL bytes, and then the body, which goes to the client as it
comes. Until the headers are there, what goes wrong is an error response; afterwards the connection is cut off.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from local_cloud.functions.errors import FunctionServiceError, RequestTooLarge
from local_cloud.functions.response_stream import ResponseStream
from local_cloud.gateway.errors import (
    BAD_FUNCTION_ANSWER,
    CONFIGURATION,
    INTEGRATION_TIMEOUT,
    REQUEST_TOO_LARGE,
    GatewayError,
)
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.response import streamed_head
from local_cloud.messages import BodyStream, Response

DELIMITER = b"\0" * 8
LARGEST_HEAD_BYTES = 16_384
"""The delimiter must end within that many bytes."""

IDLE_SECONDS = 300.0
"""For how long a function behind a regional endpoint may send nothing."""

EDGE_IDLE_SECONDS = 30.0
"""For how long a function behind an edge-optimized endpoint may send nothing."""


class _Reader:
    """Reads a function's response within its time limits."""

    def __init__(self, stream: ResponseStream, seconds: float, idle_seconds: float) -> None:
        self.stream = stream
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + seconds
        self._idle_seconds = idle_seconds

    async def read(self) -> bytes | None:
        async with asyncio.timeout_at(min(self._deadline, self._loop.time() + self._idle_seconds)):
            return await self.stream.read()

    def error(self) -> bytes | None:
        """Return the error object of a function that has failed."""
        result = self.stream.result
        return None if result is None or result.function_error is None else result.payload


class StreamedBody:
    """The body of a streamed response; see `BodyStream`.

    Args:
        reader: The function's response.
        first: What of the body came with the headers.
        finished: Called once, at the end.
    """

    def __init__(self, reader: _Reader, first: bytes, finished: Callable[[], None]) -> None:
        self.sent = 0
        self._reader = reader
        self._first = first
        self._finished = [finished]

    async def read(self) -> bytes | None:
        """See `BodyStream`."""
        part: bytes | None = self._first
        self._first = b""
        if not part:
            part = await self._next()
        if part is not None:
            self.sent += len(part)
        return part

    async def _next(self) -> bytes | None:
        try:
            part = await self._reader.read()
        except TimeoutError:
            raise ConnectionError("the function took too long; its response was cut off") from None
        except FunctionServiceError as error:
            raise ConnectionError(error.message) from error
        if part is None and self._reader.error() is not None:
            raise ConnectionError("the function failed; its response was cut off")
        return part

    def when_finished(self, call: Callable[[], None]) -> None:
        """See `BodyStream`."""
        self._finished.append(call)

    def close(self) -> None:
        """See `BodyStream`."""
        self._reader.stream.abandon()
        finished, self._finished = self._finished, []
        for call in finished:
            call()


async def streamed_response(
    exchange: Exchange,
    stream: ResponseStream,
    *,
    name: str,
    timeout_seconds: float,
    failure: Callable[[bytes], str],
) -> Response:
    """Return the response of a streaming function as soon as its status and headers are there."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    idle_seconds = EDGE_IDLE_SECONDS if "EDGE" in exchange.stage.api.endpoint_types else IDLE_SECONDS
    reader = _Reader(stream, timeout_seconds, idle_seconds)

    def finished() -> None:
        exchange.integration_seconds = loop.time() - began

    try:
        head, first = await _head(reader, name, failure)
        status, headers = streamed_head(head)
    except BaseException:
        stream.abandon()
        finished()
        raise
    exchange.integration_status = 200
    return Response(status, headers, stream=StreamedBody(reader, first, finished))


async def whole(response: Response, stream: BodyStream) -> tuple[Response, str]:
    """Read a streamed response to its end; returns it with its body, and why it was cut off if it was."""
    parts: list[bytes] = []
    cut_off = ""
    try:
        while (part := await stream.read()) is not None:
            parts.append(part)
    except ConnectionError as error:
        cut_off = str(error)
    finally:
        stream.close()
    return Response(response.status, response.headers, b"".join(parts)), cut_off


async def _head(reader: _Reader, name: str, failure: Callable[[bytes], str]) -> tuple[Any, bytes]:
    """Read up to the delimiter; returns the JSON before it, and what came after it."""
    received = b""
    while (end := received.find(DELIMITER, 0, LARGEST_HEAD_BYTES)) < 0:
        if len(received) >= LARGEST_HEAD_BYTES:
            raise _malformed(f"the first {LARGEST_HEAD_BYTES} bytes have no delimiter of 8 NUL bytes")
        try:
            part = await reader.read()
        except TimeoutError:
            raise GatewayError(INTEGRATION_TIMEOUT, f"{name} sent no headers in time") from None
        except RequestTooLarge as error:
            raise GatewayError(REQUEST_TOO_LARGE, error.message) from error
        except FunctionServiceError as error:
            raise GatewayError(CONFIGURATION, f"{error.code}: {error.message}") from error
        if part is None:
            if (error_object := reader.error()) is not None:
                raise GatewayError(BAD_FUNCTION_ANSWER, f"{name} failed: {failure(error_object)}")
            raise _malformed("it ended without a delimiter of 8 NUL bytes; is the function a streaming one?")
        received += part
    try:
        return json.loads(received[:end]), received[end + len(DELIMITER) :]
    except ValueError:
        raise _malformed("what comes before the delimiter is not JSON") from None


def _malformed(detail: str) -> GatewayError:
    return GatewayError(BAD_FUNCTION_ANSWER, f"malformed streamed Lambda response: {detail}")
