"""Throttles methods as a stage's settings say: a token bucket for each method, refilled at `rate`, as large as `burst`."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from local_cloud.gateway.definition import Method
from local_cloud.gateway.errors import THROTTLED, GatewayError

_Key = TypeVar("_Key", bound=Hashable)


class TokenBucket:
    """Token bucket: lets a burst through at once and then `rate` requests a second."""

    __slots__ = ("_tokens", "_updated", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = burst
        self._updated = now

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        self._tokens = min(self.burst, self._tokens + (now - self._updated) * self.rate)
        self._updated = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def take_token(buckets: dict[_Key, TokenBucket], key: _Key, rate: float, burst: float, now: float) -> bool:
    """Take a token of the bucket with a key, which is a new one if its limits have changed."""
    bucket = buckets.get(key)
    if bucket is None or (bucket.rate, bucket.burst) != (rate, burst):
        bucket = buckets[key] = TokenBucket(rate, burst, now)
    return bucket.take(now)


class Throttles:
    """The buckets of all stages."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: WeakKeyDictionary[Any, dict[str, TokenBucket]] = WeakKeyDictionary()

    def check(self, stage: Any, method: Method, http_method: str) -> None:
        """Count a request against the limit of its method.

        Args:
            stage: moto's stage, whose method settings apply.
            method: The method that answers.
            http_method: The method of the request, as each one that `ANY` stands for has a bucket of its own.
        """
        settings = method_settings(stage.method_settings, method.resource_path, method.http_method)
        if settings is None:
            return
        rate, burst = float(settings["throttlingRateLimit"]), float(settings["throttlingBurstLimit"])
        if rate < 0 or burst < 0:
            return
        key = f"{method.resource_path} {http_method}"
        if not take_token(self._buckets.setdefault(stage, {}), key, rate, burst, self._clock()):
            raise GatewayError(
                THROTTLED, f"over the limit of {rate:g} requests a second with a burst of {burst:g}"
            )


def method_settings(
    settings: Mapping[str, Mapping[str, Any]], resource_path: str, http_method: str
) -> Mapping[str, Any] | None:
    """Return the settings of a method: its own, else those of all methods (`*/*`), else None.

    A key is a resource's path without its first slash, each other slash as `~1`, and the HTTP method.
    """
    if not settings:
        return None
    escaped = resource_path.strip("/").replace("/", "~1")
    for key in (f"{escaped}/{http_method}", f"~1{escaped}/{http_method}"):
        if key in settings:
            return settings[key]
    return settings.get("*/*")
