"""One event on its way to a worker and back, and the two ways in which a worker can fail to start for it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from local_cloud.functions.errors import FunctionServiceError
from local_cloud.functions.outcome import Outcome
from local_cloud.functions.response_stream import ResponseStream
from local_cloud.functions.result import InvocationResult

_WITHOUT_BREAKS = str.maketrans("\r\n", "  ")  # no value can begin another line


def new_trace_header() -> str:
    """Return an X-Ray trace header with a new root."""
    digits = os.urandom(20).hex()
    return f"Root=1-{int(time.time()):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"


@dataclass(slots=True, eq=False, kw_only=True)
class Invocation:
    """One event on its way through a worker.

    Attributes:
        on_end: Called once, when the invocation is over.
        trace_header: X-Ray trace header. Default: one with a new root.
        client_context: The client context as JSON. Default: none.
        stream: Where the response goes part by part. Default: the caller waits for all of it.
        deadline: On the loop's clock; None until the function's time begins to run.
    """

    payload: bytes
    invoked_arn: str
    on_end: Callable[[], None] | None
    request_id: str = field(default_factory=lambda: str(uuid4()))
    trace_header: str = field(default_factory=new_trace_header)
    client_context: str | None = None
    stream: ResponseStream | None = None
    deadline: float | None = None
    future: asyncio.Future[InvocationResult] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def message(self, deadline_ms: int) -> bytes:
        """Return the Runtime API's HTTP response with the event; the deadline is in milliseconds since 1970."""
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": deadline_ms,
            "Lambda-Runtime-Invoked-Function-Arn": self.invoked_arn,
            "Lambda-Runtime-Trace-Id": self.trace_header,
            **({"Lambda-Runtime-Client-Context": self.client_context} if self.client_context else {}),
            "Content-Length": len(self.payload),
        }
        lines = [f"{name}: {value}".translate(_WITHOUT_BREAKS) for name, value in headers.items()]
        return "\r\n".join(("HTTP/1.1 200 OK", *lines, "\r\n")).encode() + self.payload

    def succeed(self, result: InvocationResult) -> None:
        """Give the result to the caller, if it still waits."""
        self._end()
        if self.stream is not None:
            self.stream.end(result)
        elif not self.future.done():
            self.future.set_result(result)

    def fail(self, error: FunctionServiceError) -> None:
        """Notify the caller, if it still waits, that the function could not be run."""
        self._end()
        if self.stream is not None:
            self.stream.fail(error)
        elif not self.future.done():
            self.future.set_exception(error)

    def _end(self) -> None:
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end()


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
