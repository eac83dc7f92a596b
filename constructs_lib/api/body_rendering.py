"""Renderer of APIs with `definition="openapi"`: all routes in one `body`.

It creates no resource for a path or a route. It collects the references that only Terraform can resolve, and
writes the whole document again after each change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cdktf import TerraformResource
from constructs import Construct

from constructs_lib.api.openapi_body import check_importable, openapi_body
from constructs_lib.api.rendering import RenderedRoute, Route
from constructs_lib.authorization.authorizer import AuthorizerBackend
from constructs_lib.routes.definitions import (
    ApiDefinition,
    AuthorizerDefinition,
    GatewayResponseDefinition,
    IntegrationDefinition,
    ModelDefinition,
)

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.api_gateway_rest_api import ApiGatewayRestApi


class BodyRenderer:
    """The whole API in the `body` of its `aws_api_gateway_rest_api`.

    Args of the constructor:
        rest_api: The API that gets the body.
        name: The API's name in AWS.
        description: Description in AWS.
        definition: Returns the API as it is at that moment.
    """

    def __init__(
        self,
        rest_api: ApiGatewayRestApi,
        *,
        name: str,
        description: str,
        definition: Callable[[], ApiDefinition],
    ) -> None:
        self._rest_api = rest_api
        self._name = name
        self._description = description
        self._definition = definition
        self._uris: dict[tuple[str, str], str | None] = {}
        self._credentials: dict[tuple[str, str], str] = {}
        self._authorizers: dict[str, AuthorizerBackend] = {}
        # API Gateway removes what the body does not contain.
        rest_api.put_rest_api_mode = "overwrite"

    @property
    def awaited(self) -> tuple[TerraformResource, ...]:
        """See `Renderer`; a deployment waits for its API in any case."""
        return ()

    def finish(self) -> None:
        """See `Renderer`."""
        self._rest_api.body = openapi_body(
            self._definition(),
            name=self._name,
            description=self._description,
            uris=self._uris,
            credentials=self._credentials,
            authorizers=self._authorizers,
        )

    def check_model(self, where: str, definition: ModelDefinition) -> None:
        """See `Renderer`."""
        check_importable(where, definition.name, definition.schema)

    def check_integration(self, where: str, scope: Construct, definition: IntegrationDefinition) -> None:
        """See `Renderer`; to the provider a body is text."""

    def render_path(self, scope: Construct, *, parent: str, path_part: str, path: str) -> None:
        """See `Renderer`."""

    def render_route(self, scope: Construct, route: Route) -> RenderedRoute:  # noqa: ARG002
        """See `Renderer`."""
        self._uris[route.definition.key] = route.backend.uri
        if route.backend.credentials is not None:
            self._credentials[route.definition.key] = route.backend.credentials
        return RenderedRoute()

    def render_authorizer(
        self,
        scope: Construct,  # noqa: ARG002
        definition: AuthorizerDefinition,
        backend: AuthorizerBackend,
    ) -> None:
        """See `AuthorizerRenderer`."""
        self._authorizers[definition.name] = backend

    def render_gateway_response(self, scope: Construct, definition: GatewayResponseDefinition) -> None:
        """See `Renderer`."""

    def render_model(self, scope: Construct, definition: ModelDefinition) -> None:
        """See `Renderer`."""

    def render_validator(self, scope: Construct) -> None:
        """See `Renderer`."""
