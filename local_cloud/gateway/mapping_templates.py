"""Mapping templates, evaluated with API Gateway's variables.

`$input` is the body and the parameters, `$context` the request, `$stageVariables` what the stage sets, `$util` some
functions. What a template writes into `$context.requestOverride` and `$context.responseOverride` is kept for those
who send the request and the response.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from local_cloud.gateway.context import context_variables
from local_cloud.gateway.errors import CONFIGURATION, GatewayError
from local_cloud.gateway.event import NO_IDENTITY, last_values, multi_value_headers, multi_value_query
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.velocity import HostObject, JsonList, VelocityError, compile_template, to_text
from local_cloud.json_paths import MISSING, JsonPathError, find
from local_cloud.messages import first_header

LARGEST_TEMPLATE = 300 * 1024

# What JavaScript's texts cannot hold as it is.
_ESCAPED = re.compile(r"[\"'\\/\x00-\x1f\x7f-\U0010ffff]")
_SHORT = {"\b": "\\b", "\n": "\\n", "\t": "\\t", "\f": "\\f", "\r": "\\r"}


@dataclass(slots=True)
class Overrides:
    """Overrides of templates for mapped values.

    Attributes:
        request: Headers, path parameters and query parameters of the integration's request, by their kind.
    """

    status: int | None = None
    headers: dict[str, Any] = field(default_factory=dict)
    request: dict[str, dict[str, Any]] = field(default_factory=dict)


class MappingTemplates:
    """The templates of one request: what the first one writes into `$context`, the later ones see."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._context: dict[str, Any] | None = None

    def render(self, template: str, body: str, *, where: str) -> str:
        """Evaluate a template."""
        if "$" not in template and "#" not in template and "\\" not in template:
            return template
        if len(template) > LARGEST_TEMPLATE:
            raise GatewayError(
                CONFIGURATION, f"{where}: the template is larger than {LARGEST_TEMPLATE} bytes"
            )
        try:
            return compile_template(template).render(
                {
                    "input": _input(self._exchange, body),
                    "context": self.context,
                    "stageVariables": dict(self._exchange.stage.variables),
                    "util": _UTIL,
                }
            )
        except (VelocityError, JsonPathError) as error:
            raise GatewayError(CONFIGURATION, f"{where}: {error}") from error

    @property
    def context(self) -> dict[str, Any]:
        """`$context`, with what templates have written into it."""
        if self._context is None:
            self._context = _context(self._exchange)
        return self._context

    @property
    def overrides(self) -> Overrides:
        """Overrides of the templates so far."""
        if self._context is None:
            return Overrides()
        response, request = self._context["responseOverride"], self._context["requestOverride"]
        return Overrides(
            status=_status(response.get("status")),
            headers=_map(response.get("header")),
            request={kind: _map(request.get(kind)) for kind in ("header", "path", "querystring")},
        )


def _status(value: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        status = int(value)
    except (TypeError, ValueError):
        status = 0
    if not 100 <= status <= 599:
        raise GatewayError(CONFIGURATION, f"$context.responseOverride.status is not a status code: {value!r}")
    return status


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _context(exchange: Exchange) -> dict[str, Any]:
    context: dict[str, Any] = {}
    for name, value in context_variables(exchange).items():
        if value is not None:
            _put(context, name.split("."), value)
    unset = dict.fromkeys(NO_IDENTITY, "")
    context["identity"] = {**unset, **context.get("identity", {})}
    if exchange.authorizer is not None:
        context["authorizer"] = _plain(exchange.authorizer)
    context["requestOverride"] = {"header": {}, "path": {}, "querystring": {}}
    context["responseOverride"] = {"header": {}}
    return context


def _put(target: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = target.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target[path[-1]] = value


def _input(exchange: Exchange, body: str) -> HostObject:
    content: list[Any] = []

    def parsed() -> Any:
        if not content:
            content.append(_json(body))
        return content[0]

    def path(expression: Any = "$") -> Any:
        found = find(to_text(expression), parsed())
        return None if found is MISSING else found

    def as_json(expression: Any = "$") -> str:
        found = find(to_text(expression), parsed())
        return '""' if found is MISSING else json.dumps(found, ensure_ascii=False, separators=(",", ":"))

    def params(name: Any = None) -> Any:
        places = _parameters(exchange)
        return places if name is None else _parameter(places, to_text(name))

    return HostObject(
        properties={"body": body or "{}"},  # as on AWS, a request without a body has an empty object
        methods={"json": as_json, "path": path, "params": params},
    )


def _parameters(exchange: Exchange) -> dict[str, Any]:
    return {
        "path": dict(exchange.path_parameters),
        "querystring": last_values(multi_value_query(exchange.request.query)) or {},
        "header": last_values(multi_value_headers(exchange)) or {},
    }


def _parameter(places: Mapping[str, Mapping[str, str]], name: str) -> str | None:
    for place in ("path", "querystring", "header"):
        if name in places[place]:
            return places[place][name]
    return first_header(places["header"].items(), name)


def _json(body: str) -> Any:
    """Read a body as JSON; an empty one is an empty object, and what is not JSON is a text."""
    if not body.strip():
        return {}
    try:
        return _plain(json.loads(body))
    except (ValueError, RecursionError):
        return body


def _plain(value: Any) -> Any:
    """Return content of JSON with the lists that are JSON as text too."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return JsonList(_plain(entry) for entry in value)
    return value


def _escape_javascript(value: Any) -> str:
    def escape(match: re.Match[str]) -> str:
        character = match[0]
        if character in _SHORT:
            return _SHORT[character]
        if character in "\"'\\/":
            return f"\\{character}"
        units = character.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2))

    return _ESCAPED.sub(escape, to_text(value))


def _parse_json(value: Any) -> Any:
    try:
        return _plain(json.loads(to_text(value)))
    except (ValueError, RecursionError) as error:
        raise VelocityError(f"$util.parseJson() was given what is not JSON: {error}") from None


def _decode(value: Any) -> str:
    try:
        return base64.b64decode(to_text(value)).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise VelocityError(f"$util.base64Decode() was given what is not base64: {error}") from None


_UTIL = HostObject(
    methods={
        "base64Decode": _decode,
        "base64Encode": lambda value: base64.b64encode(to_text(value).encode("utf-8", "replace")).decode(),
        "escapeJavaScript": _escape_javascript,
        "parseJson": _parse_json,
        "urlDecode": lambda value: unquote_plus(to_text(value)),
        "urlEncode": lambda value: quote_plus(to_text(value), safe="*-._"),
    }
)
