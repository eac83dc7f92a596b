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
from moto.apigateway.models import APIGatewayBackend, Resource
from moto.apigateway.responses import APIGatewayResponse
from moto.apigateway.utils import create_id, deserialize_body

from local_cloud.moto_gaps.api_documentation import set_parts
from local_cloud.moto_gaps.openapi_document import MODELS, ImportedApi, read_document
from local_cloud.moto_gaps.openapi_forms import DocumentError
from local_cloud.patches import replaces


@replaces(APIGatewayBackend)
def _import_rest_api(backend: Any, api_doc: Any, fail_on_warnings: bool, base_path: str = "ignore") -> Any:
    imported = _read(api_doc, base_path, fail_on_warnings)
    if not imported.settings["name"]:
        raise BadRequestException("Errors found during import:\n\tinfo.title is missing")
    api = backend.create_rest_api(
        name=imported.settings["name"], description=imported.settings["description"]
    )
    return _put(api, imported, keeping=False)


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
    return _put(api, _read(api_doc, base_path, fail_on_warnings), keeping=mode == "merge")


def _put(api: Any, imported: ImportedApi, *, keeping: bool) -> Any:
    _set_settings(api, imported.settings, keeping)
    api.request_validators = _merged(api.request_validators, imported.validators, keeping)
    api.authorizers = _merged(api.authorizers, imported.authorizers, keeping)
    present = dict(api.models)
    for name, model in imported.models.items():
        model.schema = model.schema.replace(MODELS, MODELS.format(api=api.id))
        model.id = present[name].id if name in present else model.id
    api.models = {**(present if keeping else {}), **imported.models}
    api.gateway_responses = {**(api.gateway_responses if keeping else {}), **imported.gateway_responses}
    _set_methods(api, imported.methods, keeping)
    set_parts(api, imported.documentation, keeping=keeping)
    api.warnings = imported.warnings
    return api


@replaces(APIGatewayResponse, "import_rest_api", "put_rest_api")
def _answer(response: Any) -> Any:
    query = {name: values[0] for name, values in response.querystring.items()}
    options = {
        "fail_on_warnings": query.get("failonwarnings") == "true",
        "base_path": query.get("basepath", "ignore"),
    }
    if names := [*response.uri_match.values()]:
        mode = query.get("mode", "merge")
        api = response.backend.put_rest_api(*names, _document(response), mode=mode, **options)
    else:
        api = response.backend.import_rest_api(_document(response), **options)
    return json.dumps({**api.to_dict(), "warnings": api.warnings})


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


def _set_settings(api: Any, settings: Mapping[str, Any], keeping: bool) -> None:
    media_types = [*(api.binaryMediaTypes if keeping else ()), *settings["binaryMediaTypes"]]
    for attribute, value in settings.items():
        if value or not (keeping or attribute in ("name", "version")):
            setattr(api, attribute, value)
    api.binaryMediaTypes = list(dict.fromkeys(media_types))
    api.api_key_source = api.api_key_source or "HEADER"


def _merged(present: Mapping[str, Any], imported: Mapping[str, Any], keeping: bool) -> dict[str, Any]:
    """Return objects by their ids; one that is imported takes the id of the present one with its name."""
    ids = _ids(present)
    for name, part in imported.items():
        part.id = ids.get(name, part.id)
    return {**(present if keeping else {}), **{part.id: part for part in imported.values()}}


def _ids(parts: Mapping[str, Any]) -> dict[str, str]:
    return {part.name: part.id for part in parts.values()}


def _set_methods(api: Any, methods: Mapping[tuple[str, str], Any], keeping: bool) -> None:
    """Replace the tree of resources at once: a deployment made meanwhile holds the old one or the new one."""
    before = {resource.get_path(): resource for resource in api.resources.values()}
    wanted = {path for path, _ in methods} | ({*before} if keeping else set())
    paths = {"/", *(above for path in wanted for above in _up_to_root(path))}
    tree: dict[str, Any] = {}
    for path in sorted(paths, key=_depth):
        tree[path] = _resource(api, path, before.get(path), tree)
        if keeping and path in before:
            tree[path].resource_methods = dict(before[path].resource_methods)
    authorizers, validators = _ids(api.authorizers), _ids(api.request_validators)
    for (path, http_method), method in methods.items():
        method.authorizer_id = authorizers.get(method.authorizer_id)
        method.request_validator_id = validators.get(method.request_validator_id)
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
