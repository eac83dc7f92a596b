"""Backends of moto's services, and values in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def every(backends: Any) -> Iterator[Any]:
    """Return the backends of a service in all accounts and Regions, while other threads may add some."""
    for account in list(backends.values()):
        yield from list(account.values())


def boolean(value: Any) -> bool:
    """Read a boolean, which moto keeps as it was sent: as such or as a word."""
    return value if isinstance(value, bool) else str(value).lower() == "true"
