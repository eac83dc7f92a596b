"""Gateway responses: the gateway's own errors, in the form of the deployed API."""

from __future__ import annotations

import json

from local_cloud.gateway.context import context_variables
from local_cloud.gateway.definition import GatewayResponse
from local_cloud.gateway.errors import Fault
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.mapping_templates import MappingTemplates
from local_cloud.gateway.parameter_mappings import mapped
from local_cloud.gateway.payloads import choose_template
from local_cloud.gateway.templates import substitute
from local_cloud.messages import Response

_HEADER = "gatewayresponse.header."


def plain_response(fault: Fault) -> Response:
    """Return an error as the gateway writes it where no API has a say."""
    if not fault.error_type:
        headers = (("Content-Type", "text; charset=utf-8"),)
        return Response(fault.status, headers, (fault.message or "").encode())
    return Response(
        fault.status,
        (("Content-Type", "application/json"), ("x-amzn-ErrorType", fault.error_type)),
        _plain_body(fault).encode(),
    )


def gateway_response(exchange: Exchange, fault: Fault) -> Response:
    """Return an error as the API has customized its type, or all errors of 4xx or 5xx; else as it is."""
    exchange.error = (fault.response_type, fault.message)
    custom = _customized(exchange, fault)
    if custom is None:
        return plain_response(fault)
    variables = MappingTemplates(exchange)
    headers = {
        name.removeprefix(_HEADER): values[-1]
        for name, value in custom.parameters.items()
        if name.startswith(_HEADER) and (values := mapped(value, exchange, variables))
    }
    headers["x-amzn-ErrorType"] = fault.error_type
    template = choose_template(custom.templates, exchange.request.header("accept"))
    if template is None:
        content_type, body = "application/json", _plain_body(fault)
    else:
        content_type = template[0]
        context, stage_variables = context_variables(exchange), exchange.stage.variables
        body = substitute(template[1], context, stage_variables, missing="")
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = content_type
    return Response(custom.status or fault.status, tuple(headers.items()), body.encode())


def _plain_body(fault: Fault) -> str:
    return json.dumps({fault.member: fault.message}, separators=(",", ":"))


def _customized(exchange: Exchange, fault: Fault) -> GatewayResponse | None:
    if not fault.response_type:
        return None
    responses = exchange.stage.api.gateway_responses
    default = "DEFAULT_4XX" if fault.status < 500 else "DEFAULT_5XX"
    return responses.get(fault.response_type) or responses.get(default)
