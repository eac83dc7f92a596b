"""Renderers: Terraform resources from routes as data.

A renderer receives each path and each route once, in the order they are added, after the rules of
`route_table.py` accepted them. `ResourceRenderer` creates one resource for each. `BodyRenderer` in
`body_rendering.py` writes the whole API into one `body`.

The bindings of a resource are imported where it is created, so a synth loads only those that its API needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from cdktf import TerraformResource
from constructs import Construct

from constructs_lib.api.integration import Backend
from constructs_lib.authorization.authorizer import AuthorizerBackend, AuthorizerRenderer
from constructs_lib.aws_stack import AwsStack
from constructs_lib.errors import ConflictError
from constructs_lib.references import address, attribute, make, wait_for
from constructs_lib.routes.definitions import (
    MAX_TIMEOUT_MS,
    AuthorizerDefinition,
    GatewayResponseDefinition,
    IntegrationDefinition,
    ModelDefinition,
    ResponseDefinition,
    RouteDefinition,
)
from constructs_lib.templates import literal

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.api_gateway_authorizer import ApiGatewayAuthorizer
    from cdktf_cdktf_provider_aws.api_gateway_gateway_response import ApiGatewayGatewayResponse
    from cdktf_cdktf_provider_aws.api_gateway_integration import ApiGatewayIntegration
    from cdktf_cdktf_provider_aws.api_gateway_method import ApiGatewayMethod
    from cdktf_cdktf_provider_aws.api_gateway_model import ApiGatewayModel
    from cdktf_cdktf_provider_aws.api_gateway_request_validator import ApiGatewayRequestValidator
    from cdktf_cdktf_provider_aws.api_gateway_resource import ApiGatewayResource
    from cdktf_cdktf_provider_aws.api_gateway_rest_api import ApiGatewayRestApi


_PROVIDER_OF_STREAMS: Final = (6, 25)
_PROVIDER_OF_LONG_STREAMS: Final = (6, 26)
"""The releases of the provider that know `response_transfer_mode`, and timeouts above 29 s with it."""

_MODELS_OF_EVERY_API: Final = ("Empty", "Error")
"""Models that API Gateway creates with each REST API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Route, as a renderer receives it.

    Attributes:
        definition: Values that are known at synth.
        backend: References that Terraform resolves.
    """

    definition: RouteDefinition
    backend: Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRoute:
    """Resources of a route. None if the renderer creates none.

    Attributes:
        method: The `aws_api_gateway_method`.
        integration: The `aws_api_gateway_integration`.
    """

    method: ApiGatewayMethod | None = None
    integration: ApiGatewayIntegration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """The references of a method that its responses share.

    Attributes:
        resource_id: The method's resource.
        declared_method: The HTTP method, as the method's own responses refer to it.
        mapped_method: The HTTP method, as the integration's responses refer to it.
        integration: The address of the integration.
    """

    resource_id: str
    declared_method: str
    mapped_method: str
    integration: str


class Renderer(AuthorizerRenderer, Protocol):
    """Renderer: one Terraform resource for each path and route, and the models and authorizers of routes."""

    def render_path(
        self, scope: Construct, *, parent: str, path_part: str, path: str
    ) -> ApiGatewayResource | None:
        """Create the resources of the path `path`, which is `path_part` below `parent`, as children of `scope`."""

    def render_route(self, scope: Construct, route: Route) -> RenderedRoute:
        """Create the resources of a route, as children of `scope`."""

    def render_gateway_response(
        self, scope: Construct, definition: GatewayResponseDefinition
    ) -> ApiGatewayGatewayResponse | None:
        """Create the resources of a gateway response, as children of `scope`."""

    def check_model(self, where: str, definition: ModelDefinition) -> None:
        """Check that a model can be rendered.

        Raises:
            ConflictError: if AWS would drop a part of it.
        """

    def check_integration(self, where: str, scope: Construct, definition: IntegrationDefinition) -> None:
        """Check that an integration can be rendered.

        Raises:
            ConflictError: if the provider might not know a part of it.
        """

    def render_model(self, scope: Construct, definition: ModelDefinition) -> ApiGatewayModel | None:
        """Create the resources of a model, as children of `scope`."""

    def render_validator(self, scope: Construct) -> ApiGatewayRequestValidator | None:
        """Create the validator of bodies and parameters, as a child of `scope`."""

    def finish(self) -> None:
        """Update the resources after a change of the API; called after each one."""

    @property
    def awaited(self) -> tuple[TerraformResource, ...]:
        """Resources that a deployment must wait for, so that its snapshot has the whole API."""


class ResourceRenderer:
    """One `aws_api_gateway_resource` for a path, a method and an integration for a route."""

    def __init__(self, rest_api: ApiGatewayRestApi) -> None:
        self._rest_api_id = attribute(rest_api, "id")
        self._resource_ids = {"/": attribute(rest_api, "root_resource_id")}
        self._authorizers: dict[str, ApiGatewayAuthorizer] = {}
        self._model_names: dict[str, str] = {}
        self._validator_id: str | None = None
        self._awaited: list[TerraformResource] = []

    @property
    def awaited(self) -> tuple[TerraformResource, ...]:
        """See `Renderer`."""
        return tuple(self._awaited)

    def finish(self) -> None:
        """See `Renderer`; each resource is created with its part."""

    def render_path(self, scope: Construct, *, parent: str, path_part: str, path: str) -> ApiGatewayResource:
        """See `Renderer`."""
        from cdktf_cdktf_provider_aws.api_gateway_resource import ApiGatewayResource

        resource = make(
            ApiGatewayResource,
            scope,
            "Resource",
            rest_api_id=self._rest_api_id,
            parent_id=self._resource_ids[parent],
            path_part=path_part,
        )
        self._resource_ids[path] = attribute(resource, "id")
        return resource

    def render_authorizer(
        self, scope: Construct, definition: AuthorizerDefinition, backend: AuthorizerBackend
    ) -> ApiGatewayAuthorizer:
        """See `AuthorizerRenderer`."""
        from cdktf_cdktf_provider_aws.api_gateway_authorizer import ApiGatewayAuthorizer

        resource = make(
            ApiGatewayAuthorizer,
            scope,
            "Resource",
            rest_api_id=self._rest_api_id,
            name=definition.name,
            type=definition.type,
            authorizer_uri=backend.uri,
            provider_arns=list(backend.provider_arns) or None,
            # Without the empty string, the provider would set the header Authorization.
            identity_source=",".join(definition.identity_sources),
            identity_validation_expression=None
            if definition.identity_validation is None
            else literal(definition.identity_validation),
            authorizer_result_ttl_in_seconds=definition.cache_ttl_seconds,
        )
        # API Gateway answers changes of two authorizers at once with a ConflictException.
        wait_for(resource, *list(self._authorizers.values())[-1:], first=True)
        self._authorizers[definition.name] = resource
        self._awaited.append(resource)
        return resource

    def render_gateway_response(
        self, scope: Construct, definition: GatewayResponseDefinition
    ) -> ApiGatewayGatewayResponse:
        """See `Renderer`."""
        from cdktf_cdktf_provider_aws.api_gateway_gateway_response import ApiGatewayGatewayResponse

        status = definition.status_code
        resource = make(
            ApiGatewayGatewayResponse,
            scope,
            "Resource",
            rest_api_id=self._rest_api_id,
            response_type=definition.response_type,
            status_code=None if status is None else str(status),
            response_parameters={
                f"gatewayresponse.header.{name}": literal(value) for name, value in definition.headers
            },
            response_templates={"application/json": literal(definition.template)},
        )
        self._awaited.append(resource)
        return resource

    def check_model(self, where: str, definition: ModelDefinition) -> None:
        """See `Renderer`; a model resource keeps its whole schema."""
        if definition.name in _MODELS_OF_EVERY_API:
            raise ConflictError(
                where,
                f"model '{definition.name}' exists in every REST API, and API Gateway rejects a second one",
                "rename the pydantic class",
            )

    def check_integration(self, where: str, scope: Construct, definition: IntegrationDefinition) -> None:
        """See `Renderer`."""
        if definition.streamed:
            AwsStack.of(scope).require_provider(
                where,
                "response streaming in an API of Terraform resources",
                _PROVIDER_OF_STREAMS
                if definition.timeout_ms <= MAX_TIMEOUT_MS
                else _PROVIDER_OF_LONG_STREAMS,
                otherwise="definition='openapi' to the API",
            )

    def render_model(self, scope: Construct, definition: ModelDefinition) -> ApiGatewayModel:
        """See `Renderer`."""
        from cdktf_cdktf_provider_aws.api_gateway_model import ApiGatewayModel

        resource = make(
            ApiGatewayModel,
            scope,
            "Resource",
            rest_api_id=self._rest_api_id,
            name=definition.name,
            content_type="application/json",
            schema=literal(definition.schema),
        )
        self._model_names[definition.name] = attribute(resource, "name")
        self._awaited.append(resource)
        return resource

    def render_validator(self, scope: Construct) -> ApiGatewayRequestValidator:
        """See `Renderer`."""
        from cdktf_cdktf_provider_aws.api_gateway_request_validator import ApiGatewayRequestValidator

        validator = make(
            ApiGatewayRequestValidator,
            scope,
            "Resource",
            rest_api_id=self._rest_api_id,
            name="body-and-parameters",
            validate_request_body=True,
            validate_request_parameters=True,
        )
        self._validator_id = attribute(validator, "id")
        self._awaited.append(validator)
        return validator

    def render_route(self, scope: Construct, route: Route) -> RenderedRoute:
        """See `Renderer`."""
        from cdktf_cdktf_provider_aws.api_gateway_integration import ApiGatewayIntegration
        from cdktf_cdktf_provider_aws.api_gateway_method import ApiGatewayMethod

        definition = route.definition
        resource_id = self._resource_ids[definition.path]
        authorization, template = definition.authorization, definition.integration.request_template
        authorizer = None if authorization.authorizer is None else self._authorizers[authorization.authorizer]
        method = make(
            ApiGatewayMethod,
            scope,
            "Resource",
            rest_api_id=self._rest_api_id,
            resource_id=resource_id,
            http_method=definition.http_method,
            authorization=authorization.type,
            authorizer_id=None if authorizer is None else attribute(authorizer, "id"),
            authorization_scopes=list(authorization.scopes) or None,
            api_key_required=True if definition.api_key_required else None,
            request_parameters=dict(definition.request_parameters) or None,
            request_models={
                content_type: self._model_names[name] for content_type, name in definition.request_models
            }
            or None,
            request_validator_id=self._validator_id if definition.validated else None,
        )
        http_method = attribute(method, "http_method")
        integration = make(
            ApiGatewayIntegration,
            scope,
            "integration",
            rest_api_id=self._rest_api_id,
            resource_id=resource_id,
            http_method=http_method,
            type=definition.integration.type,
            integration_http_method=definition.integration.http_method or None,
            # Templates need text. If all media types are binary, API Gateway has text only after this
            # conversion.
            content_handling=None if template is None else "CONVERT_TO_TEXT",
            passthrough_behavior=None if template is None else "NEVER",
            request_templates=None if template is None else {"application/json": literal(template)},
            request_parameters={
                name: literal(source) for name, source in definition.integration.request_parameters
            }
            or None,
            uri=route.backend.uri,
            credentials=route.backend.credentials,
            timeout_milliseconds=definition.integration.timeout_ms,
            response_transfer_mode="STREAM" if definition.integration.streamed else None,
        )
        self._awaited += (method, integration)
        first, further = definition.integration.response, definition.integration.further_responses
        if first is not None or further:
            answered = _Answered(
                resource_id=attribute(method, "resource_id"),
                declared_method=http_method,
                mapped_method=attribute(integration, "http_method"),
                integration=address(integration),
            )
            if first is not None:
                self._render_response(scope, first, answered)
            for response in further:
                self._render_response(scope, response, answered, f"-{response.status_code}")
        return RenderedRoute(method=method, integration=integration)

    def _render_response(
        self,
        scope: Construct,
        definition: ResponseDefinition,
        answered: _Answered,
        suffix: str = "",
    ) -> None:
        from cdktf_cdktf_provider_aws.api_gateway_integration_response import ApiGatewayIntegrationResponse
        from cdktf_cdktf_provider_aws.api_gateway_method_response import ApiGatewayMethodResponse

        headers = {f"method.response.header.{name}": literal(value) for name, value in definition.headers}
        declared = make(
            ApiGatewayMethodResponse,
            scope,
            f"method-response{suffix}",
            rest_api_id=self._rest_api_id,
            resource_id=answered.resource_id,
            http_method=answered.declared_method,
            status_code=str(definition.status_code),
            response_parameters=dict.fromkeys(headers, True),
        )
        mapped = make(
            ApiGatewayIntegrationResponse,
            scope,
            f"integration-response{suffix}",
            rest_api_id=self._rest_api_id,
            resource_id=answered.resource_id,
            http_method=answered.mapped_method,
            status_code=attribute(declared, "status_code"),
            selection_pattern=None
            if definition.selection_pattern is None
            else literal(definition.selection_pattern),
            response_parameters=headers,
            response_templates=None
            if definition.template is None
            else {"application/json": literal(definition.template)},
            # Updating an integration removes its responses, although their attributes do not change.
            lifecycle={"replace_triggered_by": [f"{answered.integration}.id"]},
        )
        self._awaited += (declared, mapped)
