"""Calls of functions and services, which run on after the gateway has stopped waiting for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

_T = TypeVar("_T")


class Calls:
    """Set of the running calls."""

    def __init__(self) -> None:
        self._running: set[asyncio.Future[Any]] = set()

    async def wait(self, call: Awaitable[_T], seconds: float) -> _T:
        """Return the result of a call.

        Raises:
            TimeoutError: It takes longer, and runs on.
        """
        future = asyncio.ensure_future(call)
        self._running.add(future)
        future.add_done_callback(self._finished)
        done, _ = await asyncio.wait((future,), timeout=seconds)
        if not done:
            raise TimeoutError
        return future.result()

    async def close(self) -> None:
        """Cancel the calls that nothing waits for."""
        for future in self._running:
            future.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _finished(self, future: asyncio.Future[Any]) -> None:
        self._running.discard(future)
        if not future.cancelled():
            future.exception()  # retrieved, as the gateway may not wait for it any more
