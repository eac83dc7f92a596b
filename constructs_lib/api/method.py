"""One HTTP method of one path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from constructs_lib.api.api_context import ApiContext
from constructs_lib.api.integration import Integration
from constructs_lib.api.rendering import Route
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.routes.definitions import RouteDefinition

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.api_gateway_integration import ApiGatewayIntegration
    from cdktf_cdktf_provider_aws.api_gateway_method import ApiGatewayMethod


class Method(AwsConstruct):
    """A method of a REST API (`aws_api_gateway_method`, `aws_api_gateway_integration`); see `Resource.add_method`.

    Example:
        >>> method = api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
        >>> method.http_method, method.path
        ('GET', '/')
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: ApiContext,
        route: RouteDefinition,
        integration: Integration,
    ) -> None:
        super().__init__(scope, construct_id)
        self._definition = route
        self._integration = integration
        backend = integration.bind(self, api.caller(route.path, route.http_method))
        self._rendered = api.render_route(self, Route(definition=route, backend=backend))

    @property
    def definition(self) -> RouteDefinition:
        """The method as data."""
        return self._definition

    @property
    def http_method(self) -> str:
        """HTTP method, or `ANY`."""
        return self._definition.http_method

    @property
    def path(self) -> str:
        """Path of its resource, such as `/orders/{id}`."""
        return self._definition.path

    @property
    def integration(self) -> Integration:
        """Integration that answers the requests."""
        return self._integration

    @property
    def resource(self) -> ApiGatewayMethod | None:
        """The `aws_api_gateway_method`; None where the API is not rendered as one resource per method."""
        return self._rendered.method

    @property
    def integration_resource(self) -> ApiGatewayIntegration | None:
        """The `aws_api_gateway_integration`; None where the API is not rendered as one resource per method."""
        return self._rendered.integration
