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


class StreamedBody(BodyStream):
    """The body of a function's response, which is read within its time limits.

    Args:
        stream: The response.
        seconds: Time for all of it.
        idle_seconds: Time for which the function may send nothing.
    """

    def __init__(self, stream: ResponseStream, seconds: float, idle_seconds: float) -> None:
        super().__init__()
        self.first = b""
        """Part of the body that came with the headers."""
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + seconds
        self._idle_seconds = idle_seconds

    async def receive(self) -> bytes | None:
        """Return what the function has sent; None at the end."""
        async with asyncio.timeout_at(min(self._deadline, self._loop.time() + self._idle_seconds)):
            return await self._stream.read()

    def error(self) -> bytes | None:
        """Return the error object of a function that has failed."""
        result = self._stream.result
        return None if result is None or result.function_error is None else result.payload

    async def next_part(self) -> bytes | None:
        """See `BodyStream`."""
        first, self.first = self.first, b""
        if first:
            return first
        try:
            part = await self.receive()
        except TimeoutError:
            raise ConnectionError("the function took too long; its response was cut off") from None
        except FunctionServiceError as error:
            raise ConnectionError(error.message) from error
        if part is None and self.error() is not None:
            raise ConnectionError("the function failed; its response was cut off")
        return part

    def close(self) -> None:
        """See `BodyStream`."""
        self._stream.abandon()
        super().close()


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
    body = StreamedBody(stream, timeout_seconds, idle_seconds)

    def finished() -> None:
        exchange.integration_seconds = loop.time() - began

    body.when_finished(finished)
    try:
        status, headers = streamed_head(await _head(body, name, failure))
    except BaseException:
        body.close()
        raise
    exchange.integration_status = 200
    return Response(status, headers, stream=body)


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


async def _head(body: StreamedBody, name: str, failure: Callable[[bytes], str]) -> Any:
    """Read up to the delimiter; returns the JSON before it. The rest is the first part of the body."""
    received = b""
    while (end := received.find(DELIMITER, 0, LARGEST_HEAD_BYTES)) < 0:
        if len(received) >= LARGEST_HEAD_BYTES:
            raise _malformed(f"the first {LARGEST_HEAD_BYTES} bytes have no delimiter of 8 NUL bytes")
        try:
            part = await body.receive()
        except TimeoutError:
            raise GatewayError(INTEGRATION_TIMEOUT, f"{name} sent no headers in time") from None
        except RequestTooLarge as error:
            raise GatewayError(REQUEST_TOO_LARGE, error.message) from error
        except FunctionServiceError as error:
            raise GatewayError(CONFIGURATION, f"{error.code}: {error.message}") from error
        if part is None:
            if (error_object := body.error()) is not None:
                raise GatewayError(BAD_FUNCTION_ANSWER, f"{name} failed: {failure(error_object)}")
            raise _malformed("it ended without a delimiter of 8 NUL bytes; is the function a streaming one?")
        received += part
    body.first = received[end + len(DELIMITER) :]
    try:
        return json.loads(received[:end])
    except ValueError:
        raise _malformed("what comes before the delimiter is not JSON") from None


def _malformed(detail: str) -> GatewayError:
    return GatewayError(BAD_FUNCTION_ANSWER, f"malformed streamed Lambda response: {detail}")
