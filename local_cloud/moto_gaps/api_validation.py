"""Parts of a REST API that AWS refuses when they are created, and what AWS refuses to delete.

moto 5.2.5 takes second methods and resources of one name, any HTTP method, two path variables side by side, one parameter
in two places, AWS_PROXY with any service, second and empty models, models that are deleted while methods use them, and
values of any length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from moto.apigateway.exceptions import BadRequestException, ConflictException
from moto.apigateway.models import APIGatewayBackend as Backend
from moto.apigateway.responses import APIGatewayResponse

from local_cloud.moto_gaps.openapi_document import gateway_responses
from local_cloud.patches import checks, extends, replaces

_METHODS = frozenset({"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_AUTHORIZATIONS = frozenset({"NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"})
_PART = re.compile(r"[a-zA-Z0-9._\-:~$@]+|\{[a-zA-Z0-9._\-:]+\+?\}")
_PROXIES = re.compile(r"arn:[\w-]+:apigateway:[\w-]+:(?:[\w-]+\.)?(?:lambda:path|firehose:(?:path|action))/")
_LONGEST_NAME = 1024
_LONGEST_KEY = 128


@checks(Backend, "create_resource")
def _check_resource(backend: Any, function_id: str, parent_resource_id: str, path_part: str) -> None:
    if not path_part or not _PART.fullmatch(path_part):
        raise BadRequestException(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the "
            "beginning and the end."
        )
    parent = backend.get_resource(function_id, parent_resource_id)
    if str(parent.path_part).endswith("+}"):
        raise BadRequestException(
            f"Cannot create a child of a resource with a greedy path variable: {parent.get_path()}"
        )
    for sibling in list(backend.get_rest_api(function_id).resources.values()):
        if sibling.parent_id != parent_resource_id:
            continue
        if sibling.path_part == path_part:
            raise ConflictException(
                f"Another resource with the same parent already has this name: {path_part}"
            )
        if path_part.startswith("{") and str(sibling.path_part).startswith("{"):
            raise BadRequestException(
                f"A sibling ({sibling.path_part}) of this resource already has a variable path part -- only one is allowed"
            )


@checks(Backend, "put_method")
def _check_method(
    backend: Any,
    function_id: str,
    resource_id: str,
    method_type: str,
    authorization_type: str | None,
    *_: Any,
    **options: Any,
) -> None:
    if method_type not in _METHODS:
        raise BadRequestException(
            "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY"
        )
    if (authorization_type or "").upper() not in _AUTHORIZATIONS:
        raise BadRequestException(
            "Invalid authorization type specified. Valid options are CUSTOM, AWS_IAM, NONE, COGNITO_USER_POOLS"
        )
    resource = backend.get_resource(function_id, resource_id)
    if method_type in resource.resource_methods:
        raise ConflictException("Method already exists for this resource")
    names = [name.rpartition(".")[2] for name in options.get("request_parameters") or ()]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BadRequestException(
            f"Parameter names must be unique across querystring, header and path: {', '.join(sorted(twice))}"
        )
    models = backend.get_rest_api(function_id).models
    for model in (options.get("request_models") or {}).values():
        if model not in models and model not in ("Empty", "Error"):
            raise BadRequestException(f"Invalid model identifier specified: {model}")


@checks(Backend, "put_integration")
def _check_integration(
    _backend: Any, _api: str, _resource: str, _method: str, integration_type: str, uri: str, **_: Any
) -> None:
    if integration_type == "AWS_PROXY" and uri and not _PROXIES.match(uri):
        raise BadRequestException(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
        )


@checks(Backend, "create_model")
def _check_model(
    backend: Any, rest_api_id: str, name: str, _content_type: str, _description: str, schema: str
) -> None:
    if name and not name.isalnum():
        raise BadRequestException("Model name must be alphanumeric: " + name)
    if name in backend.get_rest_api(rest_api_id).models:
        raise ConflictException("Model name already exists for this REST API")
    if not schema:
        raise BadRequestException("Model schema must have at least 1 property or array items defined")
    try:
        json.loads(schema)
    except ValueError as error:
        raise BadRequestException(f"Invalid model schema specified: {error}") from None


@checks(Backend, "delete_model")
def _check_model_is_free(backend: Any, rest_api_id: str, model_name: str) -> None:
    api = backend.get_rest_api(rest_api_id)
    for resource in list(api.resources.values()):
        for method in list(resource.resource_methods.values()):
            used = [*(method.request_models or {}).values()]
            for response in (method.method_responses or {}).values():
                used += (getattr(response, "response_models", None) or {}).values()
            if model_name in used:
                raise ConflictException(
                    f"Cannot delete model '{model_name}', is referenced in method request: "
                    f"{resource.get_path()}/{method.http_method}"
                )
    reference = f"/restapis/{rest_api_id}/models/{model_name}"
    for model in list(api.models.values()):
        if model.name != model_name and f'{reference}"' in (model.schema or ""):
            raise ConflictException(
                f"Cannot delete model '{model_name}', is referenced in model '{model.name}'"
            )


@checks(Backend, "create_api_key")
def _check_api_key(_: Any, payload: dict[str, Any]) -> None:
    if len(payload.get("value") or "") > _LONGEST_KEY:
        raise BadRequestException(f"API Key value exceeds maximum size of {_LONGEST_KEY} characters")
    if len(payload.get("name") or "") > _LONGEST_NAME:
        raise BadRequestException("Invalid API Key name, can be at most 1024 characters.")


@checks(Backend, "put_gateway_response")
def _check_gateway_response(backend: Any, rest_api_id: str, response_type: str, *_: Any, **__: Any) -> None:
    backend.get_rest_api(rest_api_id)
    if response_type not in gateway_responses():
        raise BadRequestException(
            f"1 validation error detected: Value '{response_type}' at 'responseType' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(sorted(gateway_responses()))}]"
        )


@checks(Backend, "delete_rest_api")
def _check_api(backend: Any, function_id: str) -> None:
    backend.get_rest_api(function_id)


@replaces(Backend)
def _delete_resource(backend: Any, function_id: str, resource_id: str) -> Any:
    """Delete a resource with everything below it."""
    resource = backend.get_resource(function_id, resource_id)
    if resource.parent_id is None:
        raise BadRequestException("Root resource may not be deleted")
    resources = backend.get_rest_api(function_id).resources
    gone = [resource_id]
    for identifier in gone:
        gone += [child.id for child in list(resources.values()) if child.parent_id == identifier]
    for identifier in gone:
        resources.pop(identifier, None)
    return resource


@extends(Backend)
def _delete_api_key(original: Callable[..., None], backend: Any, api_key_id: str) -> None:
    original(backend, api_key_id)
    for keys in backend.usage_plan_keys.values():
        keys.pop(api_key_id, None)


@checks(APIGatewayResponse, "create_rest_api")
def _check_description(response: Any) -> None:
    if response._get_param("description") == "":
        raise BadRequestException("Description cannot be an empty string")


@replaces(APIGatewayResponse)
def _get_stages(response: Any) -> str:
    wanted = (response.querystring.get("deploymentId") or [None])[0]
    stages = response.backend.get_stages(response.path.split("/")[2])
    matching = [stage.to_json() for stage in stages if wanted in (None, stage.deployment_id)]
    return json.dumps({"item": matching})
