"""Backends of moto's services, and values in them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any


def every(backends: Any) -> Iterator[Any]:
    """Return the backends of a service in all accounts and Regions, while other threads may add some."""
    for account in list(backends.values()):
        yield from list(account.values())


def boolean(value: Any) -> bool:
    """Read a boolean, which moto keeps as it was sent: as such or as a word."""
    return value if isinstance(value, bool) else str(value).lower() == "true"


def page_of(items: list[Any], size: int, token: str | None) -> tuple[list[Any], str | None]:
    """Return a page of a list, which begins where a token says, and the token of the next page; None for the last.

    Raises:
        ValueError: The token is of no page.
    """
    start = int(base64.b64decode(token, validate=True)) if token else 0
    end = start + size
    return items[start:end], base64.b64encode(str(end).encode()).decode() if end < len(items) else None
