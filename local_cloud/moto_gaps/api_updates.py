"""Updates of REST APIs and their parts, and settings that get lost.

moto 5.2.5 has no UpdateMethod, UpdateIntegration, UpdateMethodResponse, UpdateIntegrationResponse, UpdateResource,
UpdateModel, UpdateDeployment, UpdateDomainName, UpdateGatewayResponse and UpdateVpcLink. Terraform sends them when an argument changes that
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
from moto.core.utils import camelcase_to_underscores

from local_cloud.moto_gaps.api_validation import (
    WITH_AUTHORIZER,
    check_compression,
    check_method_update,
    check_model_update,
    check_resource_update,
)
from local_cloud.moto_gaps.json_patch import apply_patch
from local_cloud.moto_gaps.openapi_document import transfer_mode_problem
from local_cloud.patches import extends, replaces
from local_cloud.service_models import service_model

_UPDATES = (
    "update_deployment", "update_documentation_part", "update_documentation_version", "update_domain_name",
    "update_integration", "update_integration_response", "update_method", "update_method_response", "update_model",
    "update_request_validator", "update_resource", "update_vpc_link",
)  # fmt: skip
_CHECKS = {
    "UpdateMethod": check_method_update,
    "UpdateModel": check_model_update,
    "UpdateResource": check_resource_update,
}


@replaces(APIGatewayResponse, *_UPDATES)
def _update(response: Any) -> str:
    """Change what the look-up of the same name returns for the parameters in the path."""
    action = response._get_action()
    model = service_model("apigateway").operation_model(action)
    look_up = getattr(response.backend, camelcase_to_underscores(action).replace("update", "get"))
    target = look_up(*response.uri_match.values())
    if check := _CHECKS.get(action):
        check(response)
    apply_patch(target, model.output_shape.name, response._get_param("patchOperations"))
    if action == "UpdateMethod" and target.authorization_type not in WITH_AUTHORIZER:
        target.authorizer_id = None
    return json.dumps(target.to_dict() if hasattr(target, "to_dict") else target.to_json())


@replaces(APIGatewayResponse)
def _update_gateway_response(response: Any) -> str:
    _, _, api_id, _, kind = response.path.split("/")
    target = response.backend.get_gateway_response(api_id, kind)
    apply_patch(target, "GatewayResponse", response._get_param("patchOperations"))
    target.default_response = False
    response.backend.get_rest_api(api_id).gateway_responses[kind] = target
    return json.dumps(target.to_json())


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
    apply_patch(authorizer, "Authorizer", patch_operations)
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
        if operation["path"] == "/binaryMediaTypes":
            raise BadRequestException("Invalid patch path /binaryMediaTypes")
        if operation["path"] == "/minimumCompressionSize":
            check_compression(operation.get("value") or None)
    apply_patch(api, "RestApi", operations)
