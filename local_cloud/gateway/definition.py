"""Snapshot of an API at its deployment, as immutable plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cloud.gateway.body_models import BodyModels
from local_cloud.gateway.routing import Router

DEFAULT_TIMEOUT_SECONDS = 29.0


@dataclass(frozen=True, slots=True)
class IntegrationResponse:
    """Integration response: mapping of a kind of result to a response.

    Attributes:
        selection_pattern: Which answers it is for; None or empty for all others.
        parameters: Response headers (`method.response.header.X`) and where their values come from.
        content_handling: `CONVERT_TO_BINARY`, `CONVERT_TO_TEXT` or None.
    """

    status: str
    selection_pattern: str | None
    parameters: Mapping[str, str]
    templates: Mapping[str, str]
    content_handling: str | None


@dataclass(frozen=True, slots=True)
class Integration:
    """Integration of a method.

    Attributes:
        kind: `AWS_PROXY`, `AWS`, `HTTP_PROXY`, `HTTP` or `MOCK`.
        uri: The target, with stage variables still as `${stageVariables.name}`.
        passthrough: What happens to a body that no template is for: `WHEN_NO_MATCH`, `WHEN_NO_TEMPLATES` or `NEVER`.
        credentials: The role to call the target with; None leaves it to the target's own policy.
        content_handling: `CONVERT_TO_BINARY`, `CONVERT_TO_TEXT` or None.
        connection_type: `INTERNET`, `VPC_LINK` or None.
        responses: How answers are mapped, for integrations that are not proxies.
        streams: The response is sent to the client as it comes (`responseTransferMode: STREAM`).
    """

    kind: str
    uri: str
    http_method: str | None
    timeout_seconds: float
    credentials: str | None
    request_templates: Mapping[str, str]
    content_handling: str | None
    connection_type: str | None
    responses: tuple[IntegrationResponse, ...]
    passthrough: str = "WHEN_NO_MATCH"
    request_parameters: Mapping[str, str] = field(default_factory=dict)
    streams: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """One HTTP method (or `ANY`) of one resource.

    Attributes:
        resource_path: The path of its resource, such as `/vision/{id}`.
        http_method: The method, or `ANY`.
        authorization: `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
        authorization_scopes: Scopes of which a token must have one.
        api_key_required: A request needs the key of a usage plan.
        request_parameters: Names of parameters (`method.request.querystring.q`) and whether they are required.
        operation_name: A name for people, which `requestContext` shows.
    """

    resource_id: str
    resource_path: str
    http_method: str
    authorization: str
    authorizer_id: str | None
    authorization_scopes: tuple[str, ...]
    api_key_required: bool
    validates_body: bool
    validates_parameters: bool
    request_models: Mapping[str, str]
    request_parameters: Mapping[str, bool]
    operation_name: str | None
    integration: Integration | None
    response_statuses: frozenset[str]


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """Gateway response of an API for a type of error.

    Attributes:
        status: The status code; None leaves the error's own.
        parameters: Headers (`gatewayresponse.header.X`) and where their values come from.
    """

    status: int | None
    parameters: Mapping[str, str]
    templates: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ApiDefinition:
    """A REST API as it was deployed.

    Attributes:
        authorizers: Authorizers by id, as API Gateway describes them.
        api_key_source: `HEADER` or `AUTHORIZER`.
        endpoint_types: `EDGE`, `REGIONAL` or `PRIVATE`.
        compression_bytes: Responses from this size on are compressed; None for never.
    """

    api_id: str
    name: str
    account_id: str
    region: str
    deployment_id: str
    router: Router[Method]
    binary_media_types: tuple[str, ...] = ()
    gateway_responses: Mapping[str, GatewayResponse] = field(default_factory=dict)
    authorizers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    body_models: BodyModels = field(default_factory=lambda: BodyModels("", {}))
    api_key_source: str = "HEADER"
    endpoint_types: tuple[str, ...] = ("EDGE",)
    policy: str | None = None
    execute_api_disabled: bool = False
    compression_bytes: int | None = None
