"""Turns what an integration that is not a proxy has answered into the method's response."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from local_cloud.gateway.definition import Integration, IntegrationResponse
from local_cloud.gateway.errors import CONFIGURATION, GatewayError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.mapping_templates import MappingTemplates
from local_cloud.gateway.parameter_mappings import Answer, mapped
from local_cloud.gateway.payloads import choose_template, response_body, response_text
from local_cloud.gateway.velocity import to_text
from local_cloud.messages import Headers, Response, first_header

_HEADER = "method.response.header."
_JSON = "application/json"


def mapped_response(
    exchange: Exchange,
    integration: Integration,
    templates: MappingTemplates,
    *,
    selector: str | None,
    headers: Headers = (),
    body: bytes = b"",
) -> Response:
    """Return the response that the integration's own answers stand for.

    Args:
        exchange: The request.
        integration: The integration.
        templates: The templates of this request.
        selector: What the selection patterns are compared with: a status code, or the error of a function. None
            chooses the response for everything else.
        headers: The headers of the answer.
        body: The body of the answer.
    """
    chosen = select(integration.responses, selector)
    if chosen is None:
        raise GatewayError(CONFIGURATION, f"no integration response is for {selector or 'success'}")
    if chosen.status not in exchange.routed.response_statuses:
        raise GatewayError(CONFIGURATION, f"the method declares no response {chosen.status}")
    content_type = first_header(headers, "content-type")
    content_type_out, content = _content(exchange, chosen, templates, content_type, body)
    as_text = Answer(headers, body.decode("utf-8", "replace"))
    mapped_headers = {
        name.removeprefix(_HEADER): mapped(mapping, exchange, templates, answer=as_text)
        for name, mapping in chosen.parameters.items()
        if name.startswith(_HEADER)
    }
    overrides = templates.overrides
    for name, value in overrides.headers.items():
        _replace(mapped_headers, name, value)
    if not any(name.lower() == "content-type" for name in mapped_headers):
        mapped_headers["Content-Type"] = [content_type_out]
    sent = tuple((name, value) for name, values in mapped_headers.items() for value in values if value)
    return Response(overrides.status or int(chosen.status), sent, content)


def select(responses: Iterable[IntegrationResponse], selector: str | None) -> IntegrationResponse | None:
    """Return the response whose pattern fits, else the one without a pattern."""
    default = None
    for response in responses:
        if not response.selection_pattern:
            default = default or response
        elif selector is not None and _fits(response.selection_pattern, selector):
            return response
    return default


def _fits(pattern: str, selector: str) -> bool:
    try:
        return re.fullmatch(pattern, selector) is not None
    except re.error as error:
        raise GatewayError(
            CONFIGURATION, f"selection pattern {pattern} is not a regular expression: {error}"
        ) from None


def _content(
    exchange: Exchange,
    chosen: IntegrationResponse,
    templates: MappingTemplates,
    content_type: str | None,
    body: bytes,
) -> tuple[str, bytes]:
    """Return the content type and the body of the response."""
    handling = chosen.content_handling
    template = choose_template(chosen.templates, exchange.request.header("accept"))
    if template is None or not template[1]:
        name = _JSON if template is None else template[0]
        return name, response_body(exchange, body, content_type=content_type, handling=handling)
    text = response_text(exchange, body, content_type=content_type, handling=handling)
    rendered = templates.render(template[1], text, where="integration response").encode()
    return template[0], response_body(exchange, rendered, content_type=None, handling=handling)


def _replace(headers: dict[str, list[str]], name: str, value: Any) -> None:
    """Set a header instead of the mapped one, ignoring the case of its name."""
    for present in [key for key in headers if key.lower() == name.lower()]:
        del headers[present]
    headers[name] = [to_text(entry) for entry in value] if isinstance(value, list) else [to_text(value)]
