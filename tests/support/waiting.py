"""Waiting for a condition: as short as possible, and long enough for a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def eventually(condition: Callable[[], Any], *, within_seconds: float = 30.0) -> Any:
    """Wait until a condition holds; return its last result, which is false if it never held."""
    end = time.monotonic() + within_seconds
    while not (result := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return result
