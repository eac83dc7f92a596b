"""One event on its way to a worker and back, and the two ways in which a worker can fail to start for it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from local_cloud.functions.errors import FunctionServiceError
from local_cloud.functions.outcome import Outcome
from local_cloud.functions.response_stream import ResponseStream
from local_cloud.functions.result import InvocationResult


class Invocation:
    """One event on its way through a worker.

    Args:
        request_id: The invocation's id.
        payload: The event as JSON.
        invoked_arn: The ARN that was called.
        trace_header: The X-Ray trace header.
        client_context: The client context as JSON, if any.
        cognito_identity: The Cognito identity as JSON, if any.
        on_end: Called once, when the invocation is over.
        stream: Where the response goes part by part; None where the caller waits for all of it.
    """

    __slots__ = (
        "_on_end",
        "client_context",
        "cognito_identity",
        "deadline",
        "future",
        "invoked_arn",
        "payload",
        "request_id",
        "stream",
        "trace_header",
    )

    def __init__(
        self,
        *,
        request_id: str,
        payload: bytes,
        invoked_arn: str,
        trace_header: str,
        client_context: str | None,
        cognito_identity: str | None,
        on_end: Callable[[], None],
        stream: ResponseStream | None = None,
    ) -> None:
        self.request_id = request_id
        self.payload = payload
        self.invoked_arn = invoked_arn
        self.trace_header = trace_header
        self.client_context = client_context
        self.cognito_identity = cognito_identity
        self.stream = stream
        self.deadline: float | None = (
            None  # on the loop's clock; None until the function's time begins to run
        )
        self.future: asyncio.Future[InvocationResult] = asyncio.get_running_loop().create_future()
        self._on_end: Callable[[], None] | None = on_end

    def succeed(self, result: InvocationResult) -> None:
        """Give the result to the caller, if it still waits."""
        self._end()
        if self.stream is not None:
            self.stream.end(result)
        elif not self.future.done():
            self.future.set_result(result)

    def fail(self, error: FunctionServiceError) -> None:
        """Tell the caller, if it still waits, that the function could not be run."""
        self._end()
        if self.stream is not None:
            self.stream.fail(error)
        elif not self.future.done():
            self.future.set_exception(error)

    def _end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()


def new_trace_header() -> str:
    """Return an X-Ray trace header with a new root."""
    digits = os.urandom(20).hex()
    return f"Root=1-{int(time.time()):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"


class StartTimedOut(Exception):
    """The handler was not loaded in time."""


class StartFailed(Exception):
    """The handler could not be loaded.

    Attributes:
        outcome: Makes, from a request id, the outcome that an invocation gets.
    """

    def __init__(self, outcome: Callable[[str], Outcome]) -> None:
        super().__init__("the handler could not be loaded")
        self.outcome = outcome
