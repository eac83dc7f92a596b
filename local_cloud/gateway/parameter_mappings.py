"""Parameter mappings: where a header, a query parameter or a part of a path takes its value from.

A mapping is a text in single quotes, or names a value: `method.request.path.id`, `context.requestId`,
`stageVariables.version`, `integration.response.header.ETag`, `integration.response.body.id`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.gateway.errors import CONFIGURATION, GatewayError
from local_cloud.gateway.event import multi_value_headers, multi_value_query
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.mapping_templates import MappingTemplates
from local_cloud.gateway.velocity import to_text
from local_cloud.json_paths import MISSING, JsonPathError, find
from local_cloud.messages import Headers

_SEVERAL = ("multivalueheader", "multivaluequerystring")


@dataclass(frozen=True, slots=True)
class Answer:
    """Response of an integration, as the source of mappings."""

    headers: Headers
    body: str


def mapped(
    mapping: str,
    exchange: Exchange,
    templates: MappingTemplates,
    *,
    answer: Answer | None = None,
) -> list[str]:
    """Return the values that a mapping stands for; none where it leads nowhere."""
    if len(mapping) >= 2 and mapping[0] == mapping[-1] == "'":
        return [mapping[1:-1]]
    source, _, rest = mapping.partition(".")
    if source == "stageVariables":
        return _texts(exchange.stage.variables.get(rest))
    if source == "context":
        return _texts(_at(templates.context, rest))
    place, _, name = rest.partition(".")[2].partition(".")
    if mapping.startswith("method.request."):
        return _of_request(exchange, place, name)
    if answer is not None and mapping.startswith("integration.response."):
        return _of_answer(answer, place, name)
    raise GatewayError(CONFIGURATION, f"API Gateway knows no mapping from {mapping}")


def _of_request(exchange: Exchange, place: str, name: str) -> list[str]:
    match place:
        case "path":
            return _texts(exchange.path_parameters.get(name))
        case "querystring" | "multivaluequerystring":
            return _some(place, multi_value_query(exchange.request.query).get(name, []))
        case "header" | "multivalueheader":
            headers = multi_value_headers(exchange).items()
            lower = name.lower()
            return _some(place, next((values for key, values in headers if key.lower() == lower), []))
        case "body":
            return _of_body(exchange.request.body.decode("utf-8", "replace"), name)
    raise GatewayError(CONFIGURATION, f"API Gateway knows no mapping from method.request.{place}")


def _of_answer(answer: Answer, place: str, name: str) -> list[str]:
    match place:
        case "header" | "multivalueheader":
            lower = name.lower()
            return _some(place, [value for key, value in answer.headers if key.lower() == lower])
        case "body":
            return _of_body(answer.body, name)
    raise GatewayError(CONFIGURATION, f"API Gateway knows no mapping from integration.response.{place}")


def _of_body(body: str, path: str) -> list[str]:
    if not path:
        return [body]
    try:
        found = find(path, json.loads(body))
    except (ValueError, RecursionError):
        return []
    except JsonPathError as error:
        raise GatewayError(CONFIGURATION, str(error)) from error
    if found is MISSING or found is None:
        return []
    if isinstance(found, list | dict):
        return [json.dumps(found, ensure_ascii=False, separators=(",", ":"))]
    return [to_text(found)]


def _some(place: str, values: list[str]) -> list[str]:
    """Return all values for a mapping of several, else the last one."""
    return values if place in _SEVERAL else values[-1:]


def _texts(value: Any) -> list[str]:
    return [] if value is None or isinstance(value, dict | list) else [to_text(value)]


def _at(content: Mapping[str, Any], dotted: str) -> Any:
    value: Any = content
    for name in dotted.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
