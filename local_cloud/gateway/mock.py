"""The MOCK integration: answers from the API's own definition, as far as its templates are static."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from local_cloud.gateway.context import context_variables
from local_cloud.gateway.definition import Integration, IntegrationResponse
from local_cloud.gateway.errors import CONFIGURATION, GatewayError, UnsupportedFeatureError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.templates import choose, render
from local_cloud.messages import Response

_HEADER = "method.response.header."
# `{statusCode: 200}` is how the documentation writes it; API Gateway takes names without quotes.
_UNQUOTED_NAME = re.compile(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)")


def mock_response(exchange: Exchange, integration: Integration) -> Response:
    """Return what a MOCK integration answers.

    Raises:
        GatewayError: No integration response fits the status that the request template names.
        UnsupportedFeatureError: A template or a mapping needs more than text and variables.
    """
    context = context_variables(exchange)
    status = _status(exchange, integration, context)
    exchange.integration_status = status
    chosen = _select(integration.responses, status)
    if chosen is None:
        raise GatewayError(CONFIGURATION, f"no integration response is for status {status}")
    if chosen.content_handling:
        raise UnsupportedFeatureError(f"content handling {chosen.content_handling} of MOCK")
    headers = {
        name.removeprefix(_HEADER): static_value(value, where="MOCK")
        for name, value in chosen.parameters.items()
        if name.startswith(_HEADER)
    }
    template = choose(chosen.templates, exchange.request.header("accept"))
    content_type, text = template or ("application/json", "")
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = content_type
    body = render(text, context, exchange.stage.variables, where="MOCK integration response")
    return Response(int(chosen.status), tuple(headers.items()), body.encode())


def static_value(mapping: str, *, where: str) -> str:
    """Return the text of a mapping such as `'*'`.

    Raises:
        UnsupportedFeatureError: The mapping takes its value from the request or the context.
    """
    if len(mapping) >= 2 and mapping[0] == mapping[-1] == "'":
        return mapping[1:-1]
    raise UnsupportedFeatureError(f"parameter mapping from {mapping} ({where})")


def _status(exchange: Exchange, integration: Integration, context: Mapping[str, Any]) -> int:
    template = choose(integration.request_templates, exchange.request.header("content-type"))
    if template is None:
        raise GatewayError(
            CONFIGURATION, "the MOCK integration has no request template that names a statusCode"
        )
    text = render(template[1], context, exchange.stage.variables, where="MOCK request template")
    try:
        return int(json.loads(_UNQUOTED_NAME.sub(r'\1"\2"\3', text))["statusCode"])
    except (ValueError, TypeError, KeyError):
        raise GatewayError(
            CONFIGURATION, "the request template of the MOCK integration names no statusCode"
        ) from None


def _select(responses: tuple[IntegrationResponse, ...], status: int) -> IntegrationResponse | None:
    for response in responses:
        if response.selection_pattern and re.fullmatch(response.selection_pattern, str(status)):
            return response
    return next((response for response in responses if not response.selection_pattern), None)
