"""OpenAPI 3.1 document of a REST API for its callers: requests, responses and credentials.

It contains no AWS extensions and no Terraform references, so it is complete after synth. This module imports no
bindings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from constructs_lib.api.route_table import variables
from constructs_lib.routes.definitions import ApiDefinition, AuthorizerDefinition, RouteDefinition

Schema = Mapping[str, Any]

_EVERY: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")
"""Methods in the document for a route with ANY, which HEAD and OPTIONS reach too."""

_WITH_BODY: Final = ("PATCH", "POST", "PUT")
_PLACES: Final = {"path": "path", "querystring": "query", "header": "header"}
_NOT_PARAMETERS: Final = frozenset({"accept", "authorization", "content-type"})
"""Headers that OpenAPI ignores as parameters, because other keywords describe them."""

_REFUSALS: Final = {
    "400": ("BadRequest", "The request is not valid."),
    "401": ("Unauthorized", "Credentials are missing or not valid."),
    "403": ("Forbidden", "The caller may not make this request."),
    "429": ("TooManyRequests", "Too many requests at once; try again later."),
    "4XX": ("Refused", "The request was refused."),
    "5XX": ("Failed", "The request could not be handled."),
}
_COMPONENTS: Final = "#/components/schemas/"
_BEARER: Final = {"type": "http", "scheme": "bearer"}
_SIGNED: Final = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "A signature by AWS Signature Version 4, for the service execute-api.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDocumentation:
    """Documentation of a route for its callers. Changing it does not redeploy the API.

    Attributes:
        operation_id: Id in the OpenAPI document. Generated clients name their functions by it. Default:
            derived from method and path, such as `postOrdersId`.
        summary: One sentence on what the route does. Default: none.
        description: Details on what the route does. Default: none.
        tag: Group of the route in the document. Default: none.
        status: HTTP status of a successful response. Default: 200.
        max_body_bytes: Largest body in bytes that the integration accepts. Default: not documented.
        request_example: Example of a request body. Default: none.
        hidden: Whether the OpenAPI document leaves the route out. Default: False.
        error_schema: JSON schema of the integration's errors. Default: that of API Gateway's own errors.

    Example:
        >>> method = api.resource_for("/orders").add_method(
        ...     "GET",
        ...     LambdaIntegration(function),
        ...     authorization=Public(),
        ...     documentation=RouteDocumentation(summary="List the orders.", tag="orders"),
        ... )
        >>> api.openapi_document["paths"]["/orders"]["get"]["summary"]
        'List the orders.'
    """

    operation_id: str | None = None
    summary: str = ""
    description: str = ""
    tag: str | None = None
    status: int = 200
    max_body_bytes: int | None = None
    request_example: Mapping[str, Any] | None = None
    hidden: bool = False
    error_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedRoute:
    """Documentation of a route, with its schemas.

    Attributes:
        documentation: The documentation.
        request: The schemas of the request by name, that of its model first.
        response: The schemas of the response likewise.
        events: The schemas of the events of a streamed response likewise.
        other_media_types: The content types of bodies that are not JSON.
    """

    documentation: RouteDocumentation = RouteDocumentation()
    request: Mapping[str, Schema] = field(default_factory=dict)
    response: Mapping[str, Schema] = field(default_factory=dict)
    events: Mapping[str, Schema] = field(default_factory=dict)
    other_media_types: tuple[str, ...] = ()


def openapi_document(
    definition: ApiDefinition,
    *,
    name: str,
    description: str,
    documentation: Mapping[tuple[str, str], DocumentedRoute],
    tags: Mapping[str, str],
    error_schema: Schema | None = None,
) -> dict[str, Any]:
    """Return the document. The same API gives the same document.

    Args:
        definition: The API.
        name: Its name.
        description: Description in AWS.
        documentation: The documentation of the routes, by their keys.
        tags: A sentence on each tag, by its name.
        error_schema: JSON schema of API Gateway's own errors. Default: that of an API without gateway responses.
    """
    return _Document(definition, documentation, error_schema).written(name, description, tags)


class _Document:
    def __init__(
        self,
        definition: ApiDefinition,
        documentation: Mapping[tuple[str, str], DocumentedRoute],
        error_schema: Schema | None,
    ) -> None:
        self._definition = definition
        self._error_schema = error_schema
        self._documentation = documentation
        self._schemas: dict[str, Schema] = {}
        self._schemes: dict[str, dict[str, Any]] = {}
        self._requirements = {one.name: self._requirement(one) for one in definition.authorizers}
        self._refusals: set[str] = set()
        self._identifiers: set[str] = set()

    def written(self, name: str, description: str, tags: Mapping[str, str]) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        for route, method in self._routes():
            paths.setdefault(_readable(route.path), {})[method.lower()] = self._operation(route, method)
        error = _unlike(self._schemas, "Error")
        content = {"application/json": {"schema": {"$ref": f"{_COMPONENTS}{error}"}}}
        responses = {
            title: {"description": text, "content": content}
            for status, (title, text) in _REFUSALS.items()
            if status in self._refusals
        }
        components: dict[str, Any] = {
            "schemas": {**self._schemas, error: self._error()},
            "responses": responses,
        }
        if self._schemes:
            components["securitySchemes"] = self._schemes
        info = {"title": name, "version": self._definition.digest()[:12]}
        if description:
            info["description"] = description
        listed = [
            {"name": tag, **({"description": text} if text else {})} for tag, text in sorted(tags.items())
        ]
        return {
            "openapi": "3.1.0",
            "info": info,
            **({"tags": listed} if listed else {}),
            "paths": paths,
            "components": components,
        }

    def _routes(self) -> Iterator[tuple[RouteDefinition, str]]:
        keys = {route.key for route in self._definition.routes}
        for route in self._definition.routes:
            if self._documented(route).documentation.hidden:
                continue
            if route.http_method == "ANY":
                yield from ((route, method) for method in _EVERY if (route.path, method) not in keys)
            elif route.integration.target != "preflight":
                yield route, route.http_method

    def _operation(self, route: RouteDefinition, method: str) -> dict[str, Any]:
        documented = self._documented(route)
        documentation = documented.documentation
        operation: dict[str, Any] = {"operationId": self._identifier(documentation, method, route.path)}
        if documentation.tag:
            operation["tags"] = [documentation.tag]
        if documentation.summary:
            operation["summary"] = documentation.summary
        description = " ".join(filter(None, (documentation.description, _limit(documentation))))
        if description:
            operation["description"] = description
        parameters = _parameters(route)
        if parameters:
            operation["parameters"] = parameters
        if documented.request:
            bytes_of = {"schema": {"type": "string", "format": "binary"}}
            content = self._content(documented.request)
            if documentation.request_example is not None:
                content["application/json"]["example"] = dict(documentation.request_example)
            content |= dict.fromkeys(documented.other_media_types, bytes_of)
            operation["requestBody"] = {"required": True, "content": content}
        elif method in _WITH_BODY:
            operation["requestBody"] = {"content": {"*/*": {}}}
        operation["responses"] = self._responses(route, documented)
        security = self._security(route)
        if security:
            operation["security"] = [security]
        return operation

    def _documented(self, route: RouteDefinition) -> DocumentedRoute:
        return self._documentation.get(route.key, DocumentedRoute())

    def _identifier(self, documentation: RouteDocumentation, method: str, path: str) -> str:
        words = re.findall(r"[A-Za-z0-9]+", path) or ["root"]
        from_path = method.lower() + "".join(f"{word[0].upper()}{word[1:]}" for word in words)
        identifier = _unlike(self._identifiers, documentation.operation_id or from_path)
        self._identifiers.add(identifier)
        return identifier

    def _responses(self, route: RouteDefinition, documented: DocumentedRoute) -> dict[str, Any]:
        responses: dict[str, Any] = {}
        if documented.response:
            status = str(documented.documentation.status)
            content = self._content(documented.response)
            if documented.events:
                content |= self._content(documented.events, "text/event-stream")
            responses[status] = {"description": "The answer.", "content": content}
        else:
            responses["2XX"] = {"description": "The answer."}
        refusals = ["429", "4XX", "5XX"]
        if route.validated and (route.request_models or any(dict(route.request_parameters).values())):
            refusals.append("400")
        if route.authorization.authorizer is not None:
            refusals.append("401")
        if route.authorization.type != "NONE" or route.api_key_required:
            refusals.append("403")
        self._refusals.update(refusals)
        for status in refusals:
            responses[status] = {"$ref": f"#/components/responses/{_REFUSALS[status][0]}"}
        other = documented.documentation.error_schema
        if other is not None and other != self._error():
            either = {"anyOf": [dict(other), self._error()]}
            for status in ("429", "4XX", "5XX"):
                responses[status] = {
                    "description": _REFUSALS[status][1],
                    "content": {"application/json": {"schema": either}},
                }
        return responses

    def _content(self, schemas: Mapping[str, Schema], media_type: str = "application/json") -> dict[str, Any]:
        name, *_ = schemas
        names = {one: one for one in schemas}
        # A model can differ between response and request: fields with a default are always present in a
        # response. A model that refers to a renamed model differs too.
        while taken := [
            one
            for one, schema in schemas.items()
            if self._schemas.get(names[one], (renamed := _renamed(schema, names))) != renamed
        ]:
            names |= {one: f"{names[one]}Output" for one in taken}
        self._schemas |= {names[one]: _renamed(schema, names) for one, schema in schemas.items()}
        return {media_type: {"schema": {"$ref": f"{_COMPONENTS}{names[name]}"}}}

    def _security(self, route: RouteDefinition) -> dict[str, list[str]]:
        needed: dict[str, list[str]] = {}
        if route.authorization.authorizer is not None:
            needed |= {name: [] for name in self._requirements[route.authorization.authorizer]}
        elif route.authorization.type == "AWS_IAM":
            needed[self._scheme("signature", _SIGNED)] = []
        if route.api_key_required and not self._definition.authorizers_name_keys:
            needed[self._scheme("apiKey", {"type": "apiKey", "in": "header", "name": "x-api-key"})] = []
        return needed

    def _scheme(self, name: str, scheme: dict[str, Any]) -> str:
        while self._schemes.get(name, scheme) != scheme:
            name += "2"
        self._schemes[name] = scheme
        return name

    def _requirement(self, authorizer: AuthorizerDefinition) -> list[str]:
        """Return the security schemes of an authorizer: one for each identity source."""
        found = []
        for source in authorizer.identity_sources:
            where, _, name = source.removeprefix("method.request.").partition(".")
            if (where, name) == ("header", "Authorization"):
                found.append(self._scheme(authorizer.name, dict(_BEARER)))
            elif where in ("header", "querystring"):
                scheme = {"type": "apiKey", "in": _PLACES[where], "name": name}
                found.append(self._scheme(f"{authorizer.name}-{name}", scheme))
        return found

    def _error(self) -> Schema:
        # API Gateway's own errors have its default form unless gateway responses are set.
        if self._error_schema is None:
            return {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
        return self._error_schema


def _parameters(route: RouteDefinition) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    declared = {f"method.request.path.{name}": True for name in variables(route.path)}
    for full, required in sorted({**dict(route.request_parameters), **declared}.items()):
        _, _, where, name = full.split(".", 3)
        if where == "header" and name.lower() in _NOT_PARAMETERS:
            continue
        parameter: dict[str, Any] = {"name": name, "in": _PLACES[where], "schema": {"type": "string"}}
        if required:
            parameter["required"] = True
        if dict(route.request_parameters).get(full):
            # API Gateway rejects a blank value like a missing one.
            parameter["schema"]["pattern"] = r"\S"
        if f"{{{name}+}}" in route.path and where == "path":
            parameter["description"] = "The rest of the path, which may hold slashes."
        found.append(parameter)
    return found


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a schema with its references to other schemas by their new names."""
    if isinstance(value, Mapping):
        return {
            key: f"{_COMPONENTS}{names[part.removeprefix(_COMPONENTS)]}"
            if key == "$ref" and isinstance(part, str)
            else _renamed(part, names)
            for key, part in value.items()
        }
    return [_renamed(part, names) for part in value] if isinstance(value, list) else value


def _limit(documentation: RouteDocumentation) -> str:
    return (
        ""
        if documentation.max_body_bytes is None
        else f"Largest body: {documentation.max_body_bytes:,} bytes."
    )


def _readable(path: str) -> str:
    return path.replace("+}", "}")


def _unlike(taken: Mapping[str, Any] | set[str], name: str) -> str:
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}{number}"
    return unique
