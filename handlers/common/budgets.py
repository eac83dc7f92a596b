"""Budgets: the buckets in which a limit is counted, one for each scope, unit and window of the clock in UTC."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from handlers.common.caller import Caller, Limit, Unit, Window
from handlers.common.errors import TooManyRequests, register

Amounts = Mapping[Unit, int]
"""What a call uses, by unit; `nano_usd` is money in billionths of a US dollar."""

NANO_USD_PER_USD: Final = 1_000_000_000
LONGEST_HELPFUL_WAIT_SECONDS: Final = 60
"""Clients that retry by themselves wait no longer; OpenAI's SDKs ignore a longer `retry-after`."""

_FORMATS: Final[Mapping[Window, str]] = {"minute": "%Y-%m-%dT%H:%MZ", "day": "%Y-%m-%d", "month": "%Y-%m"}
_SECONDS: Final = {"minute": 60, "day": 86_400}
_PER: Final[Mapping[Window, str]] = {"minute": "a minute", "day": "a day", "month": "a month"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Use of one limit in one window.

    Attributes:
        id: Key of its item, such as `tenant:acme#day#nano_usd#2026-11-30`.
        limit: The limit.
        ends_at: End of the window, in seconds since 1970.
    """

    id: str
    limit: Limit
    ends_at: int

    @classmethod
    def of(cls, limit: Limit, owner: str, now: float) -> Bucket:
        """Return the bucket of a limit at a time.

        Args:
            limit: The limit.
            owner: Tenant that the limit of a route belongs to.
            now: The time, in seconds since 1970.
        """
        # Tenants count a route apart from each other.
        scope = f"{limit.scope}@{owner}" if limit.scope.startswith("route:") else limit.scope
        start = time.strftime(_FORMATS[limit.window], time.gmtime(now))
        return cls(f"{scope}#{limit.window}#{limit.unit}#{start}", limit, window_end(limit.window, now))


def window_end(window: Window, now: float) -> int:
    """Return the end of the window that `now` is in, in seconds since 1970."""
    if window == "month":
        moment = time.gmtime(now)
        year, month = divmod(moment.tm_year * 12 + moment.tm_mon, 12)
        return calendar.timegm((year, month + 1, 1, 0, 0, 0))
    seconds = _SECONDS[window]
    return (int(now) // seconds + 1) * seconds


def buckets_of(caller: Caller, routes: Iterable[str], now: float) -> tuple[Bucket, ...]:
    """Return the buckets that count a call; of two limits of a bucket, the smaller holds.

    Args:
        caller: The caller.
        routes: Names of the call in limits of the scope `route:NAME`: its operation, and its model if it has one.
        now: The time, in seconds since 1970.
    """
    names = {f"route:{name}" for name in routes}
    buckets: dict[str, Bucket] = {}
    for limit in caller.limits:
        if limit.scope.startswith("route:") and limit.scope not in names:
            continue
        bucket = Bucket.of(limit, caller.tenant, now)
        existing = buckets.get(bucket.id)
        if existing is None or existing.limit.maximum > limit.maximum:
            buckets[bucket.id] = bucket
    return tuple(buckets.values())


@register
class BudgetExceeded(TooManyRequests):
    """A call could use more than a limit leaves.

    Args:
        message: The message in a direct invocation. Default: made from the rest.
        bucket: The bucket that leaves too little. Default: none is known.
        needed: What the call could use.
        remaining: What the bucket leaves; None if that is not known.
        now: The time, in seconds since 1970.
        detail: For the log only.
    """

    code = "budget_exceeded"
    default_message = "A budget is used up. Try again later."

    def __init__(
        self,
        message: str | None = None,
        *,
        bucket: Bucket | None = None,
        needed: int = 0,
        remaining: int | None = None,
        now: float = 0,
        detail: str | None = None,
    ) -> None:
        self.bucket = bucket
        self.remaining = remaining
        wait = 60 if bucket is None else max(1, bucket.ends_at - int(now))
        possible = bucket is None or needed <= bucket.limit.maximum
        if bucket is not None and message is None:
            message = _message(bucket, needed, possible=possible)
        super().__init__(message, retry_after_seconds=wait, detail=detail)
        self.retry_helps = possible and wait <= LONGEST_HELPFUL_WAIT_SECONDS

    @property
    def budget(self) -> str:
        """The limit without its owner, such as `tenant/day/nano_usd`."""
        if self.bucket is None:
            return "workflow"
        limit = self.bucket.limit
        return f"{limit.scope.partition(':')[0]}/{limit.window}/{limit.unit}"

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After` in seconds, the limit in `x-ratelimit-*`, and `x-should-retry: false` where waiting is in vain."""
        headers = super().headers
        if not self.retry_helps:
            headers["x-should-retry"] = "false"
        if self.bucket is None:
            return headers
        unit = self.bucket.limit.unit.replace("_", "-")
        headers[f"x-ratelimit-limit-{unit}"] = str(self.bucket.limit.maximum)
        if self.remaining is not None:
            headers[f"x-ratelimit-remaining-{unit}"] = str(self.remaining)
        headers[f"x-ratelimit-reset-{unit}"] = f"{self.retry_after_seconds}s"
        return headers


def _message(bucket: Bucket, needed: int, *, possible: bool) -> str:
    limit = bucket.limit
    kind = limit.scope.partition(":")[0]
    budget = f"The {kind}'s budget of {_quantity(limit.unit, limit.maximum)} {_PER[limit.window]}"
    if not possible:
        return f"{budget} is less than the {_quantity(limit.unit, needed)} that this request may use. Ask for less."
    resets = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(bucket.ends_at))
    if limit.unit == "requests":
        return f"{budget} is used up. It resets at {resets}."
    return f"{budget} leaves less than the {_quantity(limit.unit, needed)} that this request may use. It resets at {resets}."


def _quantity(unit: Unit, amount: int) -> str:
    return usd(amount) if unit == "nano_usd" else f"{amount:,} {unit}"


def usd(nano_usd: int) -> str:
    """Return money as text, such as `0.0012 US dollars`, without rounding."""
    whole, rest = divmod(abs(nano_usd), NANO_USD_PER_USD)
    digits = f"{rest:09}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano_usd < 0 else ''}{whole:,}.{digits} US dollars"
