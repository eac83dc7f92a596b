"""The MOCK integration: answers from the API's own definition, without calling anything."""

from __future__ import annotations

import json
import re

from local_cloud.gateway.definition import Integration
from local_cloud.gateway.errors import CONFIGURATION, GatewayError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.mapped_integration import MappedIntegration
from local_cloud.messages import Response

# `{statusCode: 200}` is how the documentation writes it; API Gateway takes names without quotes.
_UNQUOTED_NAME = re.compile(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)")
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


def mock_response(exchange: Exchange, integration: Integration) -> Response:
    """Return what a MOCK integration answers."""
    mapping = MappedIntegration(exchange, integration)
    status = exchange.integration_status = _status(mapping.body())
    return mapping.response(str(status))


def _status(request: bytes) -> int:
    text = request.decode("utf-8", "replace")
    for candidate in (text, _TRAILING_COMMA.sub(r"\1", _UNQUOTED_NAME.sub(r'\1"\2"\3', text))):
        try:
            return int(json.loads(candidate)["statusCode"])
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
    raise GatewayError(CONFIGURATION, "the request of the MOCK integration names no statusCode")
