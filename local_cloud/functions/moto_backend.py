"""Being written: the signature is final."""

from __future__ import annotations

import asyncio

from local_cloud.functions.executor import FunctionExecutor


def install(executor: FunctionExecutor, loop: asyncio.AbstractEventLoop) -> None:
    """Make moto's Lambda backend use the executor."""
