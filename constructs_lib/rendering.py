"""From routes as data to Terraform resources.

A renderer is told of each path and each route once, in the order they are added, after the rules of
`route_table.py` accepted them. `ResourceRenderer` makes one resource for each; a renderer that writes the
whole API into one `body` fits the same protocol: it makes nothing for them and rewrites the body instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cdktf import TerraformResource
from cdktf_cdktf_provider_aws.api_gateway_integration import ApiGatewayIntegration
from cdktf_cdktf_provider_aws.api_gateway_method import ApiGatewayMethod
from cdktf_cdktf_provider_aws.api_gateway_resource import ApiGatewayResource
from cdktf_cdktf_provider_aws.api_gateway_rest_api import ApiGatewayRestApi
from constructs import Construct

from constructs_lib.integration import Backend
from constructs_lib.routes import RouteDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route as a renderer gets it.

    Attributes:
        definition: What is known while synthesizing.
        backend: What Terraform resolves.
    """

    definition: RouteDefinition
    backend: Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRoute:
    """The resources of a route; None where the renderer makes none.

    Attributes:
        method: The `aws_api_gateway_method`.
        integration: The `aws_api_gateway_integration`.
    """

    method: ApiGatewayMethod | None = None
    integration: ApiGatewayIntegration | None = None


class Renderer(Protocol):
    """Makes Terraform resources from paths and routes."""

    def render_path(
        self, scope: Construct, *, parent: str, path_part: str, path: str
    ) -> ApiGatewayResource | None:
        """Makes what the path `path`, which is `path_part` below `parent`, needs, as a child of `scope`."""

    def render_route(self, scope: Construct, route: Route) -> RenderedRoute:
        """Makes what a route needs, as children of `scope`."""

    @property
    def awaited(self) -> tuple[TerraformResource, ...]:
        """What a deployment must wait for so that it takes a snapshot of the whole API."""


class ResourceRenderer:
    """One `aws_api_gateway_resource` for a path, a method and an integration for a route."""

    def __init__(self, rest_api: ApiGatewayRestApi) -> None:
        self._rest_api = rest_api
        self._resource_ids = {"/": rest_api.root_resource_id}
        self._awaited: list[TerraformResource] = []

    @property
    def awaited(self) -> tuple[TerraformResource, ...]:
        """See `Renderer`."""
        return tuple(self._awaited)

    def render_path(self, scope: Construct, *, parent: str, path_part: str, path: str) -> ApiGatewayResource:
        """See `Renderer`."""
        resource = ApiGatewayResource(
            scope,
            "Resource",
            rest_api_id=self._rest_api.id,
            parent_id=self._resource_ids[parent],
            path_part=path_part,
        )
        self._resource_ids[path] = resource.id
        return resource

    def render_route(self, scope: Construct, route: Route) -> RenderedRoute:
        """See `Renderer`."""
        definition = route.definition
        resource_id = self._resource_ids[definition.path]
        method = ApiGatewayMethod(
            scope,
            "Resource",
            rest_api_id=self._rest_api.id,
            resource_id=resource_id,
            http_method=definition.http_method,
            authorization=definition.authorization.type,
            request_parameters=dict(definition.request_parameters) or None,
        )
        integration = ApiGatewayIntegration(
            scope,
            "integration",
            rest_api_id=self._rest_api.id,
            resource_id=resource_id,
            http_method=method.http_method,
            type=definition.integration.type,
            integration_http_method=definition.integration.http_method,
            uri=route.backend.uri,
            timeout_milliseconds=definition.integration.timeout_ms,
        )
        self._awaited += (method, integration)
        return RenderedRoute(method=method, integration=integration)
