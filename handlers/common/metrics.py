"""Metrics of calls as a log line in CloudWatch's embedded metric format, with OpenTelemetry's names where it has one.

Each line has every metric twice: by tenant, and by model. Tenants and models are few; keys and users are not, so they are
no dimensions. CloudWatch makes the metrics of the log, so that a call waits for nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Final

from handlers.common.metering import READ, WRITTEN

TENANT: Final = "tenant"
MODEL: Final = "gen_ai.request.model"
GUARDED: Final = "guarded"
ACTION: Final = "action"
_NANO: Final = 1_000_000_000
_UNITS: Final[Mapping[str, str]] = {
    "gen_ai.client.operation.duration": "Seconds",
    "gen_ai.server.time_to_first_token": "Seconds",
}
"""Units of metrics that are not counts."""


def record_call(
    *,
    tenant: str,
    model: str,
    operation: str,
    nano_usd: int,
    quantities: Mapping[str, int],
    fallbacks: int = 0,
    failed: bool = False,
    latency_ms: int | None = None,
    first_token_ms: int | None = None,
) -> None:
    """Record a call that has ended.

    Args:
        tenant: Its tenant.
        model: What answered: the target of a route, or the operation.
        operation: Name of the operation.
        nano_usd: What it cost, in billionths of a US dollar.
        quantities: What it used, by unit.
        fallbacks: Targets that failed before. Default: 0.
        failed: Whether it failed. Default: False.
        latency_ms: Its duration in milliseconds. Default: not known.
        first_token_ms: Time to the first token of a stream in milliseconds. Default: none.
    """
    values: dict[str, float] = {"calls": 1, "spend.usd": nano_usd / _NANO, "fallbacks": fallbacks}
    if failed:
        values["failures"] = 1
    for unit, kind in ((READ, "input"), (WRITTEN, "output")):
        if unit in quantities:
            values[f"gen_ai.client.token.usage.{kind}"] = quantities[unit]
    if latency_ms is not None:
        values["gen_ai.client.operation.duration"] = latency_ms / 1000
    if first_token_ms is not None:
        values["gen_ai.server.time_to_first_token"] = first_token_ms / 1000
    _write(values, {TENANT: tenant, MODEL: model}, [[TENANT], [MODEL]], {"gen_ai.operation.name": operation})


def record_refusal(*, tenant: str, operation: str, budget: str) -> None:
    """Record a call that a budget refused.

    Args:
        tenant: Its tenant.
        operation: Name of the operation.
        budget: Scope, window and unit of the limit, such as `tenant/day/nano_usd`.
    """
    more = {"gen_ai.operation.name": operation, "budget": budget}
    _write({"refusals": 1}, {TENANT: tenant}, [[TENANT], []], more)


def record_intervention(*, guarded: str, action: str, source: str, kinds: Sequence[str]) -> None:
    """Record that a guardrail masked or blocked something; never what.

    Args:
        guarded: The guarded route or service.
        action: `masked` or `blocked`.
        source: Side of the text, `INPUT` or `OUTPUT`.
        kinds: Types of what was found, such as `PHONE`.
    """
    more = {"source": source, "kinds": " ".join(kinds)}
    dimensions = {GUARDED: guarded, ACTION: action}
    _write({"guardrail.interventions": 1}, dimensions, [[GUARDED], [ACTION]], more)


def record_warnings(count: int) -> None:
    """Record budgets that are nearly used up."""
    if count:
        _write({"budget.warnings": count}, {}, [[]], {})


def _write(
    values: Mapping[str, float],
    dimensions: Mapping[str, str],
    sets: list[list[str]],
    properties: Mapping[str, str],
) -> None:
    namespace = os.environ.get("METER_NAMESPACE")
    if not namespace:
        return
    metrics = [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in values]
    about = {"Namespace": namespace, "Dimensions": sets, "Metrics": metrics}
    line = {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [about]},
        **dimensions,
        **properties,
        **values,
    }
    print(json.dumps(line, separators=(",", ":")), flush=True)
