"""Memory limits of workers, checked twenty times a second for those which are at work.

Counted is the whole process group. Pages that come from files are left out of the limit where the system tells them
apart (Linux), because Lambda too can drop those when memory is short; the reported figure has them.
"""

from __future__ import annotations

import asyncio
import os
from typing import Protocol

import psutil

INTERVAL_SECONDS = 0.05


class WatchedWorker(Protocol):
    """Worker whose memory is watched."""

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its group."""

    def memory_measured(self, resident: int, unshared: int) -> None:
        """Handle a measurement.

        Args:
            resident: All memory of the group, in bytes.
            unshared: The same without pages that come from files, in bytes.
        """


class MemoryWatch:
    """Watch over the memory of busy workers, on the server's asyncio loop."""

    def __init__(self) -> None:
        self._busy: set[WatchedWorker] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, worker: WatchedWorker) -> None:
        """Measure this worker from now on."""
        self._busy.add(worker)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_SECONDS, self._tick)

    def remove(self, worker: WatchedWorker) -> None:
        """Leave this worker alone."""
        self._busy.discard(worker)

    def close(self) -> None:
        """Stop."""
        self._busy.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        if not self._busy:
            return
        workers = list(self._busy)
        usage = measure({worker.pid for worker in workers})
        for worker in workers:
            if worker.pid in usage:
                worker.memory_measured(*usage[worker.pid])
        if self._busy:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_SECONDS, self._tick)


def measure(groups: set[int]) -> dict[int, tuple[int, int]]:
    """Add up the memory of process groups.

    Returns:
        For each group that exists: its resident memory and what of it is unshared, in bytes.
    """
    usage: dict[int, tuple[int, int]] = {}
    for pid in psutil.pids():
        try:
            group = os.getpgid(pid)
            if group not in groups:
                continue
            memory = psutil.Process(pid).memory_info()
        except (OSError, psutil.Error):
            continue
        resident, unshared = usage.get(group, (0, 0))
        shared = getattr(memory, "shared", 0)
        usage[group] = (resident + memory.rss, unshared + max(memory.rss - shared, 0))
    return usage
