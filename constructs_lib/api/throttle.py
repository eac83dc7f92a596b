"""Throttle: limits of the rate of requests."""

from __future__ import annotations

from dataclasses import dataclass

from constructs_lib.checks import check_range


@dataclass(frozen=True, slots=True)
class Throttle:
    """Limits of a stage's requests. API Gateway answers more with 429.

    Attributes:
        rate_limit: Requests a second on average, 1-10000. Default: 100.
        burst_limit: Requests in a burst, 1-5000. Default: 200.

    Raises:
        ConstructError: if a limit is not 1 to 10000 (rate) or 1 to 5000 (burst), the account's own limits.

    Example:
        >>> Throttle(20, 40)
        Throttle(rate_limit=20, burst_limit=40)
    """

    rate_limit: int = 100
    burst_limit: int = 200

    def __post_init__(self) -> None:
        check_range("Throttle", "rate_limit", self.rate_limit, 1, 10_000)
        check_range("Throttle", "burst_limit", self.burst_limit, 1, 5_000)
