"""Response cache of a stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from constructs_lib.checks import check_choice, check_range

CacheSize = Literal["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"]
"""Sizes of API Gateway's caches in GB. Each is an instance that AWS bills by the hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Response cache of a stage for GET requests; always encrypted.

    The key is the path and the parameters that are declared as cache keys, without the caller. Use it for
    responses that are the same for all callers.

    Attributes:
        size_gb: Size in GB. Default: 0.5.
        ttl_seconds: Time to live of a response in seconds, 1-3600. Default: 300.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> Cache(ttl_seconds=60)
        Cache(size_gb='0.5', ttl_seconds=60)
    """

    size_gb: CacheSize = "0.5"
    ttl_seconds: int = 300

    def __post_init__(self) -> None:
        check_choice("Cache", "size_gb", self.size_gb, CacheSize)
        check_range("Cache", "ttl_seconds", self.ttl_seconds, 1, 3_600)
