"""API keys and usage plans: whose key a request has, how often it may come, and how often in a day, week or month.

Keys and plans are read from moto at each request; what is counted lives here, as long as moto's plan does. A plan's
limits hold for each of its keys by itself. What the throttle refuses is not counted against the quota.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from local_cloud.gateway.definition import Method
from local_cloud.gateway.errors import INVALID_API_KEY, QUOTA_EXCEEDED, THROTTLED, GatewayError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.throttle import TokenBucket, take_token
from local_cloud.moto_backends import boolean

HEADER = "x-api-key"

# What AWS allows a whole account: the limit of a plan that names only the other of the two.
_ACCOUNT_RATE = 10_000.0
_ACCOUNT_BURST = 5_000.0


@dataclass(slots=True)
class _Usage:
    """Usage of a key in the current period."""

    since: datetime
    used: int = 0


class ApiKeys:
    """API keys: their check and their use.

    Args:
        clock: Returns a time in seconds that never goes back, for throttles.
        wall_clock: Returns the seconds since 1970, for quotas.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._buckets: WeakKeyDictionary[Any, dict[tuple[str, str], TokenBucket]] = WeakKeyDictionary()
        self._usage: WeakKeyDictionary[Any, dict[str, _Usage]] = WeakKeyDictionary()

    def check(self, exchange: Exchange) -> None:
        """Let a request pass if it has the key of a usage plan for its stage and is within the plan's limits."""
        value = (
            exchange.usage_identifier_key
            if exchange.stage.api.api_key_source == "AUTHORIZER"
            else exchange.request.header(HEADER)
        )
        key = _find_key(exchange, value)
        exchange.identity |= {"apiKey": key.value, "apiKeyId": key.id}
        plan, stage = _find_plan(exchange, key)
        self._throttle(plan, stage, key, exchange.routed, exchange.request.method)
        self._count(plan, key)

    def _throttle(
        self, plan: Any, stage: Mapping[str, Any], key: Any, method: Method, http_method: str
    ) -> None:
        scope, limits = _method_limits(stage, method, http_method) or ("", plan.throttle)
        if not limits:
            return
        rate = float(limits.get("rateLimit", _ACCOUNT_RATE))
        burst = float(limits.get("burstLimit", _ACCOUNT_BURST))
        owner = (key.id, f"{stage['apiId']}:{stage['stage']} {scope}" if scope else "")
        if not take_token(self._buckets.setdefault(plan, {}), owner, rate, burst, self._clock()):
            raise GatewayError(
                THROTTLED,
                f"key {key.name or key.id} is over the limit of usage plan {plan.name}: {rate:g} requests a second "
                f"with a burst of {burst:g}",
            )

    def _count(self, plan: Any, key: Any) -> None:
        if not plan.quota or "limit" not in plan.quota:
            return
        limit, period = int(plan.quota["limit"]), str(plan.quota.get("period", "DAY"))
        now = datetime.fromtimestamp(self._wall_clock(), UTC)
        since = period_start(now, period, int(plan.quota.get("offset") or 0))
        used = self._usage.setdefault(plan, {})
        usage = used.get(key.id)
        if usage is None or usage.since != since:
            usage = used[key.id] = _Usage(since)
        if usage.used >= limit:
            raise GatewayError(
                QUOTA_EXCEEDED,
                f"key {key.name or key.id} has used up the {limit} requests a {period.lower()} of usage plan {plan.name}",
            )
        usage.used += 1


def period_start(now: datetime, period: str, offset: int) -> datetime:
    """Return when the period began that a moment is in.

    Args:
        now: The moment.
        period: `DAY`, `WEEK` or `MONTH`.
        offset: The first day of a week (0 is Sunday), or of a month (0 is the first).
    """
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case "WEEK":
            return today - timedelta(days=(today.isoweekday() - offset) % 7)
        case "MONTH":
            start = today.replace(day=1) + timedelta(days=offset)
            if start <= today:
                return start
            return (today.replace(day=1) - timedelta(days=1)).replace(day=1) + timedelta(days=offset)
        case _:
            return today


def _find_key(exchange: Exchange, value: str | None) -> Any:
    if not value:
        raise GatewayError(INVALID_API_KEY, "the request has no API key")
    sent = value.encode("utf-8", "replace")
    for key in list(_backend(exchange).keys.values()):
        if hmac.compare_digest(key.value.encode(), sent):
            if not boolean(key.enabled):
                raise GatewayError(INVALID_API_KEY, f"API key {key.name or key.id} is not enabled")
            return key
    raise GatewayError(INVALID_API_KEY, "there is no such API key")


def _find_plan(exchange: Exchange, key: Any) -> tuple[Any, Mapping[str, Any]]:
    backend = _backend(exchange)
    for plan in list(backend.usage_plans.values()):
        if key.id not in backend.usage_plan_keys.get(plan.id, {}):
            continue
        for stage in list(plan.api_stages):
            if (stage.get("apiId"), stage.get("stage")) == (exchange.stage.api.api_id, exchange.stage.name):
                return plan, stage
    raise GatewayError(
        INVALID_API_KEY,
        f"API key {key.name or key.id} is in no usage plan that has stage {exchange.stage.name}",
    )


def _method_limits(
    stage: Mapping[str, Any], method: Method, http_method: str
) -> tuple[str, Mapping[str, Any]] | None:
    """Return the limits that a plan has for one method, and what names it, or None if it has none."""
    limits = stage.get("throttle") or {}
    path = method.resource_path
    for name in (http_method, method.http_method):
        for key in (f"{path}/{name}", f"{path.rstrip('/')}/{name}"):
            if key in limits:
                return key, limits[key]
    return None


def _backend(exchange: Exchange) -> Any:
    from moto.apigateway.models import apigateway_backends

    api = exchange.stage.api
    return apigateway_backends[api.account_id][api.region]
