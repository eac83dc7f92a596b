"""The request of an integration: what parameter mappings and overrides put into its path, headers and query."""

from __future__ import annotations

import re
from collections.abc import Mapping

from local_cloud.gateway.definition import Integration
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.mapping_templates import MappingTemplates
from local_cloud.gateway.parameter_mappings import mapped
from local_cloud.gateway.velocity import to_text

_PREFIX = "integration.request."
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9._$-]+)\+?\}")


def filled(uri: str, path_values: Mapping[str, str]) -> str:
    """Return a URI with the values of its path parameters; those without a value stay as they are."""
    return _PLACEHOLDER.sub(lambda match: path_values.get(match[1], match[0]), uri)


def target_method(integration: Integration, exchange: Exchange) -> str:
    """Return the HTTP method that the target is called with."""
    method = integration.http_method or "POST"
    return exchange.request.method if method == "ANY" else method


def mapped_parameters(
    exchange: Exchange, integration: Integration, templates: MappingTemplates
) -> tuple[dict[str, str], dict[str, str], list[tuple[str, str]]]:
    """Return the values for the path, the headers and the query parameters of the service's request."""
    path: dict[str, str] = {}
    headers: dict[str, str] = {}
    query: dict[str, list[str]] = {}
    for name, mapping in integration.request_parameters.items():
        place, _, key = name.removeprefix(_PREFIX).partition(".")
        values = mapped(mapping, exchange, templates)
        if not values:
            continue
        if place == "path":
            path[key] = values[-1]
        elif place == "header":
            headers[key] = ",".join(values)
        elif place == "querystring":
            query[key] = values
    overrides = templates.overrides.request
    path |= {key: to_text(value) for key, value in overrides.get("path", {}).items()}
    headers |= {key: to_text(value) for key, value in overrides.get("header", {}).items()}
    query |= {
        key: [to_text(entry) for entry in value] if isinstance(value, list) else [to_text(value)]
        for key, value in overrides.get("querystring", {}).items()
    }
    return path, headers, [(key, value) for key, values in query.items() for value in values]
