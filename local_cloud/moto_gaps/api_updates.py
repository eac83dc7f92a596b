"""Updates of REST APIs and their parts, and settings that get lost.

moto 5.2.5 has no UpdateMethod, UpdateIntegration, UpdateMethodResponse, UpdateIntegrationResponse, UpdateResource,
UpdateModel and UpdateDeployment. Terraform sends them when an argument changes that needs no replacement, such as the timeout
of an integration. Of a REST API, moto drops `binaryMediaTypes` at creation. Its update takes binary media types from the value
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
from moto.apigateway.models import Authorizer, Integration, RestAPI
from moto.apigateway.responses import APIGatewayResponse

from local_cloud.moto_backends import boolean
from local_cloud.moto_gaps.json_patch import Patchable, Scalar, apply_patch, integer, plain, unescape
from local_cloud.moto_gaps.openapi_document import transfer_mode_problem
from local_cloud.patches import extends, replaces

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
        "minimumCompressionSize": Scalar("minimum_compression_size", integer),
    },
    lists={"binaryMediaTypes": Scalar("binaryMediaTypes")},
)
_AUTHORIZER = Patchable(
    scalars=plain("name", "type", "authType", "authorizerUri", "authorizerCredentials", "identitySource")
    | plain("identityValidationExpression")
    | {"authorizerResultTtlInSeconds": Scalar("authorizer_result_ttl", integer, default=300)},
    lists={"providerARNs": Scalar("provider_arns")},
)
# By operation: the look-up of what is patched, where its arguments stand in the path, and its paths.
_UPDATES: dict[str, tuple[str, tuple[int, ...], Patchable]] = {
    "update_method": ("get_method", (2, 4, 6), _METHOD),
    "update_method_response": ("get_method_response", (2, 4, 6, 8), _METHOD_RESPONSE),
    "update_integration": ("get_integration", (2, 4, 6), _INTEGRATION),
    "update_integration_response": ("get_integration_response", (2, 4, 6, 9), _INTEGRATION_RESPONSE),
    "update_resource": ("get_resource", (2, 4), Patchable(plain("pathPart", "parentId"))),
    "update_model": ("get_model", (2, 4), Patchable(plain("description", "schema"))),
    "update_deployment": (
        "get_deployment",
        (2, 4),
        Patchable({"description": Scalar("description", default="")}),
    ),
}


def _updating(look_up: str, places: tuple[int, ...], patchable: Patchable) -> Callable[[Any], str]:
    def update(response: Any) -> str:
        parts, operations = response.path.split("/"), response._get_param("patchOperations")
        for operation in operations or ():
            if operation.get("path") == "/parentId":
                response.backend.get_resource(parts[2], operation.get("value"))
        target = getattr(response.backend, look_up)(*(parts[place] for place in places))
        apply_patch(target, patchable, operations)
        return json.dumps(target.to_dict() if look_up == "get_resource" else target.to_json())

    return update


for _name, _update in _UPDATES.items():
    setattr(APIGatewayResponse, _name, _updating(*_update))


@extends(RestAPI)
def _to_dict(original: Callable[[Any], dict[str, Any]], api: Any) -> dict[str, Any]:
    description = original(api)
    return {**description, "policy": json.dumps(api.policy)[1:-1]} if api.policy else description


@extends(APIGatewayResponse)
def _create_rest_api(original: Callable[[Any], Any], response: Any) -> Any:
    status, headers, body = original(response)
    types = response._get_param("binaryMediaTypes")
    if status != 200 or not types:
        return status, headers, body
    api = response.backend.get_rest_api(json.loads(body)["id"])
    api.binaryMediaTypes = list(types)
    return status, headers, json.dumps(api.to_dict())


@extends(Authorizer, "__init__")
def _keep_expression(original: Callable[..., None], authorizer: Any, *arguments: Any, **options: Any) -> None:
    original(authorizer, *arguments, **options)
    expression = options.get("identiy_validation_expression")
    authorizer.identity_validation_expression = authorizer.identity_validation_expression or expression


@replaces(Authorizer)
def _apply_operations(authorizer: Any, patch_operations: list[dict[str, Any]]) -> Any:
    apply_patch(authorizer, _AUTHORIZER, patch_operations)
    return authorizer


Integration.response_transfer_mode = "BUFFERED"
Integration.connection_id = None


@extends(APIGatewayResponse)
def _put_integration(original: Callable[[Any], Any], response: Any) -> Any:
    """Store the transfer mode, which is checked as API Gateway does; every answer shows it."""
    given = response._get_param
    mode = given("responseTransferMode") or "BUFFERED"
    problem = transfer_mode_problem(
        mode,
        kind=given("type") or "",
        uri=given("uri") or "",
        timeout_ms=int(given("timeoutInMillis") or 29_000),
    )
    if problem is not None:
        raise BadRequestException(problem)
    status, headers, _ = original(response)
    _, _, api_id, _, resource_id, _, http_method, *_ = response.path.split("/")
    integration = response.backend.get_integration(api_id, resource_id, http_method)
    integration.response_transfer_mode = mode
    integration.connection_id = given("connectionId")
    if integration.integration_type in ("HTTP", "HTTP_PROXY"):
        integration.connection_type = integration.connection_type or "INTERNET"
    return status, headers, json.dumps(integration.to_json())


@extends(Integration)
def _to_json(original: Callable[[Any], dict[str, Any]], integration: Any) -> dict[str, Any]:
    written = {**original(integration), "responseTransferMode": integration.response_transfer_mode}
    return {**written, "connectionId": integration.connection_id} if integration.connection_id else written


@replaces(RestAPI)
def _apply_patch_operations(api: Any, operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        if operation["path"].startswith("/endpointConfiguration/"):
            _patch_endpoint(api, operation)
        else:
            apply_patch(api, _REST_API, [operation])


def _patch_endpoint(api: Any, operation: dict[str, Any]) -> None:
    """Change the endpoint's type (an API has one), its IP address type or its VPC endpoints."""
    configuration = dict(api.endpoint_configuration)
    _, _, key, *member = operation["path"].split("/", 3)
    value = operation.get("value")
    if key == "types":
        configuration[key] = [value]
    elif key == "vpcEndpointIds":
        gone = value or (unescape(member[0]) if member else None)
        remaining = [item for item in configuration.get(key) or [] if item != gone]
        configuration[key] = remaining if operation["op"] == "remove" else [*remaining, value]
    else:
        configuration[key] = value
    api.endpoint_configuration = configuration
