"""Being written: the signature is final."""

from __future__ import annotations

from pathlib import Path

from local_cloud.functions.result import InvocationResult


class FunctionExecutor:
    """Runs functions."""

    def __init__(self, *, endpoint_url: str, directory: Path, region: str = "us-east-1") -> None: ...

    async def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        request_id: str | None = None,
        trace_header: str | None = None,
        client_context: str | None = None,
    ) -> InvocationResult:
        """Run it."""
        raise NotImplementedError

    async def close(self) -> None:
        """End every worker."""
