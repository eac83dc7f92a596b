"""A REST API as one OpenAPI 3.0 document with API Gateway's extensions: the `body` of an `aws_api_gateway_rest_api`.

Built from the API as data, so that it deploys the same as one resource per route. This module imports no
bindings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from constructs_lib.authorization.authorizer import AuthorizerBackend
from constructs_lib.errors import ConflictError
from constructs_lib.routes.definitions import (
    ApiDefinition,
    AuthorizerDefinition,
    GatewayResponseDefinition,
    IntegrationDefinition,
    ResponseDefinition,
    RouteDefinition,
)
from constructs_lib.templates import joined, literal

VALIDATOR: Final = "body-and-parameters"
"""Name of the validator that all methods share."""

_ANY: Final = "x-amazon-apigateway-any-method"
_HEADER: Final = "method.request.header."
_PLACES: Final = {"path": "path", "querystring": "query", "header": "header"}
_DROPPED: Final = frozenset(
    {
        "additionalItems", "dependencies", "exclusiveMaximum", "exclusiveMinimum", "maxItems", "minItems",
        "patternProperties",
    }
)  # fmt: skip
"""Keywords of draft-04 that API Gateway supports in a model and ignores in an imported document."""


class _Reference(str):
    """String with a reference that Terraform resolves."""

    __slots__ = ()


def openapi_body(
    definition: ApiDefinition,
    *,
    name: str,
    description: str,
    uris: Mapping[tuple[str, str], str | None],
    credentials: Mapping[tuple[str, str], str],
    authorizers: Mapping[str, AuthorizerBackend],
) -> str:
    """Return the document as JSON; its only Terraform expressions are the references.

    Args:
        definition: The API.
        name: Name in AWS.
        description: What it is for, as Terraform's template.
        uris: The URIs of the integrations, by the routes' keys.
        credentials: ARNs of the roles with which API Gateway calls them, by the routes' keys. Routes without
            a role have no entry.
        authorizers: Backends of the authorizers, by their names.
    """
    return json.dumps(
        _escaped(_document(definition, name, description, uris, credentials, authorizers)),
        sort_keys=True,
        separators=(",", ":"),
    )


def check_importable(where: str, model: str, schema: str) -> None:
    """Check that AWS's import keeps all of a model's schema.

    Raises:
        ConflictError: if it would drop a rule without an error.
    """
    for path, lost in _lost(json.loads(schema), ""):
        raise ConflictError(
            where,
            f"model '{model}' says {lost} at '{path or '/'}', which API Gateway ignores in an OpenAPI body, so requests would pass that the model does not allow",
            "pass definition='resources' to the API, or leave that rule to the handler",
        )


def _lost(schema: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield the keywords that the import would drop from a schema and its parts, each with the path of its field."""
    if isinstance(schema, list):
        for number, one in enumerate(schema):
            yield from _lost(one, f"{path}/{number}")
    if not isinstance(schema, dict):
        return
    yield from ((path, words) for words in _lost_words(schema))
    for name, one in schema.get("properties", {}).items():
        yield from _lost(one, f"{path}/{name}")
    for keyword in sorted(schema.keys() - {"properties", "enum", "default"}):
        yield from _lost(schema[keyword], path)


def _lost_words(schema: Mapping[str, Any]) -> Iterator[str]:
    kinds = schema.get("type")
    if isinstance(kinds, list) or kinds == "null":
        yield f"type {json.dumps(kinds)}"
    if isinstance(schema.get("items"), list):
        yield "an 'items' for each place"
    for keyword in sorted(_DROPPED & schema.keys()):
        yield f"'{keyword}'"


def _document(
    definition: ApiDefinition,
    name: str,
    description: str,
    uris: Mapping[tuple[str, str], str | None],
    credentials: Mapping[tuple[str, str], str],
    authorizers: Mapping[str, AuthorizerBackend],
) -> dict[str, Any]:
    schemes = _Schemes(definition, authorizers)
    paths: dict[str, dict[str, Any]] = {}
    for route in definition.routes:
        method = _ANY if route.http_method == "ANY" else route.http_method.lower()
        operation = _operation(route, schemes, uris.get(route.key))
        if route.key in credentials:
            operation["x-amazon-apigateway-integration"]["credentials"] = _Reference(credentials[route.key])
        paths.setdefault(route.path, {})[method] = operation
    document: dict[str, Any] = {
        "openapi": "3.0.1",
        "info": {"title": name, "version": definition.digest()[:12]},
        "paths": paths,
        "x-amazon-apigateway-binary-media-types": list(definition.binary_media_types),
    }
    if description:
        document["info"]["description"] = _Reference(description)
    if definition.endpoint_closed:
        document["x-amazon-apigateway-endpoint-configuration"] = {"disableExecuteApiEndpoint": True}
    if definition.authorizers_name_keys:
        document["x-amazon-apigateway-api-key-source"] = "AUTHORIZER"
    if definition.minimum_compression_bytes is not None:
        document["x-amazon-apigateway-minimum-compression-size"] = definition.minimum_compression_bytes
    if any(route.validated for route in definition.routes):
        checks = {"validateRequestBody": True, "validateRequestParameters": True}
        document["x-amazon-apigateway-request-validators"] = {VALIDATOR: checks}
    if definition.gateway_responses:
        document["x-amazon-apigateway-gateway-responses"] = {
            one.response_type: _gateway_response(one) for one in definition.gateway_responses
        }
    components = {
        "schemas": {model.name: _schema(model.schema) for model in definition.models},
        "securitySchemes": schemes.used,
    }
    if any(components.values()):
        document["components"] = {kind: named for kind, named in components.items() if named}
    return document


def _schema(text: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(text)
    schema.pop("$schema", None)
    return schema


def _operation(route: RouteDefinition, schemes: _Schemes, uri: str | None) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "responses": {},
        "x-amazon-apigateway-integration": _integration(route.integration, uri),
    }
    parameters = _parameters(route)
    if parameters:
        operation["parameters"] = parameters
    security = schemes.of(route)
    if security:
        operation["security"] = security
    if route.request_models:
        operation["requestBody"] = {
            "required": True,
            "content": {
                content_type: {"schema": {"$ref": f"#/components/schemas/{model}"}}
                for content_type, model in route.request_models
            },
        }
    if route.validated:
        operation["x-amazon-apigateway-request-validator"] = VALIDATOR
    for response in _responses(route.integration):
        headers = {name: {"schema": {"type": "string"}} for name, _ in response.headers}
        operation["responses"][str(response.status_code)] = {"description": "", "headers": headers}
    return operation


def _parameters(route: RouteDefinition) -> list[dict[str, Any]]:
    # Variables of the path need no declaration; a declared one must not be blank.
    return [
        {
            "name": name.split(".", 3)[3],
            "in": _PLACES[name.split(".", 3)[2]],
            "required": required or name.startswith("method.request.path."),
            "schema": {"type": "string"},
        }
        for name, required in route.request_parameters
    ]


def _integration(definition: IntegrationDefinition, uri: str | None) -> dict[str, Any]:
    integration: dict[str, Any] = {
        "type": definition.type.lower(),
        "timeoutInMillis": definition.timeout_ms,
        "passthroughBehavior": "when_no_match",
    }
    if uri is not None:
        integration["uri"] = _Reference(uri)
    if definition.streamed:
        integration["responseTransferMode"] = "STREAM"
    if definition.http_method:
        integration["httpMethod"] = definition.http_method
    if definition.request_template is not None:
        integration |= {
            "contentHandling": "CONVERT_TO_TEXT",
            "passthroughBehavior": "never",
            "requestTemplates": {"application/json": definition.request_template},
        }
    if definition.request_parameters:
        integration["requestParameters"] = dict(definition.request_parameters)
    mapped = {
        response.selection_pattern or "default": _mapped(response) for response in _responses(definition)
    }
    if mapped:
        integration["responses"] = mapped
    return integration


def _responses(definition: IntegrationDefinition) -> tuple[ResponseDefinition, ...]:
    answer = () if definition.response is None else (definition.response,)
    return (*answer, *definition.further_responses)


def _mapped(response: ResponseDefinition) -> dict[str, Any]:
    mapped: dict[str, Any] = {
        "statusCode": str(response.status_code),
        "responseParameters": {f"method.response.header.{name}": value for name, value in response.headers},
    }
    if response.template is not None:
        mapped["responseTemplates"] = {"application/json": response.template}
    return mapped


def _gateway_response(definition: GatewayResponseDefinition) -> dict[str, Any]:
    response: dict[str, Any] = {
        "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in definition.headers},
        "responseTemplates": {"application/json": definition.template},
    }
    if definition.status_code is not None:
        response["statusCode"] = str(definition.status_code)
    return response


class _Schemes:
    """Security schemes: one for each authorizer, and those for IAM and API keys if a route needs them."""

    def __init__(self, definition: ApiDefinition, backends: Mapping[str, AuthorizerBackend]) -> None:
        self.used: dict[str, Any] = {
            one.name: _authorizer(one, backends[one.name]) for one in definition.authorizers
        }
        names = set(self.used)
        self._iam, self._key = (_unlike(names, "sigv4"), _unlike(names, "api_key"))

    def of(self, route: RouteDefinition) -> list[dict[str, Any]]:
        """Return the requirements of a route. API Gateway requires every entry of the list, unlike OpenAPI."""
        demanded: list[dict[str, Any]] = []
        authorization = route.authorization
        if authorization.authorizer is not None:
            demanded.append({authorization.authorizer: list(authorization.scopes)})
        elif authorization.type == "AWS_IAM":
            demanded.append({self._iam: []})
            self.used[self._iam] = {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "x-amazon-apigateway-authtype": "awsSigv4",
            }
        if route.api_key_required:
            demanded.append({self._key: []})
            self.used[self._key] = {"type": "apiKey", "name": "x-api-key", "in": "header"}
        return demanded


def _unlike(names: set[str], name: str) -> str:
    while name in names:
        name += "_"
    return name


def _authorizer(definition: AuthorizerDefinition, backend: AuthorizerBackend) -> dict[str, Any]:
    authorizer: dict[str, Any] = {
        "type": definition.type.lower(),
        "authorizerResultTtlInSeconds": definition.cache_ttl_seconds,
    }
    if definition.identity_sources:
        authorizer["identitySource"] = ",".join(definition.identity_sources)
    if backend.uri is not None:
        authorizer["authorizerUri"] = _Reference(backend.uri)
    if backend.provider_arns:
        authorizer["providerARNs"] = [_Reference(joined(arn)) for arn in backend.provider_arns]
    if definition.identity_validation is not None:
        authorizer["identityValidationExpression"] = definition.identity_validation
    source = definition.identity_sources[0] if len(definition.identity_sources) == 1 else ""
    return {
        "type": "apiKey",
        # API Gateway ignores this name for several sources, and for a source that is not a header.
        "name": source.removeprefix(_HEADER) if source.startswith(_HEADER) else "Unused",
        "in": "header",
        "x-amazon-apigateway-authtype": "cognito_user_pools"
        if definition.type == "COGNITO_USER_POOLS"
        else "custom",
        "x-amazon-apigateway-authorizer": authorizer,
    }


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {literal(key): _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    if isinstance(value, str) and not isinstance(value, _Reference):
        return literal(value)
    return value
