"""Conversion of OpenAPI documents into one form, which `openapi_document.py` reads.

Swagger 2.0 becomes OpenAPI 3.0, references to anything but schemas become what they refer to, and the base path goes in
front of the paths where the import asks for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from local_cloud.moto_gaps.api_validation import PATH_PART, WRONG_PART

_SCHEMAS, _OLD_SCHEMAS = "#/components/schemas/", "#/definitions/"
VERBS = {
    **{name: name.upper() for name in ("delete", "get", "head", "options", "patch", "post", "put")},
    "x-amazon-apigateway-any-method": "ANY",
}
BASE_PATHS = ("ignore", "prepend", "split")


class DocumentError(Exception):
    """A document that API Gateway would refuse, or that says what the local cloud would not carry out."""


def in_one_form(document: Any, base_path: str = "ignore") -> dict[str, Any]:
    """Return a document as OpenAPI 3.0 without references to parameters, bodies, responses and headers.

    Args:
        document: The document as it was sent.
        base_path: What becomes of its base path: `ignore`, `prepend`, or `split`, which leaves its first part out.
    """
    if not isinstance(document, dict):
        raise DocumentError("The document is not an object")
    if base_path not in BASE_PATHS:
        raise DocumentError(f"Invalid base path option '{base_path}': use {', '.join(BASE_PATHS)}")
    is_swagger = str(document.get("swagger", "")) == "2.0"
    if not is_swagger and not str(document.get("openapi", "")).startswith("3.0"):
        raise DocumentError(
            "The local cloud imports OpenAPI 3.0 and Swagger 2.0, and this is another version"
        )
    prefix = _base_path(document, is_swagger=is_swagger)
    resolved = _resolved(document, document)
    if is_swagger:
        resolved = _as_openapi_3(resolved)
    if base_path == "split":
        _, _, prefix = prefix.lstrip("/").partition("/")
    front = "" if base_path == "ignore" or not prefix.strip("/") else f"/{prefix.strip('/')}"
    paths = {}
    for path, item in (resolved.get("paths") or {}).items():
        whole = f"{front}{path}" if front else path
        _check_path(whole)
        paths[whole.rstrip("/") or "/"] = item
    return {**resolved, "paths": paths}


def _check_path(path: str) -> None:
    if not path.startswith("/"):
        raise DocumentError(f"Path '{path}' does not start with '/'")
    parts = path.strip("/").split("/") if path != "/" else []
    for index, part in enumerate(parts):
        if not PATH_PART.fullmatch(part):
            raise DocumentError(f"{WRONG_PART}: '{path}'")
        if part.endswith("+}") and index < len(parts) - 1:
            raise DocumentError(f"A greedy path variable must be the last part of a path: '{path}'")


def _base_path(document: Mapping[str, Any], *, is_swagger: bool) -> str:
    if is_swagger:
        return str(document.get("basePath") or "")
    servers = document.get("servers")
    server = servers[0] if isinstance(servers, list) and servers else servers or {}
    url, variables = str(server.get("url") or ""), server.get("variables") or {}
    if [*variables] == ["basePath"]:  # counts even if the address does not name it
        return str(variables["basePath"].get("default") or "")
    for name, variable in variables.items():
        url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    return urlsplit(url).path


def _resolved(value: Any, document: Mapping[str, Any], within: tuple[str, ...] = ()) -> Any:
    """Return a part of a document with what its references refer to; those to schemas stay."""
    if isinstance(value, list):
        return [_resolved(entry, document, within) for entry in value]
    if not isinstance(value, Mapping):
        return value
    reference = value.get("$ref")
    if not isinstance(reference, str):
        return {name: _resolved(entry, document, within) for name, entry in value.items()}
    if reference.startswith((_SCHEMAS, _OLD_SCHEMAS)):
        return {**value, "$ref": reference.replace(_OLD_SCHEMAS, _SCHEMAS)}
    if reference in within:
        raise DocumentError(f"The reference {reference} leads to itself")
    return _resolved(_target(reference, document), document, (*within, reference))


def _target(reference: str, document: Any) -> Any:
    if not reference.startswith("#/"):
        raise DocumentError(f"The reference {reference} leads out of the document, which is not supported")
    found = document
    for name in reference[2:].split("/"):
        key = name.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or key not in found:
            raise DocumentError(f"The reference {reference} leads nowhere")
        found = found[key]
    return found


def _as_openapi_3(document: Mapping[str, Any]) -> dict[str, Any]:
    remaining = {
        name: value
        for name, value in document.items()
        if name not in ("swagger", "definitions", "securityDefinitions", "parameters", "responses")
    }
    schemes = {
        name: {**scheme, "type": "apiKey"} if scheme.get("type") == "basic" else scheme
        for name, scheme in (document.get("securityDefinitions") or {}).items()
    }
    components = {"schemas": document.get("definitions") or {}, "securitySchemes": schemes}
    paths = {path: dict(_path_item(item, document)) for path, item in (document.get("paths") or {}).items()}
    return {**remaining, "openapi": "3.0.1", "components": components, "paths": paths}


def with_parameters_of(item: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operation with the parameters that all operations of its path have, too."""
    return {
        **operation,
        "parameters": [*(item.get("parameters") or []), *(operation.get("parameters") or [])],
    }


def _path_item(item: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, operation in item.items():
        if name in VERBS:
            yield name, _operation(with_parameters_of(item, operation), document)
        elif name != "parameters":
            yield name, operation


def _operation(operation: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    parameters = operation["parameters"]
    converted = {
        name: value for name, value in operation.items() if name not in ("consumes", "produces", "schemes")
    }
    converted["parameters"] = [
        parameter for parameter in parameters if parameter.get("in") not in ("body", "formData")
    ]
    body = next((parameter for parameter in parameters if parameter.get("in") == "body"), None)
    if body is not None:
        content = _content(body.get("schema") or {}, operation, document, "consumes")
        converted["requestBody"] = {"required": bool(body.get("required")), "content": content}
    converted["responses"] = {
        status: {**response, "content": _content(response["schema"], operation, document, "produces")}
        if "schema" in response
        else response
        for status, response in (operation.get("responses") or {}).items()
    }
    return converted


def _content(
    schema: Any, operation: Mapping[str, Any], document: Mapping[str, Any], types: str
) -> dict[str, Any]:
    """Return a schema by the content types that an operation, or the document for all of them, `consumes` or `produces`."""
    names = operation.get(types) or document.get(types) or ["application/json"]
    return {name: {"schema": schema} for name in names}
