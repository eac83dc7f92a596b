"""REST API as data: routes, integrations, authorizers and models, without Terraform resources.

The constructs of `api` and `authorization` fill these records, renderers (`api/rendering.py`) create
resources from them, and `Deployment` hashes them. They contain only values that are known at synth, no ARNs
and no ids. So the hash changes only with the API.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, Literal

HttpMethod = Literal["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
"""HTTP methods that API Gateway routes. `ANY` matches those without a method of their own."""

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
"""Fields that canonical JSON omits while they are unset, so that APIs without them keep their hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationDefinition:
    """Authorization of a route.

    Attributes:
        type: API Gateway's kind of authorization.
        authorizer: Name of the authorizer, for kinds that have one.
        scopes: OAuth scopes of which the caller needs one.
    """

    type: AuthorizationType
    authorizer: str | None = None
    scopes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", tuple(sorted(self.scopes)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerDefinition:
    """Authorizer of an API.

    Attributes:
        name: Name, unique in the API.
        type: API Gateway's kind of authorizer.
        targets: Functions or user pools, by names that are known at synth, such as `lambda:shop-guard:live`.
        identity_sources: Sources of the caller's identity, by API Gateway's names, such as
            `method.request.header.Authorization`.
        identity_validation: Regular expression that a token must match before the authorizer is invoked.
        cache_ttl_seconds: Seconds for which API Gateway caches a result.
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
    """Response of a route whose integration needs mapped responses, such as `MOCK`.

    Attributes:
        status_code: HTTP status.
        headers: Headers with the source of each value: text in single quotes, or API Gateway's name of the source.
        template: Mapping template. None: the body is empty.
        selection_pattern: Regular expression that must match the whole status of the backend, such as `4[0-9]{2}`. None: the
            default response.
    """

    status_code: int
    headers: tuple[tuple[str, str], ...] = ()
    template: str | None = None
    selection_pattern: str | None = field(default=None, metadata=_LEFT_OUT_UNSET)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", tuple(sorted(self.headers)))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationDefinition:
    """Integration of a route.

    Attributes:
        type: API Gateway's kind of integration.
        target: Target, by a name that is known at synth, such as `lambda:shop-chat:live`.
        http_method: HTTP method of the call; `POST` for Lambda. Empty if the integration calls nothing.
        timeout_ms: Timeout in milliseconds.
        request_template: Mapping template for JSON requests. None: requests pass unchanged.
        request_parameters: Sources of the parameters of the call, by API Gateway's names, such as
            `integration.request.path.id` and `method.request.path.id`.
        response: Default response. None if the integration answers by itself.
        further_responses: Responses with a selection pattern.
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
    """Schema of a request's body.

    Attributes:
        name: Name, unique in the API.
        schema: JSON Schema (draft 4), as JSON.
    """

    name: str
    schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayResponseDefinition:
    """API Gateway's own response to a request that it rejects or whose integration fails.

    Attributes:
        response_type: API Gateway's name of the error, such as `UNAUTHORIZED`.
        status_code: HTTP status. None: API Gateway's own.
        headers: Headers with the source of each value: text in single quotes, or API Gateway's name of the source.
        template: Body with API Gateway's variables.
    """

    response_type: str
    template: str
    status_code: int | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", tuple(sorted(self.headers)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDefinition:
    """HTTP method of a path.

    Attributes:
        path: Path of the resource, such as `/orders/{id}`.
        http_method: HTTP method.
        authorization: Authorization.
        integration: Integration.
        request_parameters: Parameters of the method by API Gateway's names (`method.request.querystring.limit`), and
            whether each is required.
        request_models: Names of the models of the body, by content type.
        validated: Whether API Gateway validates body and parameters.
        api_key_required: Whether the caller needs an API key of a usage plan too.
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
        """Key of the route in its API: path and HTTP method."""
        return self.path, self.http_method


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDefinition:
    """REST API as data: the content of a deployment's snapshot.

    Attributes:
        routes: Routes, in any order.
        binary_media_types: Content types whose bodies reach the integration as bytes.
        minimum_compression_bytes: Size in bytes from which responses are compressed. None: never.
        authorizers: Authorizers that routes name, in any order.
        models: Models that routes name, in any order.
        gateway_responses: API Gateway's own responses, in any order.
        endpoint_closed: Whether the API's AWS host name is disabled.
        authorizers_name_keys: Whether Lambda authorizers name the API key of a request, and not the caller.

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
    authorizers_name_keys: bool = field(default=False, metadata=_LEFT_OUT_UNSET)

    def __post_init__(self) -> None:
        object.__setattr__(self, "routes", tuple(sorted(self.routes, key=lambda route: route.key)))
        object.__setattr__(self, "binary_media_types", tuple(sorted(self.binary_media_types)))
        object.__setattr__(self, "authorizers", tuple(sorted(self.authorizers, key=lambda one: one.name)))
        object.__setattr__(self, "models", tuple(sorted(self.models, key=lambda one: one.name)))
        responses = sorted(self.gateway_responses, key=lambda one: one.response_type)
        object.__setattr__(self, "gateway_responses", tuple(responses))

    def canonical_json(self) -> str:
        """Return the definition as JSON. The same API gives the same text, regardless of the order in which it was built."""
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
