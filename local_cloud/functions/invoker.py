"""Protocol of invokers of functions for the gateway, the queues and the server, such as `FunctionExecutor`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from local_cloud.functions.code_store import ReplacedFile
from local_cloud.functions.response_stream import ResponseStream
from local_cloud.functions.result import InvocationResult


class Invoker(Protocol):
    """Invokes functions. ARNs may have a version or an alias."""

    async def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        request_id: str | None = None,
        trace_header: str | None = None,
        client_context: str | None = None,
    ) -> InvocationResult:
        """Invoke a function and wait for its result."""
        ...

    async def invoke_streamed(
        self,
        function_arn: str,
        payload: bytes,
        *,
        trace_header: str | None = None,
        client_context: str | None = None,
    ) -> ResponseStream:
        """Invoke a function and return its response, which arrives part by part."""
        ...


class Functions(Invoker, Protocol):
    """Invokes functions until it is closed."""

    async def replace_files(
        self, function_arn: str, files: Mapping[str, ReplacedFile | None], *, archive: str
    ) -> str:
        """Replace files of a function's code; return the digest of its code."""
        ...

    async def close(self) -> None:
        """End every function's process."""
        ...
