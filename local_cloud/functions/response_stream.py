"""Response of a streaming function on its way to the caller: chunks in, chunks out, and no more of them in memory."""

from __future__ import annotations

import asyncio
from typing import Protocol

from local_cloud.functions.errors import FunctionServiceError
from local_cloud.functions.result import InvocationResult

MOST_WAITING_BYTES = 65_536
"""Bytes that wait for the caller before the function has to wait."""


class StreamSource(Protocol):
    """The function's side of a response."""

    def pause(self) -> None:
        """Read no more from the function for now."""

    def resume(self) -> None:
        """Go on reading."""

    def hang_up(self) -> None:
        """Close the connection: the caller has gone, and the function's next chunk fails."""


class ResponseStream:
    """The response of one invocation, read part by part.

    Attributes:
        result: The outcome; None until the function has ended. Its payload is the error object of a function that
            failed, else empty.
        abandoned: The caller has gone.
    """

    def __init__(self) -> None:
        self.result: InvocationResult | None = None
        self._error: FunctionServiceError | None = None
        self._source: StreamSource | None = None
        self._waiting = bytearray()
        self._reader: asyncio.Future[None] | None = None
        self.abandoned = False
        self._began = False

    async def read(self) -> bytes | None:
        """Return what has arrived since the last call, at least one byte; None at the end.

        Raises:
            FunctionServiceError: The function could not be run.
            ConnectionError: `abandon` was called.
        """
        while not self._waiting:
            if self.abandoned:
                raise ConnectionError("the caller of the function has gone")
            if self._error is not None:
                raise self._error
            if self.result is not None:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        part = bytes(self._waiting)
        self._waiting.clear()
        if self._source is not None:
            self._source.resume()
        return part

    def abandon(self) -> None:
        """Read no more. The function's connection is closed; it runs until it notices or its time is up."""
        if self.result is None and self._error is None and not self.abandoned:
            self.abandoned = True
            self._waiting.clear()
            if self._source is not None:
                self._source.hang_up()
            self._wake()

    def begin(self, source: StreamSource) -> None:
        """The function has begun to respond."""
        self._began = True
        self._source = source
        if self.abandoned:
            source.hang_up()

    def feed(self, data: bytes) -> None:
        """Take over what has arrived from the function."""
        if self.abandoned:
            return
        self._waiting += data
        if len(self._waiting) > MOST_WAITING_BYTES and self._source is not None:
            self._source.pause()
        self._wake()

    def end(self, result: InvocationResult) -> None:
        """The function has ended; a response that was not streamed is read as one part."""
        if not self._began and result.function_error is None:
            self.feed(result.payload)
        self.result = result
        self._source = None
        self._wake()

    def fail(self, error: FunctionServiceError) -> None:
        """The function could not be run."""
        self._error = error
        self._source = None
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
