"""Answers that a stage keeps and gives to others who ask the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from constructs_lib.checks import check_choice, check_range

CacheSize = Literal["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"]
"""The sizes of API Gateway's caches in GB, each an instance that is paid by the hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """How a stage keeps the answers to GET requests; encrypted always.

    An answer is kept by path and by the parameters that are declared as cache keys, and not by who asked: it is for
    answers that are the same for everybody.

    Attributes:
        size_gb: Its size in GB. Default: 0.5.
        ttl_seconds: How long an answer is kept, 1 to 3600. Default: 300.

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
