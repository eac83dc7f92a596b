"""Identity sources of authorizers: values of a request that identify the caller, such as `method.request.header.Authorization`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from local_cloud.gateway.context import context_variables
from local_cloud.gateway.errors import AUTHORIZER_CONFIGURATION, UNAUTHORIZED, GatewayError
from local_cloud.gateway.event import multi_value_query
from local_cloud.gateway.exchange import Exchange

_PREFIXES = ("method.request.header.", "method.request.querystring.", "stageVariables.", "context.")


def identity_values(exchange: Exchange, authorizer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values of an authorizer's identity sources, in their order; none if it has none.

    Raises:
        GatewayError: One of them is missing or empty; the authorizer is not invoked then.
    """
    values = []
    for prefix, name in _parse(authorizer.get("identitySource") or ""):
        value = _value(exchange, prefix, name)
        if not value:
            raise GatewayError(UNAUTHORIZED, f"the request has no {prefix}{name}")
        values.append(value)
    return tuple(values)


def _value(exchange: Exchange, prefix: str, name: str) -> str | None:
    match prefix:
        case "method.request.header.":
            return exchange.request.header(name)
        case "method.request.querystring.":
            values = multi_value_query(exchange.request.query).get(name)
            return values[-1] if values else None
        case "stageVariables.":
            return exchange.stage.variables.get(name)
        case _:
            value = context_variables(exchange).get(name)
            return None if value is None else str(value)


@lru_cache(maxsize=256)
def _parse(sources: str) -> tuple[tuple[str, str], ...]:
    parsed = []
    for source in filter(None, map(str.strip, sources.split(","))):
        prefix = next((prefix for prefix in _PREFIXES if source.startswith(prefix)), None)
        if prefix is None:
            raise GatewayError(
                AUTHORIZER_CONFIGURATION,
                f"{source} is not an identity source; there are {', '.join(_PREFIXES)}",
            )
        parsed.append((prefix, source.removeprefix(prefix)))
    return tuple(parsed)
