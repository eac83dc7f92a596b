"""Event loop on a thread of its own."""

from __future__ import annotations

import asyncio

from tests.support.loop_thread import LoopThread


def test_what_still_runs_at_the_end_is_cancelled() -> None:
    """Otherwise, a connection that is being accepted leaves its socket open."""
    thread = LoopThread()
    ended = []

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.append("cancelled")
            raise

    future = asyncio.run_coroutine_threadsafe(run(), thread.loop)
    thread.run(asyncio.sleep(0))
    thread.stop()
    assert ended == ["cancelled"]
    assert future.cancelled()
    assert thread.loop.is_closed()
