"""State that the parts of one REST API share: routes, models, authorizers and listeners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from cdktf import TerraformResource
from constructs import Construct

from constructs_lib.api.integration import Backend, Caller
from constructs_lib.api.openapi_document import DocumentedRoute
from constructs_lib.api.rendering import RenderedRoute, Renderer, Route
from constructs_lib.api.route_table import RouteTable
from constructs_lib.authorization.authorizer import Authorizer, AuthorizerSettings
from constructs_lib.errors import ConflictError, LimitExceededError
from constructs_lib.routes.definitions import (
    AuthorizerDefinition,
    GatewayResponseDefinition,
    HttpMethod,
    IntegrationDefinition,
    ModelDefinition,
)
from constructs_lib.stacks import note_place

MAX_AUTHORIZERS: Final = 10
"""API Gateway's quota of authorizers in one REST API; it can be raised on request."""


class ApiContext:
    """Routes of one REST API, their renderer, and the listeners for changes."""

    def __init__(self, api: Construct, *, execution_arn: str, renderer: Renderer) -> None:
        self.table = RouteTable()
        self.renderer = renderer
        self.planned_stages: set[str] = set()
        """The names of the stages that a usage plan is for."""
        self.keys_in_plans: set[tuple[str, str]] = set()
        """The path of each API key, and the name of each stage that a usage plan makes it good for."""
        self.documentation: dict[tuple[str, str], DocumentedRoute] = {}
        """The documentation of the routes, by their keys."""
        self.tags: dict[str, str] = {}
        """A sentence on each tag of the documentation, by its name."""
        self.stages: dict[str, str] = {}
        """A sentence on each stage, by its name."""
        self.gateway_responses: tuple[GatewayResponseDefinition, ...] = ()
        self.error_schema: Mapping[str, Any] | None = None
        """JSON schema of the gateway responses; None without them."""
        self.before_routes: Callable[[], None] = lambda: None
        """Creates what the API needs before its first route."""
        self.endpoint_closed = False
        """Whether the API's AWS host name is disabled."""
        self.authorizers_name_keys = False
        """Whether Lambda authorizers name the API key of a request, and not the caller."""
        self.compresses = False
        """Whether responses are compressed."""
        self.cached_stages: set[str] = set()
        """The names of the stages that cache responses."""
        self._api = api
        self._execution_arn = execution_arn
        self._authorizers: dict[str, Authorizer] = {}
        self._models: dict[str, ModelDefinition] = {}
        self._has_validator = False
        self._backends: list[Backend] = []
        self._listeners: list[Callable[[], None]] = []

    @property
    def parts(self) -> tuple[TerraformResource, ...]:
        """The API's own resources, which must exist before a deployment takes its snapshot."""
        return self.renderer.awaited

    @property
    def backends(self) -> tuple[TerraformResource, ...]:
        """Permissions, state machines and policies that must exist before a stage serves the API."""
        return (
            *(one for authorizer in self._authorizers.values() for one in authorizer.permissions),
            *(one for backend in self._backends for one in backend.awaited),
        )

    @property
    def origins(self) -> tuple[TerraformResource, ...]:
        """Resources whose replacement redeploys the API, even if its definition is the same."""
        authorizers = (one for authorizer in self._authorizers.values() for one in authorizer.origins)
        return (*authorizers, *(one for backend in self._backends for one in backend.origins))

    @property
    def references(self) -> tuple[str, ...]:
        """References whose new values redeploy the API, even if its definition is the same."""
        authorizers = (one for authorizer in self._authorizers.values() for one in authorizer.references)
        return tuple(
            dict.fromkeys((*authorizers, *(one for backend in self._backends for one in backend.references)))
        )

    @property
    def authorizers(self) -> Mapping[str, Authorizer]:
        """The authorizers by name, in the order they were added."""
        return MappingProxyType(self._authorizers)

    @property
    def models(self) -> tuple[ModelDefinition, ...]:
        """The models, in the order they were added."""
        return tuple(self._models.values())

    def caller(self, path: str, http_method: HttpMethod) -> Caller:
        """Return a method as its integration sees it."""
        return Caller(api_execution_arn=self._execution_arn, path=path, http_method=http_method)

    def add_gateway_responses(
        self, definitions: Sequence[GatewayResponseDefinition], error_schema: Mapping[str, Any]
    ) -> None:
        """Create the gateway responses, once."""
        self.gateway_responses = tuple(definitions)
        self.error_schema = error_schema
        for definition in definitions:
            # No path is called so: a '=' is not valid in one.
            self.renderer.render_gateway_response(
                self._part(f"gateway-response={definition.response_type}"), definition
            )
        self.changed()

    def begin(self) -> None:
        """Create what the API needs before its first route; nothing the second time."""
        create, self.before_routes = self.before_routes, lambda: None
        create()

    def check_authorizer(self, where: str, settings: AuthorizerSettings) -> AuthorizerDefinition:
        """Check that the API can have an authorizer, and return it as data.

        Raises:
            ConstructError: if it cannot, or has another one of that name.
        """
        definition = settings.authorizer(where, self._api)
        existing = self._authorizers.get(definition.name)
        if existing is not None and existing.definition != definition:
            raise ConflictError(
                where,
                f"the API has another authorizer '{definition.name}' already",
                "use that one, or give this one another name",
            )
        if existing is None and len(self._authorizers) >= MAX_AUTHORIZERS:
            raise LimitExceededError(
                where,
                f"a REST API has at most {MAX_AUTHORIZERS} authorizers, and '{definition.name}' would be one more",
                "let one decide for several methods, or divide the API",
            )
        return definition

    def add_authorizer(self, definition: AuthorizerDefinition, settings: AuthorizerSettings) -> None:
        """Create an authorizer that was checked, unless it exists."""
        if definition.name not in self._authorizers:
            self._authorizers[definition.name] = Authorizer(
                self._api,
                # No path is called so: a '=' is not valid in one.
                f"authorizer={definition.name}",
                definition=definition,
                execution_arn=self._execution_arn,
                settings=settings,
                renderer=self.renderer,
            )

    def check_integration(self, where: str, scope: Construct, definition: IntegrationDefinition) -> None:
        """Check that the API can have an integration.

        Args:
            where: The path of the method.
            scope: The resource that gets the method.
            definition: The integration.

        Raises:
            ConflictError: It streams its response, and the API compresses, caches, or is written in a form that the
                provider might not know.
        """
        if not definition.streamed:
            return
        if self.compresses:
            raise ConflictError(
                where,
                "API Gateway cannot compress a response that it streams",
                "leave minimum_compression_bytes of the API out, or add the route to another API",
            )
        for stage in sorted(self.cached_stages):
            raise ConflictError(
                where,
                f"stage '{stage}' caches responses, and API Gateway cannot cache a response that it streams",
                "leave cache of the stage out, or add the route to another API",
            )
        self.renderer.check_integration(where, scope, definition)

    def check_cache(self, where: str) -> None:
        """Check that a stage can cache the API's responses.

        Raises:
            ConflictError: A route streams its response.
        """
        for route in self.table.routes:
            if route.integration.streamed:
                raise ConflictError(
                    where,
                    f"{route.http_method} {route.path} streams its response, and API Gateway cannot cache it",
                    "leave cache out, or move the route to another API",
                )

    def check_model(self, where: str, definition: ModelDefinition) -> None:
        """Check that the API can have a model.

        Raises:
            ConflictError: if it has another one of that name, or AWS would drop a part of it.
        """
        self.renderer.check_model(where, definition)
        if self._models.get(definition.name, definition) != definition:
            raise ConflictError(
                where,
                f"the API has another model '{definition.name}' already",
                "give one of the two classes another name",
            )

    def add_model(self, definition: ModelDefinition) -> None:
        """Create a model that was checked, unless it exists."""
        if definition.name not in self._models:
            self._models[definition.name] = definition
            self.renderer.render_model(self._part(f"model={definition.name}"), definition)

    def add_validator(self) -> None:
        """Create the request validator, unless it exists; all methods share it."""
        if not self._has_validator:
            self._has_validator = True
            self.renderer.render_validator(self._part("request-validator="))

    def render_route(self, scope: Construct, route: Route) -> RenderedRoute:
        """Create the resources of a route that the table accepted, and notify the listeners."""
        rendered = self.renderer.render_route(scope, route)
        self._backends.append(route.backend)
        self.changed()
        return rendered

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` now, and after each change of the API."""
        self._listeners.append(listener)
        listener()

    def changed(self) -> None:
        """Notify the listeners that the API changed."""
        self.renderer.finish()
        for listener in self._listeners:
            listener()

    def _part(self, construct_id: str) -> Construct:
        part = Construct(self._api, construct_id)
        note_place(part, self._api, construct_id)
        return part
