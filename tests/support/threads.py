"""Many threads at once, which switch often."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

THREADS = 24
_SWITCH_SECONDS = 1e-5

_Result = TypeVar("_Result")


def at_once(works: Iterable[Callable[[], _Result]], *, threads: int = THREADS) -> list[_Result]:
    """Run functions on threads that begin together; return what they return, in order."""
    begin = threading.Barrier(threads + 1)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(threads):
                pool.submit(begin.wait)
            futures = [pool.submit(work) for work in works]
            begin.wait()
            return [future.result() for future in futures]
    finally:
        sys.setswitchinterval(before)
