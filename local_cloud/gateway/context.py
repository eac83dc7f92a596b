"""The `$context` variables that templates and access logs can name."""

from __future__ import annotations

import json
import time
from time import gmtime, strftime
from typing import Any

from local_cloud.gateway.exchange import Exchange


def request_variables(exchange: Exchange) -> dict[str, Any]:
    """Return the variables that every request has, and the events of functions too."""
    request, api = exchange.request, exchange.stage.api
    return {
        "accountId": api.account_id,
        "apiId": api.api_id,
        "deploymentId": api.deployment_id,
        "domainName": exchange.domain_name,
        "domainPrefix": exchange.domain_name.partition(".")[0],
        "extendedRequestId": exchange.extended_request_id,
        "httpMethod": request.method,
        "path": exchange.context_path,
        "protocol": request.protocol,
        "requestId": exchange.request_id,
        "requestTime": strftime("%d/%b/%Y:%H:%M:%S +0000", gmtime(exchange.received_at)),
        "requestTimeEpoch": int(exchange.received_at * 1000),
        "stage": exchange.stage.name,
    }


def context_variables(exchange: Exchange) -> dict[str, Any]:
    """Return the variables by their dotted names; those without a value are missing."""
    variables = request_variables(exchange)
    variables["identity.sourceIp"] = exchange.request.peer
    variables["identity.userAgent"] = exchange.request.header("user-agent")
    variables |= {f"identity.{name}": value for name, value in exchange.identity.items()}
    if exchange.method is not None:
        variables["resourceId"] = exchange.method.resource_id
        variables["resourcePath"] = exchange.method.resource_path
        variables["operationName"] = exchange.method.operation_name
    if exchange.error is not None:
        response_type, message = exchange.error
        variables["error.responseType"] = response_type
        variables["error.message"] = message
        variables["error.messageString"] = json.dumps(message)
        variables["error.validationErrorString"] = exchange.validation_error
    for name, value in (exchange.authorizer or {}).items():
        if isinstance(value, dict):
            variables |= {f"authorizer.{name}.{key}": inner for key, inner in value.items()}
        else:
            variables[f"authorizer.{name}"] = value
    if getattr(exchange.stage.settings, "canary_settings", None):
        variables["isCanaryRequest"] = "true" if exchange.stage.is_canary else "false"
    if exchange.stage.settings.tracing_enabled:
        variables["xrayTraceId"] = exchange.trace_header
    if exchange.integration_seconds is not None:
        milliseconds = round(exchange.integration_seconds * 1000)
        variables["integrationLatency"] = variables["integration.latency"] = milliseconds
    if exchange.integration_status is not None:
        variables["integrationStatus"] = variables["integration.status"] = exchange.integration_status
    return variables


def response_variables(exchange: Exchange, status: int, length: int) -> dict[str, Any]:
    """Return all variables of a request that has been answered."""
    return context_variables(exchange) | {
        "status": status,
        "responseLength": length,
        "responseLatency": round((time.time() - exchange.received_at) * 1000),
    }
