"""Memory limits of workers, checked twenty times a second for those which are at work.

Counted is the whole process group. Pages that come from files are left out of the limit where the system tells them
apart (Linux), because Lambda too can drop those when memory is short; the reported figure has them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import psutil

INTERVAL_SECONDS = 0.05


class MemoryWatch:
    """Watch over the memory of busy workers, on the server's asyncio loop."""

    def __init__(self) -> None:
        self._busy: dict[int, Callable[[int, int], None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, group: int, measured: Callable[[int, int], None]) -> None:
        """Measure a process group from now on.

        Args:
            group: The id of the group.
            measured: Called with the memory of the group in bytes: all of it, and without pages that come from files.
        """
        self._busy[group] = measured
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_SECONDS, self._tick)

    def remove(self, group: int) -> None:
        """Leave this process group alone."""
        self._busy.pop(group, None)

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
        for group, usage in measure(set(self._busy)).items():
            if (measured := self._busy.get(group)) is not None:
                measured(*usage)
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
