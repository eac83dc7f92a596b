"""Tools of the Model Context Protocol, made from the operations of contracts: plain data for the server's archive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from constructs_lib.api.route_table import variables
from constructs_lib.errors import ConflictError, InvalidArgumentError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from constructs_lib.service_contract import ServiceOperation

Schema = dict[str, Any]

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""Names that the APIs of language models accept; MCP itself allows dots too."""

_HEADERS: Final = {
    "Idempotency-Key": "1-128 visible ASCII characters, new for each piece of work. A call with the same key returns what "
    "the first one started.",
}


def tool_name(operation: ServiceOperation) -> str:
    """Return the name of an operation's tool: dots are underscores."""
    return operation.name.replace(".", "_")


def describe_tool(where: str, operation: ServiceOperation) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a tool as clients get it, and its route as the server reads it.

    Args:
        where: Path of the server, for errors.
        operation: Operation with a route.

    Raises:
        InvalidArgumentError: The name is not valid for a tool.
        ConflictError: Two inputs of the operation have the same name.
    """
    name, path = tool_name(operation), operation.path or ""
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            where,
            f"'{operation.name}' is not valid as the name of a tool",
            "use at most 64 letters, digits, '_' and '-'",
        )
    places = {
        "path": {variable: variable for variable in variables(path)},
        "query": {parameter: parameter for parameter in operation.query},
        "header": {header.lower().replace("-", "_"): header for header in operation.request_headers},
    }
    schema = _input(where, operation, places)
    output, images = _output(operation.response_model)
    tool = {
        "name": name,
        "description": operation.summary,
        "inputSchema": schema,
        **({} if output is None else {"outputSchema": output}),
        "annotations": {"readOnlyHint": operation.read_only, "idempotentHint": operation.idempotent},
    }
    route = {
        "operation": operation.name,
        "method": operation.method,
        "path": path,
        "max_body_bytes": operation.max_body_bytes,
        "in_path": list(places["path"]),
        "in_query": list(places["query"]),
        "in_headers": places["header"],
        "images": images,
    }
    return tool, route


def _input(where: str, operation: ServiceOperation, places: Mapping[str, Mapping[str, str]]) -> Schema:
    schema: Schema = {"type": "object", "properties": {}, "additionalProperties": False}
    if operation.request_model is not None:
        schema = _schema(operation.request_model, "validation")
    properties = dict(schema.get("properties", {}))
    required = list(schema.get("required", ()))
    for field in dict.fromkeys(operation.raw_bodies.values()):
        types = ", ".join(kind for kind, name in operation.raw_bodies.items() if name == field)
        description = f"{properties[field].get('description', '')} Base64 of {types}.".strip()
        properties[field] = {**properties[field], "description": description}
    descriptions = {
        "path": lambda name: f"`{name}` of `{operation.path}`.",
        "query": lambda name: operation.query[name],
        "header": lambda name: _HEADERS.get(name, f"Value of the header `{name}`."),
    }
    for place, names in places.items():
        for argument, name in names.items():
            if argument in properties:
                raise ConflictError(
                    where,
                    f"'{argument}' of '{operation.name}' is in the {place} and elsewhere in the request",
                    "rename one of them in the contract",
                )
            properties[argument] = {
                "type": "string",
                "minLength": 1,
                "description": descriptions[place](name),
            }
            if place == "path" or operation.request_headers.get(name):
                required.append(argument)
    return {**schema, "properties": properties, **({"required": required} if required else {})}


def _output(model: type[BaseModel] | None) -> tuple[Schema | None, list[list[str]]]:
    """Return the schema of the result without its images, and the places of these."""
    if model is None:
        return None, []
    schema = _schema(model, "serialization")
    if schema.get("type") != "object":
        return None, []
    return schema, list(_without_images(schema, schema, (), frozenset()))


def _schema(model: type[BaseModel], mode: Any) -> Schema:
    from constructs_lib.validation.model_schema import UntitledFields

    schema = model.model_json_schema(mode=mode, schema_generator=UntitledFields)
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("title", None)
    return schema


def _without_images(
    root: Schema, schema: Any, place: tuple[str, ...], seen: frozenset[str]
) -> Iterator[list[str]]:
    """Remove the properties that are images, and yield their places with their media types."""
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref", "")
    if reference and reference not in seen:
        target = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"))
        yield from _without_images(root, target, place, seen | {reference})
    for part in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _without_images(root, part, place, seen)
    yield from _without_images(root, schema.get("items"), (*place, "*"), seen)
    properties = schema.get("properties", {})
    for name, part in list(properties.items()):
        media_type = str(part.get("contentMediaType", ""))
        if part.get("contentEncoding") == "base64" and media_type.startswith("image/"):
            yield [*place, name, media_type]
            del properties[name]
            schema["required"] = [one for one in schema.get("required", ()) if one != name]
        else:
            yield from _without_images(root, part, (*place, name), seen)
