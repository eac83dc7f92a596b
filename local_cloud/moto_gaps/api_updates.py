"""Updates of REST APIs and their parts, and settings that get lost.

moto 5.2.5 has no UpdateMethod, UpdateIntegration, UpdateMethodResponse, UpdateIntegrationResponse, UpdateResource,
UpdateModel, UpdateDeployment, UpdateGatewayResponse and UpdateVpcLink. Terraform sends them when an argument changes that
needs no replacement, such as the timeout of an integration. Of a REST API, moto drops `binaryMediaTypes` at creation. Its update takes binary media types from the value
(clients put them into the path), reads every `disableExecuteApiEndpoint` as true, and ignores the compression size and the IP
address type. AWS writes the policy of an API as the inside of a JSON string, quotes escaped, and Terraform reads it so.

moto misspells the identity validation expression of an authorizer, so that it is dropped, and cannot change its user pools.
It does not know the response transfer mode of an integration (`BUFFERED` or `STREAM`), and drops its VPC link.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.apigateway.exceptions import BadRequestException
from moto.apigateway.models import Authorizer, Integration, IntegrationResponse, RestAPI
from moto.apigateway.responses import APIGatewayResponse

from local_cloud.moto_backends import boolean
from local_cloud.moto_gaps.api_validation import check_compression, check_model_update, check_resource_update
from local_cloud.moto_gaps.json_patch import Patchable, Scalar, apply_patch, integer, plain, unescape
from local_cloud.moto_gaps.openapi_document import transfer_mode_problem
from local_cloud.patches import extends, replaces


def _compression(text: str | None) -> int | None:
    check_compression(text or None)
    return int(text) if text else None


_METHOD = Patchable(
    scalars=plain("authorizationType", "authorizerId", "requestValidatorId", "operationName")
    | {"apiKeyRequired": Scalar("api_key_required", boolean, default=False)},
    maps=plain("requestModels") | {"requestParameters": Scalar("request_parameters", boolean)},
    lists=plain("authorizationScopes"),
)
_INTEGRATION = Patchable(
    scalars=plain("uri", "httpMethod", "credentials", "responseTransferMode", "contentHandling")
    | plain("connectionId", "connectionType", "cacheNamespace")
    | {
        "passthroughBehavior": Scalar("passthrough_behaviour"),
        "timeoutInMillis": Scalar("timeout_in_millis", integer),
    },
    maps=plain("requestParameters", "requestTemplates") | {"tlsConfig": Scalar("tls_config", boolean)},
    lists=plain("cacheKeyParameters"),
)
_METHOD_RESPONSE = Patchable(
    maps=plain("responseModels") | {"responseParameters": Scalar("response_parameters", boolean)}
)
_INTEGRATION_RESPONSE = Patchable(
    scalars=plain("selectionPattern", "contentHandling"),
    maps=plain("responseParameters", "responseTemplates"),
)
_REST_API = Patchable(
    scalars=plain("name", "version", "policy")
    | {
        "description": Scalar("description", default=""),
        "apiKeySource": Scalar("api_key_source", default="HEADER"),
        "disableExecuteApiEndpoint": Scalar("disableExecuteApiEndpoint", boolean, default=False),
        "minimumCompressionSize": Scalar("minimum_compression_size", _compression),
    },
    lists={"binaryMediaTypes": Scalar("binaryMediaTypes")},
)
_AUTHORIZER = Patchable(
    scalars=plain("name", "type", "authType", "authorizerUri", "authorizerCredentials", "identitySource")
    | plain("identityValidationExpression")
    | {"authorizerResultTtlInSeconds": Scalar("authorizer_result_ttl", integer, default=300)},
    lists={"providerARNs": Scalar("provider_arns")},
)
_GATEWAY_RESPONSE = Patchable(plain("statusCode"), maps=plain("responseParameters", "responseTemplates"))
# By operation: the look-up of what is patched, where its arguments stand in the path, and its paths.
_UPDATES: dict[str, tuple[str, tuple[int, ...], Patchable]] = {
    "update_method": ("get_method", (2, 4, 6), _METHOD),
    "update_method_response": ("get_method_response", (2, 4, 6, 8), _METHOD_RESPONSE),
    "update_integration": ("get_integration", (2, 4, 6), _INTEGRATION),
    "update_integration_response": ("get_integration_response", (2, 4, 6, 9), _INTEGRATION_RESPONSE),
    "update_resource": ("get_resource", (2, 4), Patchable(plain("parentId", "pathPart"))),
    "update_model": ("get_model", (2, 4), Patchable(plain("description", "schema"))),
    "update_request_validator": (
        "get_request_validator",
        (2, 4),
        Patchable(
            plain("name")
            | {
                "validateRequestParameters": Scalar("validate_request_parameters", boolean),
                "validateRequestBody": Scalar("validate_request_body", boolean),
            }
        ),
    ),
    "update_vpc_link": ("get_vpc_link", (2,), Patchable(plain("description", "name"))),
    "update_deployment": (
        "get_deployment",
        (2, 4),
        Patchable({"description": Scalar("description", default="")}),
    ),
}

_CHECKS = {"get_model": check_model_update, "get_resource": check_resource_update}


def _updating(look_up: str, places: tuple[int, ...], patchable: Patchable) -> Callable[[Any], str]:
    def update(response: Any) -> str:
        parts = response.path.split("/")
        target = getattr(response.backend, look_up)(*(parts[place] for place in places))
        if look_up in _CHECKS:
            _CHECKS[look_up](response)
        apply_patch(target, patchable, response._get_param("patchOperations"))
        return json.dumps(target.to_dict() if hasattr(target, "to_dict") else target.to_json())

    return update


@replaces(APIGatewayResponse)
def _update_gateway_response(response: Any) -> str:
    _, _, api_id, _, kind = response.path.split("/")
    target = response.backend.get_gateway_response(api_id, kind)
    apply_patch(target, _GATEWAY_RESPONSE, response._get_param("patchOperations"))
    target.default_response = False
    response.backend.get_rest_api(api_id).gateway_responses[kind] = target
    return json.dumps(target.to_json())


for _name, _update in _UPDATES.items():
    setattr(APIGatewayResponse, _name, _updating(*_update))


@extends(RestAPI)
def _to_dict(original: Callable[[Any], dict[str, Any]], api: Any) -> dict[str, Any]:
    description = original(api)
    return {**description, "policy": json.dumps(api.policy)[1:-1]} if api.policy else description


@extends(APIGatewayResponse)
def _create_rest_api(original: Callable[[Any], Any], response: Any) -> Any:
    status, _, body = answered = original(response)
    if status != 200:
        return answered
    api, given = response.backend.get_rest_api(json.loads(body)["id"]), response._get_param
    api.binaryMediaTypes, api.version = list(given("binaryMediaTypes") or ()), given("version")
    return json.dumps(api.to_dict())


@extends(Authorizer, "__init__")
def _keep_expression(original: Callable[..., None], authorizer: Any, *arguments: Any, **options: Any) -> None:
    original(authorizer, *arguments, **options)
    expression = options.get("identiy_validation_expression")
    authorizer.identity_validation_expression = authorizer.identity_validation_expression or expression


@replaces(Authorizer)
def _apply_operations(authorizer: Any, patch_operations: list[dict[str, Any]]) -> Any:
    apply_patch(authorizer, _AUTHORIZER, patch_operations)
    return authorizer


Integration.response_transfer_mode = None
Integration.connection_id = None


@extends(APIGatewayResponse)
def _put_integration(original: Callable[[Any], Any], response: Any) -> Any:
    """Store the transfer mode, which is checked as API Gateway does; answers show it as it was given."""
    given = response._get_param
    problem = transfer_mode_problem(
        given("responseTransferMode") or "BUFFERED",
        kind=given("type") or "",
        uri=given("uri") or "",
        timeout_ms=int(given("timeoutInMillis") or 29_000),
    )
    if problem is not None:
        raise BadRequestException(problem)
    original(response)
    _, _, api_id, _, resource_id, _, http_method, *_ = response.path.split("/")
    integration = response.backend.get_integration(api_id, resource_id, http_method)
    integration.response_transfer_mode = given("responseTransferMode")
    integration.connection_id = given("connectionId")
    integration.cache_namespace = integration.cache_namespace or resource_id
    if integration.integration_type == "MOCK":
        integration.uri = None
    return json.dumps(integration.to_json())


@extends(Integration, "to_json")
def _describe_integration(original: Callable[[Any], dict[str, Any]], integration: Any) -> dict[str, Any]:
    connection_type = "INTERNET" if integration.integration_type in ("HTTP", "HTTP_PROXY") else None
    return {
        **original(integration),
        "connectionType": integration.connection_type or connection_type,
        "connectionId": integration.connection_id,
        "responseTransferMode": integration.response_transfer_mode,
    }


@extends(IntegrationResponse, "to_json")
def _describe_response(original: Callable[[Any], dict[str, Any]], response: Any) -> dict[str, Any]:
    return {**original(response), "selectionPattern": response.selection_pattern}


@replaces(RestAPI)
def _apply_patch_operations(api: Any, operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        path = operation["path"]
        if path.startswith("/endpointConfiguration/"):
            _patch_endpoint(api, operation)
        elif path == "/binaryMediaTypes":
            raise BadRequestException(f"Invalid patch path {path}")
        else:
            apply_patch(api, _REST_API, [operation])


def _patch_endpoint(api: Any, operation: dict[str, Any]) -> None:
    """Change the endpoint's type (an API has one), its IP address type or its VPC endpoints."""
    configuration = dict(api.endpoint_configuration)
    _, _, key, *member = operation["path"].split("/", 3)
    value = operation.get("value")
    if key == "ipAddressType":
        if operation["op"] != "replace":
            raise BadRequestException("Invalid patch operation specified. Must be one of: [replace]")
        if value not in ("ipv4", "dualstack"):
            raise BadRequestException("ipAddressType must be either ipv4 or dualstack.")
        if value == "ipv4" and "PRIVATE" in configuration["types"]:
            raise BadRequestException("Only dualstack ipAddressType is supported for Private APIs.")
    if key == "types":
        if value not in ("REGIONAL", "EDGE", "PRIVATE"):
            raise BadRequestException(
                "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE"
            )
        if value == "PRIVATE":
            configuration["ipAddressType"] = "dualstack"
        configuration[key] = [value]
    elif key == "vpcEndpointIds":
        gone = value or (unescape(member[0]) if member else None)
        remaining = [item for item in configuration.get(key) or [] if item != gone]
        configuration[key] = remaining if operation["op"] == "remove" else [*remaining, value]
    else:
        configuration[key] = value
    api.endpoint_configuration = configuration
