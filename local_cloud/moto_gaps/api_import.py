"""PutRestApi and ImportRestApi: a REST API from one OpenAPI document with API Gateway's extensions.

moto 5.2.5 makes paths, methods and integrations of a document and drops the rest: authorization, authorizers,
validators, models, parameters, gateway responses and every setting of the API. It makes the root anew, under
another id, and knows no method for `ANY`. Here all of it is read before anything is changed; it rejects what
AWS rejects, and features that are missing here. The ids of what stays are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from moto.apigateway.exceptions import BadRequestException, InvalidOpenApiModeException
from moto.apigateway.models import (
    APIGatewayBackend,
    Authorizer,
    GatewayResponse,
    Integration,
    Method,
    Model,
    Resource,
)
from moto.apigateway.responses import APIGatewayResponse
from moto.apigateway.utils import create_id, deserialize_body

from local_cloud.moto_gaps.openapi_document import MODELS, ImportedApi, MethodPart, read_document
from local_cloud.moto_gaps.openapi_forms import DocumentError
from local_cloud.patches import replaces


@replaces(APIGatewayBackend)
def _import_rest_api(backend: Any, api_doc: Any, fail_on_warnings: bool, base_path: str = "ignore") -> Any:
    imported = _read(api_doc, base_path, fail_on_warnings)
    if not imported.name:
        raise BadRequestException("Errors found during import:\n\tinfo.title is missing")
    api = backend.create_rest_api(name=imported.name, description=imported.description)
    return _put_rest_api(backend, api.id, api_doc, fail_on_warnings, mode="overwrite", base_path=base_path)


@replaces(APIGatewayBackend)
def _put_rest_api(
    backend: Any,
    function_id: str,
    api_doc: Any,
    fail_on_warnings: bool,
    mode: str = "merge",
    base_path: str = "ignore",
) -> Any:
    """Replace what an API consists of, or add to it; its stages, deployments and endpoint stay."""
    if mode not in ("merge", "overwrite"):
        raise InvalidOpenApiModeException
    api = backend.get_rest_api(function_id)
    imported = _read(api_doc, base_path, fail_on_warnings)
    keeping = mode == "merge"
    _set_settings(api, imported, keeping)
    validators = _validators(api, imported, keeping)
    authorizers = _authorizers(api, imported, keeping)
    _set_models(api, imported, keeping)
    _set_gateway_responses(api, imported, keeping)
    _set_methods(api, imported, keeping, validators, authorizers)
    api.warnings = imported.warnings
    return api


@replaces(APIGatewayResponse, "import_rest_api")
def _answer_import(response: Any) -> Any:
    api = response.backend.import_rest_api(
        _document(response), _fails_on_warnings(response), _base_path(response)
    )
    return json.dumps({**api.to_dict(), "warnings": api.warnings})


@replaces(APIGatewayResponse, "put_rest_api")
def _answer_put(response: Any) -> Any:
    api = response.backend.put_rest_api(
        response.path.split("/")[2],
        _document(response),
        _fails_on_warnings(response),
        mode=response._get_param("mode", "merge"),
        base_path=_base_path(response),
    )
    return json.dumps({**api.to_dict(), "warnings": api.warnings})


def _base_path(response: Any) -> str:
    return str((response.querystring.get("basepath") or ["ignore"])[0])


def _fails_on_warnings(response: Any) -> bool:
    return "true" in (response.querystring.get("failonwarnings") or ())


def _document(response: Any) -> Any:
    """Read the document that a request holds, in JSON or YAML."""
    try:
        return deserialize_body(response.body)
    except Exception:  # noqa: BLE001 - the parser of YAML has errors of its own
        raise BadRequestException("Invalid OpenAPI input.") from None


def _read(document: Any, base_path: str, fail_on_warnings: bool) -> ImportedApi:
    try:
        imported = read_document(document, base_path)
    except DocumentError as error:
        raise BadRequestException(f"Errors found during import:\n\t{error}") from None
    except (AttributeError, KeyError, TypeError, ValueError):  # a member is of another type than OpenAPI has
        raise BadRequestException("Invalid OpenAPI input.") from None
    if fail_on_warnings and imported.warnings:
        raise BadRequestException("Warnings found during import:\n\t" + "\n\t".join(imported.warnings))
    return imported


def _set_settings(api: Any, imported: ImportedApi, keeping: bool) -> None:
    api.name = imported.name or api.name
    if imported.description or not keeping:
        api.description = imported.description
    if imported.version:
        api.version = imported.version
    present = api.binaryMediaTypes if keeping else ()
    api.binaryMediaTypes = list(dict.fromkeys([*present, *imported.binary_media_types]))
    if not keeping:
        api.minimum_compression_size = imported.compression_bytes
        api.api_key_source = imported.api_key_source
        api.policy = imported.policy
        api.disableExecuteApiEndpoint = imported.execute_api_disabled


def _validators(api: Any, imported: ImportedApi, keeping: bool) -> dict[str, str]:
    """Set the validators; returns their ids by name."""
    ids = {one.name: one.id for one in api.request_validators.values()}
    before = api.request_validators
    api.request_validators = dict(before) if keeping else {}
    for name, checks in imported.validators.items():
        validator = api.create_request_validator(name, *checks)
        if name in ids:
            del api.request_validators[validator.id]
            validator.id = ids[name]
            api.request_validators[validator.id] = validator
    return {one.name: one.id for one in api.request_validators.values()}


def _authorizers(api: Any, imported: ImportedApi, keeping: bool) -> dict[str, str]:
    """Set the authorizers; returns their ids by name."""
    ids = {one.name: one.id for one in api.authorizers.values()}
    authorizers = dict(api.authorizers) if keeping else {}
    for name, arguments in imported.authorizers.items():
        identifier = ids.get(name) or create_id()
        authorizers[identifier] = Authorizer(identifier, name, **arguments)
    api.authorizers = authorizers
    return {one.name: one.id for one in authorizers.values()}


def _set_models(api: Any, imported: ImportedApi, keeping: bool) -> None:
    existing = dict(api.models)
    models = dict(existing) if keeping else {}
    for name, schema in imported.models.items():
        models[name] = Model(
            model_id=existing[name].id if name in existing else create_id(),
            name=name,
            description=json.loads(schema).get("description"),
            schema=schema.replace(MODELS, MODELS.format(api=api.id)),
            content_type="application/json",
        )
    api.models = models


def _set_gateway_responses(api: Any, imported: ImportedApi, keeping: bool) -> None:
    responses = dict(api.gateway_responses) if keeping else {}
    for kind, arguments in imported.gateway_responses.items():
        responses[kind] = GatewayResponse(response_type=kind, **arguments)
    api.gateway_responses = responses


def _set_methods(
    api: Any,
    imported: ImportedApi,
    keeping: bool,
    validators: Mapping[str, str],
    authorizers: Mapping[str, str],
) -> None:
    """Replace the tree of resources at once: a deployment made meanwhile holds the old one or the new one."""
    before = {resource.get_path(): resource for resource in api.resources.values()}
    wanted = {path for path, _ in imported.methods} | ({*before} if keeping else set())
    paths = {"/", *(above for path in wanted for above in _up_to_root(path))}
    tree: dict[str, Any] = {}
    for path in sorted(paths, key=_depth):
        tree[path] = _resource(api, path, before.get(path), tree)
        if keeping and path in before:
            tree[path].resource_methods = dict(before[path].resource_methods)
    for (path, http_method), part in imported.methods.items():
        method = _method(http_method, part, validators, authorizers)
        if (integration := method.method_integration) is not None:
            integration.cache_namespace = integration.cache_namespace or tree[path].id
        tree[path].resource_methods[http_method] = method
    api.resources = {resource.id: resource for resource in tree.values()}
    api.default = tree["/"]


def _up_to_root(path: str) -> Iterator[str]:
    while path != "/":
        yield path
        path = path.rpartition("/")[0] or "/"


def _depth(path: str) -> tuple[int, str]:
    return 0 if path == "/" else path.count("/"), path


def _resource(api: Any, path: str, ids: Any, tree: Mapping[str, Any]) -> Any:
    above, _, part = path.rpartition("/")
    return Resource(
        resource_id=ids.id if ids is not None else create_id(),
        account_id=api.account_id,
        region_name=api.region_name,
        api_id=api.id,
        path_part=part or "/",
        parent_id=None if path == "/" else tree[above or "/"].id,
    )


def _method(
    http_method: str, part: MethodPart, validators: Mapping[str, str], authorizers: Mapping[str, str]
) -> Any:
    method = Method(
        http_method,
        part.authorization,
        api_key_required=part.api_key_required,
        request_parameters=dict(part.request_parameters) or None,
        request_models=dict(part.request_models) or None,
        operation_name=part.operation_name,
        authorizer_id=authorizers[part.authorizer] if part.authorizer else None,
        authorization_scopes=list(part.scopes) or None,
        request_validator_id=validators[part.validator] if part.validator else None,
    )
    for status, (models, headers) in part.responses.items():
        method.create_response(status, dict(models), dict.fromkeys(headers, False))
    if part.integration is None:
        return method
    options = dict(part.integration)
    answers, mode = options.pop("responses"), options.pop("response_transfer_mode")
    connection_id = options.pop("connection_id")
    method.method_integration = Integration(**options)
    method.method_integration.response_transfer_mode = mode
    method.method_integration.connection_id = connection_id
    for answer in answers:
        method.method_integration.create_integration_response(**answer)
    return method
