"""Changes of what an API consists of, which moto can make and delete but not update.

moto 5.2.5 has no UpdateMethod, UpdateIntegration, UpdateMethodResponse, UpdateIntegrationResponse, UpdateResource,
UpdateModel and UpdateDeployment. Terraform sends them when an argument changes that needs no replacement, such as the
timeout of an integration.
"""

from __future__ import annotations

import json
from typing import Any

from local_cloud.moto_gaps.json_patch import Patchable, Scalar, apply_patch, boolean, integer

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


def apply() -> None:
    """Add the operations to moto's API Gateway."""
    from moto.apigateway.responses import APIGatewayResponse

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
