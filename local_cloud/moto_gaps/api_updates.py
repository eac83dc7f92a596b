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
from typing import Any

from moto.apigateway.exceptions import BadRequestException
from moto.apigateway.models import Authorizer, Integration, RestAPI
from moto.apigateway.responses import APIGatewayResponse

from local_cloud.moto_gaps.json_patch import Patchable, Scalar, apply_patch, boolean, integer, unescape
from local_cloud.moto_gaps.openapi_document import transfer_mode_problem

_METHOD = Patchable(
    scalars={
        "authorizationType": Scalar("authorization_type"),
        "authorizerId": Scalar("authorizer_id"),
        "apiKeyRequired": Scalar("api_key_required", boolean, default=False),
        "requestValidatorId": Scalar("request_validator_id"),
        "operationName": Scalar("operation_name"),
    },
    maps={
        "requestParameters": Scalar("request_parameters", boolean),
        "requestModels": Scalar("request_models"),
    },
    lists={"authorizationScopes": Scalar("authorization_scopes")},
)
_INTEGRATION = Patchable(
    scalars={
        "uri": Scalar("uri"),
        "httpMethod": Scalar("http_method"),
        "credentials": Scalar("credentials"),
        "passthroughBehavior": Scalar("passthrough_behaviour"),
        "timeoutInMillis": Scalar("timeout_in_millis", integer),
        "responseTransferMode": Scalar("response_transfer_mode"),
        "contentHandling": Scalar("content_handling"),
        "connectionId": Scalar("connection_id"),
        "connectionType": Scalar("connection_type"),
        "cacheNamespace": Scalar("cache_namespace"),
    },
    maps={
        "requestParameters": Scalar("request_parameters"),
        "requestTemplates": Scalar("request_templates"),
        "tlsConfig": Scalar("tls_config", boolean),
    },
    lists={"cacheKeyParameters": Scalar("cache_key_parameters")},
)
_METHOD_RESPONSE = Patchable(
    maps={
        "responseParameters": Scalar("response_parameters", boolean),
        "responseModels": Scalar("response_models"),
    }
)
_INTEGRATION_RESPONSE = Patchable(
    scalars={
        "selectionPattern": Scalar("selection_pattern"),
        "contentHandling": Scalar("content_handling"),
    },
    maps={
        "responseParameters": Scalar("response_parameters"),
        "responseTemplates": Scalar("response_templates"),
    },
)
_RESOURCE = Patchable(scalars={"pathPart": Scalar("path_part"), "parentId": Scalar("parent_id")})
_MODEL = Patchable(scalars={"description": Scalar("description"), "schema": Scalar("schema")})
_DEPLOYMENT = Patchable(scalars={"description": Scalar("description", default="")})
_REST_API = Patchable(
    scalars={
        "name": Scalar("name"),
        "description": Scalar("description", default=""),
        "version": Scalar("version"),
        "apiKeySource": Scalar("api_key_source", default="HEADER"),
        "disableExecuteApiEndpoint": Scalar("disableExecuteApiEndpoint", boolean, default=False),
        "minimumCompressionSize": Scalar("minimum_compression_size", integer),
        "policy": Scalar("policy"),
    },
    lists={"binaryMediaTypes": Scalar("binaryMediaTypes")},
)
_AUTHORIZER = Patchable(
    scalars={
        "name": Scalar("name"),
        "type": Scalar("type"),
        "authType": Scalar("auth_type"),
        "authorizerUri": Scalar("authorizer_uri"),
        "authorizerCredentials": Scalar("authorizer_credentials"),
        "authorizerResultTtlInSeconds": Scalar("authorizer_result_ttl", integer, default=300),
        "identitySource": Scalar("identity_source"),
        "identityValidationExpression": Scalar("identity_validation_expression"),
    },
    lists={"providerARNs": Scalar("provider_arns")},
)


def apply() -> None:
    """Add the operations, and replace those that lose settings."""
    for operation in (
        update_resource,
        update_method,
        update_method_response,
        update_integration,
        update_integration_response,
        update_model,
        update_deployment,
    ):
        setattr(APIGatewayResponse, operation.__name__, operation)
    _apply_to_rest_apis()
    _apply_to_authorizers()
    _apply_to_integrations()


def _apply_to_rest_apis() -> None:
    """Replace the creation and the update of REST APIs."""
    original_create = APIGatewayResponse.create_rest_api
    original_description = RestAPI.to_dict

    def to_dict(api: Any) -> dict[str, Any]:
        description: dict[str, Any] = original_description(api)
        if api.policy:
            description["policy"] = json.dumps(api.policy)[1:-1]
        return description

    def create_rest_api(self: Any) -> Any:
        status, headers, body = original_create(self)
        types = self._get_param("binaryMediaTypes")
        if status != 200 or not types:
            return status, headers, body
        api = self.backend.get_rest_api(json.loads(body)["id"])
        api.binaryMediaTypes = list(types)
        return status, headers, json.dumps(api.to_dict())

    APIGatewayResponse.create_rest_api = create_rest_api
    RestAPI.to_dict = to_dict
    RestAPI.apply_patch_operations = _patch_rest_api


def _apply_to_authorizers() -> None:
    """Keep the expression, and replace the update of authorizers."""
    original_init = Authorizer.__init__

    def init(authorizer: Any, *arguments: Any, **options: Any) -> None:
        original_init(authorizer, *arguments, **options)
        expression = options.get("identiy_validation_expression")
        authorizer.identity_validation_expression = authorizer.identity_validation_expression or expression

    def apply_operations(authorizer: Any, patch_operations: list[dict[str, Any]]) -> Any:
        apply_patch(authorizer, _AUTHORIZER, patch_operations)
        return authorizer

    Authorizer.__init__ = init
    Authorizer.apply_operations = apply_operations


def _apply_to_integrations() -> None:
    """Let PutIntegration take the transfer mode, and check it as API Gateway does; every answer shows it."""
    put, original_json = APIGatewayResponse.put_integration, Integration.to_json

    def put_integration(self: Any) -> Any:
        mode = self._get_param("responseTransferMode") or "BUFFERED"
        problem = transfer_mode_problem(
            mode,
            kind=self._get_param("type") or "",
            uri=self._get_param("uri") or "",
            timeout_ms=int(self._get_param("timeoutInMillis") or 29_000),
        )
        if problem is not None:
            raise BadRequestException(problem)
        status, headers, _ = put(self)
        _, _, api_id, _, resource_id, _, http_method, *_ = self.path.split("/")
        integration = self.backend.get_integration(api_id, resource_id, http_method)
        integration.response_transfer_mode = mode
        integration.connection_id = self._get_param("connectionId")
        if integration.integration_type in ("HTTP", "HTTP_PROXY"):
            integration.connection_type = integration.connection_type or "INTERNET"
        return status, headers, json.dumps(integration.to_json())

    def integration_to_json(self: Any) -> dict[str, Any]:
        written = {**original_json(self), "responseTransferMode": self.response_transfer_mode}
        return {**written, "connectionId": self.connection_id} if self.connection_id else written

    Integration.response_transfer_mode = "BUFFERED"
    Integration.connection_id = None
    Integration.to_json = integration_to_json
    APIGatewayResponse.put_integration = put_integration


def update_resource(self: Any) -> str:
    """Change the path part or the parent of a resource."""
    _, _, api, _, resource, *_ = self.path.split("/")
    for operation in self._get_param("patchOperations") or ():
        if operation.get("path") == "/parentId":
            self.backend.get_resource(api, operation.get("value"))
    return _patched(self, self.backend.get_resource(api, resource), _RESOURCE, "to_dict")


def update_method(self: Any) -> str:
    """Change authorization, validation, models or parameters of a method."""
    _, _, api, _, resource, _, method, *_ = self.path.split("/")
    return _patched(self, self.backend.get_method(api, resource, method), _METHOD)


def update_method_response(self: Any) -> str:
    """Change the models or headers of a method's response."""
    _, _, api, _, resource, _, method, _, status, *_ = self.path.split("/")
    return _patched(self, self.backend.get_method_response(api, resource, method, status), _METHOD_RESPONSE)


def update_integration(self: Any) -> str:
    """Change where and how a method's requests go."""
    _, _, api, _, resource, _, method, *_ = self.path.split("/")
    return _patched(self, self.backend.get_integration(api, resource, method), _INTEGRATION)


def update_integration_response(self: Any) -> str:
    """Change how an integration's answers are mapped."""
    _, _, api, _, resource, _, method, _, _, status, *_ = self.path.split("/")
    return _patched(
        self, self.backend.get_integration_response(api, resource, method, status), _INTEGRATION_RESPONSE
    )


def update_model(self: Any) -> str:
    """Change the schema or the description of a model."""
    _, _, api, _, model, *_ = self.path.split("/")
    return _patched(self, self.backend.get_model(api, model), _MODEL)


def update_deployment(self: Any) -> str:
    """Change the description of a deployment."""
    _, _, api, _, deployment, *_ = self.path.split("/")
    return _patched(self, self.backend.get_deployment(api, deployment), _DEPLOYMENT)


def _patched(response: Any, target: Any, patchable: Patchable, rendering: str = "to_json") -> str:
    apply_patch(target, patchable, response._get_param("patchOperations"))
    return json.dumps(getattr(target, rendering)())


def _patch_rest_api(api: Any, operations: list[dict[str, Any]]) -> None:
    endpoint = [
        operation for operation in operations if operation["path"].startswith("/endpointConfiguration/")
    ]
    apply_patch(api, _REST_API, [operation for operation in operations if operation not in endpoint])
    for operation in endpoint:
        _patch_endpoint(api, operation)


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
