"""Protocol of invokers of functions for the gateway, the queues and the server, such as `FunctionExecutor`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Protocol, TypedDict, Unpack

from local_cloud.functions.code_store import ReplacedFile
from local_cloud.functions.errors import InvalidRequestContent
from local_cloud.functions.response_stream import ResponseStream
from local_cloud.functions.result import InvocationResult

LARGEST_REQUEST_BYTES = 6_291_456
"""Lambda's limit for the event of a synchronous invocation: 6 MB."""


class CallContext(TypedDict, total=False):
    """Data beside an event: X-Ray trace header, and client context as JSON text. Default: a new trace, and none."""

    trace_header: str | None
    client_context: str | None


def call_context(trace_header: str | None, client_context: str | None) -> CallContext:
    """Read the headers of a call of Lambda; the client context is JSON, encoded in base64."""
    if not client_context:
        return {"trace_header": trace_header, "client_context": None}
    try:
        text = base64.b64decode(client_context, validate=True).decode()
        json.loads(text)
    except ValueError as error:
        raise InvalidRequestContent(
            f"Could not parse client context: {error}; send JSON, encoded in base64."
        ) from error
    return {"trace_header": trace_header, "client_context": text}


def require_json(payload: bytes) -> None:
    """Reject a payload that is not JSON."""
    try:
        json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestContent(f"Could not parse request body into json: {error}") from error


class Invoker(Protocol):
    """Interface to invoke functions, by names or ARNs with or without a version or alias."""

    async def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        request_id: str | None = None,
        **context: Unpack[CallContext],
    ) -> InvocationResult:
        """Invoke a function and wait for its result."""
        ...

    async def invoke_streamed(
        self, function_arn: str, payload: bytes, **context: Unpack[CallContext]
    ) -> ResponseStream:
        """Invoke a function and return its response, which arrives part by part."""
        ...


class Functions(Invoker, Protocol):
    """Interface to invoke functions until it is closed."""

    async def replace_files(
        self, function_arn: str, files: Mapping[str, ReplacedFile | None], *, archive: str
    ) -> str:
        """Replace files of a function's code; return the digest of its code."""
        ...

    async def close(self) -> None:
        """End every function's process."""
        ...
