"""A REST API as data: what it answers, and how, before any Terraform resource exists.

The constructs fill these records, the renderers (`rendering.py`) make resources from them, and `Deployment`
hashes them. They hold only what is known while synthesizing: no ARN and no id, so that the hash changes with
the API and with nothing else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

HttpMethod = Literal["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
"""The HTTP methods that API Gateway routes; `ANY` takes those that have no method of their own."""

AuthorizationType = Literal["NONE", "AWS_IAM", "COGNITO_USER_POOLS", "CUSTOM"]
"""API Gateway's kinds of authorization."""

IntegrationType = Literal["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"]
"""API Gateway's kinds of integration."""


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
class IntegrationDefinition:
    """What answers a route.

    Attributes:
        type: API Gateway's kind of integration.
        target: What is called, by a name that is known while synthesizing, such as `lambda:shop-chat:live`.
        http_method: The HTTP method that API Gateway calls it with; Lambda knows only `POST`.
        timeout_ms: How long API Gateway waits for the answer, in milliseconds.
    """

    type: IntegrationType
    target: str
    http_method: str
    timeout_ms: int


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
    """

    path: str
    http_method: HttpMethod
    authorization: AuthorizationDefinition
    integration: IntegrationDefinition
    request_parameters: tuple[tuple[str, bool], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "request_parameters", tuple(sorted(self.request_parameters)))

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

    Example:
        >>> ApiDefinition(routes=()).canonical_json()
        '{"binary_media_types":[],"minimum_compression_bytes":null,"routes":[]}'
    """

    routes: tuple[RouteDefinition, ...]
    binary_media_types: tuple[str, ...] = ()
    minimum_compression_bytes: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "routes", tuple(sorted(self.routes, key=lambda route: route.key)))
        object.__setattr__(self, "binary_media_types", tuple(sorted(self.binary_media_types)))

    def canonical_json(self) -> str:
        """Returns the definition as JSON: the same text for the same API, however it was put together."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """Returns the SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()
