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
from moto.apigateway.models import ApiKey, Method
from moto.apigateway.responses import APIGatewayResponse

from local_cloud.moto_gaps.json_patch import apply_patch
from local_cloud.patches import checks, extends, replaces

_METHODS = frozenset({"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_AUTHORIZATIONS = frozenset({"NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"})
WITH_AUTHORIZER = ("CUSTOM", "COGNITO_USER_POOLS")
PATH_PART = re.compile(r"[a-zA-Z0-9._\-:~$@]+|\{[a-zA-Z0-9._\-:]+\+?\}")
WRONG_PART = (
    "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the "
    "end"
)
_PROXIES = re.compile(
    r"arn:[\w-]+:apigateway:[\w-]+:(?:[\w-]+\.)?(?:lambda:path//?20\d\d-\d\d-\d\d/functions/|firehose:action/)"
)
_LONGEST_NAME = 1024
_LONGEST_KEY = 128
_LONGEST_DESCRIPTION = 125_000
_LARGEST_COMPRESSION = 10_485_760


@checks(Backend, "create_resource")
def _check_resource(backend: Any, function_id: str, parent_resource_id: str, path_part: str) -> None:
    if not path_part or not PATH_PART.fullmatch(path_part):
        raise BadRequestException(f"{WRONG_PART}.")
    parent = backend.get_resource(function_id, parent_resource_id)
    if str(parent.path_part).endswith("+}"):
        raise BadRequestException(
            f"Cannot create a child of a resource with a greedy path variable: {parent.path_part}"
        )
    _check_siblings(backend.get_rest_api(function_id), parent_resource_id, path_part)


def _check_siblings(api: Any, parent_id: str, path_part: str) -> None:
    for sibling in list(api.resources.values()):
        if sibling.parent_id != parent_id:
            continue
        if sibling.path_part == path_part:
            raise ConflictException(
                f"Another resource with the same parent already has this name: {path_part}"
            )
        if path_part.startswith("{") and str(sibling.path_part).startswith("{"):
            raise BadRequestException(
                f"A sibling ({sibling.path_part}) of this resource already has a variable path part -- only one is allowed"
            )


def check_resource_update(response: Any) -> None:
    """Reject an update that would move the root, close a circle, or make two resources of one name."""
    _, _, api_id, _, resource_id, *_ = response.path.split("/")
    api, resource = response.backend.get_rest_api(api_id), response.backend.get_resource(api_id, resource_id)
    for operation in response._get_param("patchOperations") or ():
        name, value = str(operation.get("path")).lstrip("/"), operation.get("value")
        if name not in ("parentId", "pathPart") or operation["op"] != "replace":
            continue
        if resource.parent_id is None:
            raise BadRequestException(f"Root resource cannot update its {name}.")
        if name == "pathPart":
            _check_siblings(api, resource.parent_id, value)
            continue
        above = response.backend.get_resource(api_id, value)
        if f"{above.get_path()}/".startswith(f"{resource.get_path()}/"):
            raise BadRequestException("Resources cannot be cyclical.")
        _check_siblings(api, value, resource.path_part)


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
    resource = backend.get_resource(function_id, resource_id)
    if method_type not in _METHODS:
        raise BadRequestException(
            "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY"
        )
    if (authorization_type or "").upper() not in _AUTHORIZATIONS:
        raise BadRequestException(
            "Invalid authorization type specified. Valid options are CUSTOM, AWS_IAM, NONE, COGNITO_USER_POOLS"
        )
    if method_type in resource.resource_methods:
        raise ConflictException("Method already exists for this resource")
    names = [name.rpartition(".")[2] for name in options.get("request_parameters") or ()]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BadRequestException("Parameter names must be unique across querystring, header and path")
    api = backend.get_rest_api(function_id)
    _check_references(
        api, authorization_type or "", options.get("authorizer_id"), options.get("request_validator_id")
    )
    for model in (options.get("request_models") or {}).values():
        if model not in api.models and model not in ("Empty", "Error"):
            raise BadRequestException(f"Invalid model identifier specified: {model}")


def _check_references(
    api: Any, authorization: str, authorizer_id: str | None, validator_id: str | None
) -> None:
    if authorization.upper() in WITH_AUTHORIZER and authorizer_id not in api.authorizers:
        raise BadRequestException(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires "
            "a valid authorizer."
        )
    if validator_id and validator_id not in api.request_validators:
        raise BadRequestException("Invalid Request Validator identifier specified")


def check_method_update(response: Any) -> None:
    """Reject an update that names an authorizer or a validator that is not there."""
    method = response.backend.get_method(*response.uri_match.values()).to_json()
    for operation in response._get_param("patchOperations") or ():
        if operation["op"] == "replace":
            method[str(operation.get("path")).lstrip("/")] = operation.get("value")
    _check_references(
        response.backend.get_rest_api(response.uri_match["restapi_id"]),
        *(
            method.get("authorizationType") or "",
            method.get("authorizerId"),
            method.get("requestValidatorId"),
        ),
    )


@extends(Method, "__init__")
def _write_in_capitals(original: Callable[..., None], method: Any, *arguments: Any, **options: Any) -> None:
    original(method, *arguments, **options)
    method.authorization_type = (method.authorization_type or "NONE").upper()


@checks(Backend, "put_integration")
def _check_integration(
    _backend: Any, _api: str, _resource: str, _method: str, kind: str, uri: str | None, **options: Any
) -> None:
    if not kind.startswith("AWS") or not options.get("integration_method"):
        return
    if not (uri or "").startswith("arn:"):
        raise BadRequestException("Invalid ARN specified in the request")
    if not re.search(":(path|action)/", uri or ""):
        raise BadRequestException("AWS ARN for integration must contain path or action")
    if kind == "AWS_PROXY" and not _PROXIES.match(uri or ""):
        raise BadRequestException(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
        )


@checks(Backend, "create_model")
def _check_model(
    backend: Any, rest_api_id: str, name: str, _content_type: str, _description: str, schema: str
) -> None:
    if not name:
        raise BadRequestException("Model name must be non-empty")
    if not name.isalnum():
        raise BadRequestException("Model name must be alphanumeric: " + name)
    if name in backend.get_rest_api(rest_api_id).models:
        raise ConflictException("Model name already exists for this REST API")
    _check_schema(schema)


def check_model_update(response: Any) -> None:
    """Reject an update that would leave no schema."""
    for operation in response._get_param("patchOperations") or ():
        if operation.get("path") == "/schema":
            _check_schema(operation.get("value"))


def _check_schema(schema: str | None) -> None:
    if not schema:
        raise BadRequestException("Model schema must have at least 1 property or array items defined")
    try:
        json.loads(schema)
    except ValueError as error:
        raise BadRequestException(f"Invalid model schema specified: {error}") from None


@checks(Backend, "delete_model")
def _check_model_is_free(backend: Any, rest_api_id: str, model_name: str) -> None:
    backend.get_model(rest_api_id, model_name)
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
    _check_key_description(payload.get("description"))


def _check_key_description(text: str | None) -> None:
    if len(text or "") > _LONGEST_DESCRIPTION:
        raise BadRequestException("Invalid API Key description specified.")


@replaces(ApiKey)
def _update_operations(key: Any, patch_operations: list[dict[str, Any]]) -> Any:
    for operation in patch_operations:
        _check_key_description(operation.get("value"))
    apply_patch(key, "ApiKey", patch_operations)
    return key


@checks(Backend, "delete_rest_api", "update_rest_api")
def _check_api(backend: Any, function_id: str, *_: Any, **__: Any) -> None:
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
    endpoint = response._get_param("endpointConfiguration") or {}
    types = endpoint.get("types", ["EDGE"])
    if not types:
        raise BadRequestException("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.")
    if len(types) > 1:
        raise BadRequestException("Cannot create an api with multiple Endpoint Types.")
    if "PRIVATE" in types and endpoint.get("ipAddressType", "dualstack") != "dualstack":
        raise BadRequestException("Only dualstack ipAddressType is supported for Private APIs.")
    check_compression(response._get_param("minimumCompressionSize"))


def check_compression(size: Any) -> None:
    """Reject a compression size that is not one."""
    if size is None or (str(size).isdecimal() and int(size) <= _LARGEST_COMPRESSION):
        return
    raise BadRequestException(
        f"Invalid minimum compression size, must be between 0 and {_LARGEST_COMPRESSION}"
    )


@replaces(APIGatewayResponse)
def _get_stages(response: Any) -> str:
    wanted = (response.querystring.get("deploymentId") or [None])[0]
    stages = response.backend.get_stages(response.path.split("/")[2])
    matching = [stage.to_json() for stage in stages if wanted in (None, stage.deployment_id)]
    return json.dumps({"item": matching})
