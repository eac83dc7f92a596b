"""Event that a REST API sends to a Lambda function (proxy integration, payload version 1.0)."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote_plus

from local_cloud.gateway.context import request_variables
from local_cloud.gateway.exchange import TRACE_HEADER, Exchange
from local_cloud.gateway.media_types import is_binary
from local_cloud.messages import Headers

# What the gateway keeps for itself; every other header reaches the function.
_DROPPED = frozenset({
    "connection", "content-length", "content-md5", "expect", "keep-alive", "max-forwards",
    "proxy-authenticate", "proxy-connection", "server", "te", "trailer", "transfer-encoding", "upgrade",
    "www-authenticate",
})  # fmt: skip
# What the gateway adds or replaces; the client's own values are handled where they are made.
_REPLACED = frozenset(
    {"host", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", TRACE_HEADER.lower()}
)

NO_IDENTITY: dict[str, str | None] = dict.fromkeys((
    "cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller", "sourceIp", "principalOrgId",
    "accessKey", "cognitoAuthenticationType", "cognitoAuthenticationProvider", "userArn", "userAgent", "user",
))  # fmt: skip

MultiValues = dict[str, list[str]]

# Headers that functions see in this spelling, however the client sends them.
_SPELLED = {"authorization": "Authorization", "user-agent": "User-Agent"}


def build_event(exchange: Exchange) -> dict[str, Any]:
    """Return the event for a request that has been routed."""
    method = exchange.routed
    request = exchange.request
    headers = multi_value_headers(exchange)
    query = multi_value_query(request.query)
    body, encoded = _body(exchange)
    return {
        "resource": method.resource_path,
        "path": exchange.event_path,
        "httpMethod": request.method,
        "headers": last_values(headers),
        "multiValueHeaders": headers or None,
        "queryStringParameters": last_values(query),
        "multiValueQueryStringParameters": query or None,
        "pathParameters": exchange.path_parameters or None,
        "stageVariables": dict(exchange.stage.variables) or None,
        "requestContext": request_context(exchange),
        "body": body,
        "isBase64Encoded": encoded,
    }


def request_context(exchange: Exchange) -> dict[str, Any]:
    """Return `requestContext` as far as it is known at this point of the way."""
    method, request = exchange.routed, exchange.request
    sent = {"sourceIp": request.peer, "userAgent": request.header("user-agent")}
    context: dict[str, Any] = {
        "resourceId": method.resource_id,
        "resourcePath": method.resource_path,
        **request_variables(exchange),
        "identity": NO_IDENTITY | sent | exchange.identity,
    }
    if method.operation_name:
        context["operationName"] = method.operation_name
    if exchange.authorizer is not None:
        context["authorizer"] = exchange.authorizer
    return context


def multi_value_headers(exchange: Exchange) -> MultiValues:
    """Return all values of all headers that a function sees, under the client's spelling of the first of a name."""
    request = exchange.request
    values: MultiValues = {}
    spelling: dict[str, str] = {}
    for name, value in request.headers:
        lower = name.lower()
        if lower in _DROPPED or lower in _REPLACED or _is_signature(lower, value):
            continue
        values.setdefault(spelling.setdefault(lower, _SPELLED.get(lower, name)), []).append(value)
    values["Host"] = [exchange.domain_name]
    values[TRACE_HEADER] = [exchange.trace_header]
    values["X-Forwarded-For"] = [_forwarded_for(request.headers, request.peer)]
    values["X-Forwarded-Port"] = [str(request.port)]
    values["X-Forwarded-Proto"] = ["http"]
    return values


def multi_value_query(query: str) -> MultiValues:
    """Return all values of all query parameters, unescaped once; a plus is a space, and `;` separates like `&`."""
    values: MultiValues = {}
    for part in query.replace(";", "&").split("&"):
        if part:
            name, _, value = part.partition("=")
            values.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return values


def _is_signature(lower_name: str, value: str) -> bool:
    """Return whether a header is the signature of a request, which is for the gateway alone."""
    return lower_name == "authorization" and value.startswith("AWS4-HMAC-SHA256")


def _forwarded_for(headers: Headers, peer: str) -> str:
    """Append the client's real address to what it has sent, which is not trustworthy."""
    sent = [value for name, value in headers if name.lower() == "x-forwarded-for"]
    return ", ".join([*sent, peer])


def last_values(values: MultiValues) -> dict[str, str] | None:
    """Return the last value of each name, or None if there is none."""
    return {name: all_values[-1] for name, all_values in values.items()} or None


def _body(exchange: Exchange) -> tuple[str | None, bool]:
    body = exchange.request.body
    if not body:
        return None, False
    content_type = exchange.request.header("content-type") or "application/json"
    if is_binary(content_type, exchange.stage.api.binary_media_types):
        return base64.b64encode(body).decode("ascii"), True
    return body.decode("utf-8", "replace"), False
