"""Backends of moto's services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def every(backends: Any) -> Iterator[Any]:
    """Return the backends of a service in all accounts and Regions, while other threads may add some."""
    for account in list(backends.values()):
        yield from list(account.values())
