"""A REST API as data: what it answers, and how, before any Terraform resource exists.

The constructs of `api` and `authorization` fill these records, the renderers (`api/rendering.py`) make resources from them, and `Deployment`
hashes them. They hold only what is known while synthesizing: no ARN and no id, so that the hash changes with
the API and with nothing else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, Literal

HttpMethod = Literal["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
"""The HTTP methods that API Gateway routes; `ANY` takes those that have no method of their own."""

AuthorizationType = Literal["NONE", "AWS_IAM", "COGNITO_USER_POOLS", "CUSTOM"]
"""API Gateway's kinds of authorization."""

IntegrationType = Literal["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"]
"""API Gateway's kinds of integration."""

AuthorizerType = Literal["COGNITO_USER_POOLS", "REQUEST", "TOKEN"]
"""API Gateway's kinds of authorizer."""

MAX_TIMEOUT_MS: Final = 29_000
"""API Gateway's quota for an integration and for an authorizer, in milliseconds."""

MAX_STREAM_TIMEOUT_MS: Final = 900_000
"""API Gateway's quota for an integration that streams its response, in milliseconds."""

_LEFT_OUT_UNSET: Final = {"left_out_unset": True}
"""Marks what canonical JSON does not mention while it is unset: an API that does not use it keeps its hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationDefinition:
    """Who may call a route.

    Attributes:
        type: API Gateway's kind of authorization.
        authorizer: The name of the authorizer, for the kinds that have one.
        scopes: The OAuth scopes of which the caller needs one.
    """

    type: AuthorizationType
    authorizer: str | None = None
    scopes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", tuple(sorted(self.scopes)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerDefinition:
    """What decides who a caller is.

    Attributes:
        name: Its name, unique in the API.
        type: API Gateway's kind of authorizer.
        targets: What is asked, by names that are known while synthesizing, such as `lambda:shop-guard:live`.
        identity_sources: Where the caller's identity is in the request, by API Gateway's name for it
            (`method.request.header.Authorization`).
        identity_validation: The regular expression that a token must match before the authorizer is asked.
        cache_ttl_seconds: How long an answer is used again, in seconds.
    """

    name: str
    type: AuthorizerType
    targets: tuple[str, ...]
    identity_sources: tuple[str, ...] = ()
    identity_validation: str | None = None
    cache_ttl_seconds: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(sorted(self.targets)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseDefinition:
    """One answer of a route whose integration does not answer by itself, as that of a `MOCK` does not.

    Attributes:
        status_code: The HTTP status.
        headers: The headers, and where each value comes from: text in single quotes, or API Gateway's name for it.
        template: The mapping template that API Gateway runs; None where the body is empty.
        selection_pattern: The regular expression that the status of what was called has to match as a whole, such as
            `4[0-9]{2}`; None for the answer where no pattern matches.
    """

    status_code: int
    headers: tuple[tuple[str, str], ...] = ()
    template: str | None = None
    selection_pattern: str | None = field(default=None, metadata=_LEFT_OUT_UNSET)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", tuple(sorted(self.headers)))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationDefinition:
    """What answers a route.

    Attributes:
        type: API Gateway's kind of integration.
        target: What is called, by a name that is known while synthesizing, such as `lambda:shop-chat:live`.
        http_method: The HTTP method that API Gateway calls it with; Lambda knows only `POST`. Empty where nothing
            is called.
        timeout_ms: How long API Gateway waits for the answer, in milliseconds.
        request_template: The mapping template for requests in JSON; None where they are passed on as they are.
        request_parameters: Where the parameters of the request to what is called come from, by API Gateway's names for them,
            such as `integration.request.path.id` and `method.request.path.id`.
        response: The answer; None where the integration answers by itself.
        further_responses: The answers whose selection pattern the status of what was called matches.
        streamed: Whether the response is sent to the client while it is produced (`responseTransferMode: STREAM`).
    """

    type: IntegrationType
    target: str
    http_method: str
    timeout_ms: int
    request_template: str | None = field(default=None, metadata=_LEFT_OUT_UNSET)
    request_parameters: tuple[tuple[str, str], ...] = field(default=(), metadata=_LEFT_OUT_UNSET)
    response: ResponseDefinition | None = field(default=None, metadata=_LEFT_OUT_UNSET)
    further_responses: tuple[ResponseDefinition, ...] = field(default=(), metadata=_LEFT_OUT_UNSET)
    streamed: bool = field(default=False, metadata=_LEFT_OUT_UNSET)

    def __post_init__(self) -> None:
        object.__setattr__(self, "request_parameters", tuple(sorted(self.request_parameters)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDefinition:
    """The schema of a request's body.

    Attributes:
        name: Its name, unique in the API.
        schema: The JSON Schema (draft 4), as JSON.
    """

    name: str
    schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayResponseDefinition:
    """What API Gateway answers where it refuses a request, or could not have it answered.

    Attributes:
        response_type: API Gateway's name of the error, such as `UNAUTHORIZED`.
        status_code: The HTTP status; None leaves API Gateway's own.
        headers: The headers, and where each value comes from: text in single quotes, or API Gateway's name for it.
        template: The body, in which API Gateway fills in its variables.
    """

    response_type: str
    template: str
    status_code: int | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", tuple(sorted(self.headers)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDefinition:
    """One HTTP method of one path.

    Attributes:
        path: The path of the resource, such as `/orders/{id}`.
        http_method: The HTTP method.
        authorization: Who may call it.
        integration: What answers it.
        request_parameters: The parameters that the method declares, by API Gateway's name for them
            (`method.request.querystring.limit`), and whether each is required.
        request_models: The names of the models of the body, by content type.
        validated: Whether API Gateway checks the body and the parameters.
        api_key_required: Whether the caller needs an API key of a usage plan as well.
    """

    path: str
    http_method: HttpMethod
    authorization: AuthorizationDefinition
    integration: IntegrationDefinition
    request_parameters: tuple[tuple[str, bool], ...] = ()
    request_models: tuple[tuple[str, str], ...] = field(default=(), metadata=_LEFT_OUT_UNSET)
    validated: bool = field(default=False, metadata=_LEFT_OUT_UNSET)
    api_key_required: bool = field(default=False, metadata=_LEFT_OUT_UNSET)

    def __post_init__(self) -> None:
        object.__setattr__(self, "request_parameters", tuple(sorted(self.request_parameters)))
        object.__setattr__(self, "request_models", tuple(sorted(self.request_models)))

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the route in its API: the path and the HTTP method."""
        return self.path, self.http_method


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDefinition:
    """All that a deployment of a REST API takes a snapshot of.

    Attributes:
        routes: The routes; their order has no meaning.
        binary_media_types: The content types whose bodies reach the integration as bytes.
        minimum_compression_bytes: The size from which responses are compressed; None where none are.
        authorizers: What decides who a caller is, for the routes that name it; their order has no meaning.
        models: The schemas of bodies, for the routes that name them; their order has no meaning.
        gateway_responses: What API Gateway answers by itself; their order has no meaning.
        endpoint_closed: Whether AWS's own host name for it is closed.

    Example:
        >>> ApiDefinition(routes=()).canonical_json()
        '{"binary_media_types":[],"minimum_compression_bytes":null,"routes":[]}'
    """

    routes: tuple[RouteDefinition, ...]
    binary_media_types: tuple[str, ...] = ()
    minimum_compression_bytes: int | None = None
    authorizers: tuple[AuthorizerDefinition, ...] = field(default=(), metadata=_LEFT_OUT_UNSET)
    models: tuple[ModelDefinition, ...] = field(default=(), metadata=_LEFT_OUT_UNSET)
    gateway_responses: tuple[GatewayResponseDefinition, ...] = field(default=(), metadata=_LEFT_OUT_UNSET)
    endpoint_closed: bool = field(default=False, metadata=_LEFT_OUT_UNSET)

    def __post_init__(self) -> None:
        object.__setattr__(self, "routes", tuple(sorted(self.routes, key=lambda route: route.key)))
        object.__setattr__(self, "binary_media_types", tuple(sorted(self.binary_media_types)))
        object.__setattr__(self, "authorizers", tuple(sorted(self.authorizers, key=lambda one: one.name)))
        object.__setattr__(self, "models", tuple(sorted(self.models, key=lambda one: one.name)))
        responses = sorted(self.gateway_responses, key=lambda one: one.response_type)
        object.__setattr__(self, "gateway_responses", tuple(responses))

    def canonical_json(self) -> str:
        """Return the definition as JSON: the same text for the same API, however it was put together."""
        return json.dumps(_as_data(self), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()


def _as_data(value: Any) -> Any:
    if is_dataclass(value):
        return {
            one.name: _as_data(getattr(value, one.name))
            for one in fields(value)
            if getattr(value, one.name) or not one.metadata
        }
    return [_as_data(one) for one in value] if isinstance(value, tuple) else value
