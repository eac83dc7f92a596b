"""A path of a REST API: a tree with one construct for each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from cdktf_cdktf_provider_aws.api_gateway_resource import ApiGatewayResource
from constructs import Construct

from constructs_lib.api_context import ApiContext
from constructs_lib.authorization import Authorization
from constructs_lib.checks import check_choice
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.integration import Integration
from constructs_lib.method import Method
from constructs_lib.route_table import check_path_part, split_path
from constructs_lib.routes import HttpMethod, RouteDefinition

ROOT_ID: Final = "Default"
"""The root's id, which cdktf leaves out of Terraform's addresses."""

_TAKEN_IDS: Final = frozenset({ROOT_ID, "Resource", *get_args(HttpMethod)})


class Resource(Construct):
    """A path (`aws_api_gateway_resource`), made by `add_resource` and `resource_for`; the root exists with the API.

    Example:
        >>> order = api.root.add_resource("orders").add_resource("{id}")
        >>> order.path
        '/orders/{id}'
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, api: ApiContext, parent: Resource | None, path_part: str
    ) -> None:
        where: str = scope.node.path if parent is None else f"{parent._where}/{path_part}"
        path = "/" if parent is None else api.table.add_path(where, parent.path, path_part)
        super().__init__(scope, construct_id)
        self._where: str = where
        self._api = api
        self._path = path
        self._children: dict[str, Resource] = {}
        self._methods: dict[str, Method] = {}
        self._resource = (
            None
            if parent is None
            else api.renderer.render_path(self, parent=parent.path, path_part=path_part, path=path)
        )

    @property
    def path(self) -> str:
        """The path from the root, such as `/orders/{id}`."""
        return self._path

    @property
    def methods(self) -> tuple[Method, ...]:
        """Its methods, in the order they were added."""
        return tuple(self._methods.values())

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The paths that are one part longer, in the order they were added."""
        return tuple(self._children.values())

    @property
    def resource(self) -> ApiGatewayResource | None:
        """The `aws_api_gateway_resource`; None for the root, or where the API is not rendered as resources."""
        return self._resource

    def add_resource(self, path_part: str) -> Resource:
        """Adds the path that is one part longer.

        Args:
            path_part: A fixed part (`orders`), a variable (`{id}`), or a variable that takes the whole rest of
                the path (`{proxy+}`).

        Raises:
            ConstructError: if API Gateway would refuse the path.
        """
        check_path_part(f"{self._where}/{path_part}", path_part)
        child = Resource(self, _id_of(path_part), api=self._api, parent=self, path_part=path_part)
        self._children[path_part] = child
        return child

    def resource_for(self, path: str) -> Resource:
        """Returns the resource of a path below this one, and adds what is missing of it.

        Args:
            path: The path from here, such as `/orders/{id}`; `/` is this resource.

        Raises:
            ConstructError: if API Gateway would refuse the path.
        """
        resource = self
        for part in split_path(self._where, path):
            resource = resource._children.get(part) or resource.add_resource(part)
        return resource

    def add_method(
        self,
        http_method: HttpMethod,
        integration: Integration,
        *,
        authorization: Authorization | None = None,
        request_parameters: Mapping[str, bool] | None = None,
    ) -> Method:
        """Adds a method.

        Beside a method for `ANY` there may be others, which then answer in its place.

        Args:
            http_method: The HTTP method, or `ANY`.
            integration: What answers it.
            authorization: Who may call it. Left out, the API's `default_authorization`; one of them is needed.
            request_parameters: The parameters that the method declares, by API Gateway's name for them
                (`method.request.querystring.limit`), and whether each is required. Left out, none.

        Raises:
            ConstructError: if API Gateway would refuse the method, or nobody said who may call it.
        """
        where = f"{self._where}/{http_method}"
        check_choice(where, "http_method", http_method, HttpMethod)
        allowed = authorization or self._api.default_authorization
        if allowed is None:
            raise InvalidArgumentError(
                where,
                "nothing says who may call it",
                "pass authorization=IamAuthorization(), or authorization=Public() if anybody may",
            )
        for argument, value, needed, remedy in (
            ("integration", integration, "bind", "pass LambdaIntegration(function)"),
            ("authorization", allowed, "definition", "pass Public() or IamAuthorization()"),
        ):
            if not hasattr(value, needed):
                raise InvalidArgumentError(where, f"{argument} is of type {type(value).__name__}", remedy)
        definition = RouteDefinition(
            path=self._path,
            http_method=http_method,
            authorization=allowed.definition(),
            integration=integration.definition(where, self, self._api.caller(self._path, http_method)),
            request_parameters=tuple((request_parameters or {}).items()),
        )
        self._api.table.add_route(where, definition)
        method = Method(self, http_method, api=self._api, route=definition, integration=integration)
        self._methods[http_method] = method
        return method


def _id_of(path_part: str) -> str:
    if path_part.startswith("{"):
        # API Gateway allows one variable here. With one address for all names, Terraform renames it in place;
        # else it would make the new one beside the old one, which is refused.
        return "{variable}"
    return f"path={path_part}" if path_part in _TAKEN_IDS else path_part
