"""The steps of a request through the gateway, in their order.

A step does its part on the exchange, or ends the way by raising; the last one answers. What a deployed API asks for
and a step cannot do yet is an `UnsupportedFeatureError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_cloud.gateway.authorization.cognito import authorize_token
from local_cloud.gateway.authorization.iam import authorize_signature
from local_cloud.gateway.authorization.lambda_authorizer import LambdaAuthorizers
from local_cloud.gateway.authorization.resource_policy import require_policy
from local_cloud.gateway.aws_service import AwsServices
from local_cloud.gateway.definition import Method
from local_cloud.gateway.errors import (
    AUTHORIZER_CONFIGURATION,
    CONFIGURATION,
    FORBIDDEN,
    NO_ROUTE,
    GatewayError,
    UnsupportedFeatureError,
)
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.http_integration import HttpIntegrations
from local_cloud.gateway.lambda_proxy import LambdaProxy
from local_cloud.gateway.limits import check_body
from local_cloud.gateway.mock import mock_response
from local_cloud.gateway.throttle import method_settings
from local_cloud.gateway.validation import validate_body, validate_parameters
from local_cloud.gateway.waf import WebAcls
from local_cloud.messages import Response


def open_api(exchange: Exchange, web_acls: WebAcls) -> Response | None:
    """Reject requests that the API as a whole does not allow, and APIs with features that are missing here.

    Returns:
        The answer that the stage's web ACL has for a request it blocks; None for every request that may go on.
    """
    api, stage = exchange.stage.api, exchange.stage.settings
    if api.execute_api_disabled and exchange.base_path is None:
        raise GatewayError(FORBIDDEN, "the API's default endpoint is disabled")
    if "PRIVATE" in api.endpoint_types:
        raise UnsupportedFeatureError("private endpoints")
    if api.compression_bytes is not None:
        raise UnsupportedFeatureError("response compression (minimum_compression_size)")
    check_body(exchange.request)
    return web_acls.check(exchange, stage.web_acl_arn) if stage.web_acl_arn else None


def route(exchange: Exchange) -> None:
    """Find the method that answers."""
    request = exchange.request
    found = exchange.stage.api.router.find(exchange.path, request.method)
    if found is None:
        raise GatewayError(
            NO_ROUTE, f"{exchange.stage.api.name} has no method for {request.method} {exchange.path}"
        )
    exchange.method, exchange.path_parameters = found
    _refuse_cache(exchange, exchange.method)


async def authorize(exchange: Exchange, lambda_authorizers: LambdaAuthorizers) -> None:
    """Find out who calls and whether they may, in the way that the method asks for; note it on the exchange."""
    match exchange.routed.authorization:
        case "NONE":
            require_policy(exchange)
        case "AWS_IAM":
            authorize_signature(exchange)
        case "CUSTOM":
            await lambda_authorizers.authorize(exchange, _authorizer(exchange, "TOKEN", "REQUEST"))
        case "COGNITO_USER_POOLS":
            authorize_token(exchange, _authorizer(exchange, "COGNITO_USER_POOLS"))
            require_policy(exchange)
        case kind:
            raise GatewayError(AUTHORIZER_CONFIGURATION, f"there is no authorization {kind}")


def _authorizer(exchange: Exchange, *kinds: str) -> Mapping[str, Any]:
    """Return the method's authorizer as it was deployed."""
    method = exchange.routed
    authorizer = exchange.stage.api.authorizers.get(method.authorizer_id or "")
    if authorizer is None or authorizer.get("type") not in kinds:
        raise GatewayError(
            AUTHORIZER_CONFIGURATION,
            f"the deployment has no authorizer {method.authorizer_id} of the type {' or '.join(kinds)}",
        )
    return authorizer


def validate(exchange: Exchange) -> None:
    """Check the request's parameters and body against what the method declares."""
    if exchange.routed.validates_parameters:
        validate_parameters(exchange)
    if exchange.routed.validates_body:
        validate_body(exchange)


async def integrate(
    exchange: Exchange, lambda_proxy: LambdaProxy, aws_services: AwsServices, http: HttpIntegrations
) -> Response:
    """Send the request where it goes and return the answer."""
    integration = exchange.routed.integration
    if integration is None:
        raise GatewayError(CONFIGURATION, "no integration is defined for the method")
    if integration.streams and integration.kind != "AWS_PROXY":
        raise UnsupportedFeatureError(f"responseTransferMode STREAM of {integration.kind}")
    match integration.kind:
        case "AWS_PROXY":
            return await lambda_proxy.respond(exchange, integration)
        case "MOCK":
            return mock_response(exchange, integration)
        case "AWS":
            return await aws_services.respond(exchange, integration)
        case "HTTP" | "HTTP_PROXY":
            return await http.respond(exchange, integration)
        case kind:
            raise UnsupportedFeatureError(f"{kind} integration")


def _refuse_cache(exchange: Exchange, method: Method) -> None:
    if not exchange.stage.settings.cache_cluster_enabled:
        return
    settings = method_settings(
        exchange.stage.settings.method_settings, method.resource_path, method.http_method
    )
    if settings is not None and settings.get("cachingEnabled"):
        raise UnsupportedFeatureError("response caching of a stage")
