"""What the parts of one REST API share, so that they need not know each other."""

from __future__ import annotations

from collections.abc import Callable

from cdktf import TerraformResource
from constructs import Construct

from constructs_lib.authorization import Authorization
from constructs_lib.integration import Backend, Caller
from constructs_lib.rendering import RenderedRoute, Renderer, Route
from constructs_lib.route_table import RouteTable
from constructs_lib.routes import HttpMethod


class ApiContext:
    """The routes of one REST API, how they become resources, and who wants to know of changes."""

    def __init__(
        self, *, execution_arn: str, renderer: Renderer, default_authorization: Authorization | None
    ) -> None:
        self.table = RouteTable()
        self.renderer = renderer
        self.default_authorization = default_authorization
        self._execution_arn = execution_arn
        self._backends: list[Backend] = []
        self._listeners: list[Callable[[], None]] = []

    @property
    def awaited(self) -> tuple[TerraformResource, ...]:
        """What must exist before a deployment takes its snapshot and serves it."""
        return (*self.renderer.awaited, *(one for backend in self._backends for one in backend.awaited))

    def caller(self, path: str, http_method: HttpMethod) -> Caller:
        """Returns a method as its integration sees it."""
        return Caller(api_execution_arn=self._execution_arn, path=path, http_method=http_method)

    def render_route(self, scope: Construct, route: Route) -> RenderedRoute:
        """Makes the resources of a route that the table accepted, and tells who listens."""
        rendered = self.renderer.render_route(scope, route)
        self._backends.append(route.backend)
        for listener in self._listeners:
            listener()
        return rendered

    def on_change(self, listener: Callable[[], None]) -> None:
        """Calls `listener` now, and after each route that is added."""
        self._listeners.append(listener)
        listener()
