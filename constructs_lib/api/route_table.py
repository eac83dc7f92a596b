"""Route table: API Gateway's rules for paths and methods, checked when routes are added.

Each rule is one that API Gateway answers with a 400 during `terraform apply`, or that makes a route
unreachable without an error.
"""

from __future__ import annotations

import re
from typing import Final, get_args

from constructs_lib.checks import check_choice, check_known
from constructs_lib.errors import ConflictError, InvalidArgumentError, LimitExceededError
from constructs_lib.routes.definitions import HttpMethod, RouteDefinition

MAX_RESOURCES: Final = 300
"""API Gateway's quota of resources in one REST API. AWS raises it on request, for one region."""

_STATIC: Final = re.compile(r"[A-Za-z0-9._:-]+")
_VARIABLE: Final = re.compile(r"\{([A-Za-z0-9._:-]+)(\+?)\}")
_REQUEST_PARAMETER: Final = re.compile(r"method\.request\.(path|querystring|header)\.([A-Za-z0-9._$-]+)")
_SPECIFIC: Final = frozenset(get_args(HttpMethod)) - {"ANY"}
_RESERVED_PATHS: Final = ("/ping", "/sping")


class RouteTable:
    """Paths and routes of one REST API.

    Every method validates before it changes the table.
    """

    def __init__(self) -> None:
        self._children: dict[str, list[str]] = {"/": []}
        self._routes: dict[tuple[str, str], RouteDefinition] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths, `/` first, each after its parent."""
        return tuple(self._children)

    @property
    def routes(self) -> tuple[RouteDefinition, ...]:
        """Routes, in the order they were added."""
        return tuple(self._routes.values())

    def add_path(self, where: str, parent: str, path_part: str) -> str:
        """Add the path of `path_part` below `parent`, and return it.

        Raises:
            ConstructError: if API Gateway would refuse the path.
        """
        variable = check_path_part(where, path_part)
        path = join(parent, path_part)
        siblings = self._children[parent]
        if parent.endswith("+}"):
            raise ConflictError(
                where,
                f"'{parent}' already takes every path below it",
                "read the rest of the path in the handler, or add the resource to its parent",
            )
        if path_part in siblings:
            raise ConflictError(where, f"'{path}' exists already", f"use resource_for('{path}')")
        if variable is not None:
            self._check_variable(where, parent, path_part, variable)
        if path in _RESERVED_PATHS:
            raise ConflictError(
                where, f"API Gateway answers '{path}' itself", "choose another path, such as /health"
            )
        if len(self._children) >= MAX_RESOURCES:
            raise LimitExceededError(
                where,
                f"a REST API holds at most {MAX_RESOURCES} resources, its root included, and this would be one more",
                "let one {proxy+} resource take several paths, or divide the API",
            )
        siblings.append(path_part)
        self._children[path] = []
        return path

    def add_route(self, where: str, route: RouteDefinition) -> None:
        """Add a route to a path that exists.

        Raises:
            ConstructError: if API Gateway would refuse the route or never reach it.
        """
        check_choice(where, "http_method", route.http_method, HttpMethod)
        if route.key in self._routes:
            raise ConflictError(
                where,
                f"'{route.path}' has a method {route.http_method} already",
                "remove one of the two",
            )
        methods = {method for path, method in self._routes if path == route.path} | {route.http_method}
        if methods > _SPECIFIC:
            raise ConflictError(
                where,
                f"'{route.path}' has a method for every HTTP method, so ANY is never reached",
                "remove ANY, or the methods that ANY can answer",
            )
        for name, required in route.request_parameters:
            _check_request_parameter(where, route, name, required)
        self._routes[route.key] = route

    def _check_variable(self, where: str, parent: str, path_part: str, name: str) -> None:
        for sibling in self._children[parent]:
            if sibling.startswith("{"):
                raise ConflictError(
                    where,
                    f"'{parent}' has the variable '{sibling}' already, and API Gateway allows one",
                    f"use '{sibling}' for both, or tell '{path_part}' apart by a fixed part before it",
                )
        if name in variables(parent):
            raise ConflictError(
                where, f"'{parent}' has a variable '{name}' already", "give this one another name"
            )


def check_path_part(where: str, path_part: str) -> str | None:
    """Check one part of a path; return the name of its variable, None for a fixed part."""
    check_known(where, "path_part", path_part)
    if not path_part:
        raise InvalidArgumentError(where, "path_part is empty", "use api.root for the root")
    if "/" in path_part:
        raise InvalidArgumentError(
            where,
            f"path_part {path_part!r} has a '/'",
            "add one resource per path segment, or use resource_for",
        )
    if path_part in (".", ".."):
        raise InvalidArgumentError(
            where, f"path_part {path_part!r} never reaches API Gateway: clients resolve it", "name it"
        )
    if _STATIC.fullmatch(path_part):
        return None
    variable = _VARIABLE.fullmatch(path_part)
    if variable is None:
        raise InvalidArgumentError(
            where,
            f"path_part {path_part!r} is not valid",
            "use letters, digits and '._:-', or one variable as '{name}' or '{name+}'",
        )
    return variable[1]


def split_path(where: str, path: str) -> tuple[str, ...]:
    """Split a path such as `/orders/{id}` into its parts; `/` has none.

    Raises:
        InvalidArgumentError: if the path does not start with `/`, ends with one or has an empty part.
    """
    check_known(where, "path", path)
    if not path.startswith("/"):
        raise InvalidArgumentError(
            where, f"path {path!r} does not start with '/'", "write it as '/orders/{id}'"
        )
    if path == "/":
        return ()
    parts = tuple(path[1:].split("/"))
    if "" in parts:
        raise InvalidArgumentError(
            where, f"path {path!r} has an empty part", "remove the '/' at its end or the second of two"
        )
    return parts


def join(parent: str, path_part: str) -> str:
    """Return the path of `path_part` below `parent`."""
    return f"{parent.rstrip('/')}/{path_part}"


def variables(path: str) -> tuple[str, ...]:
    """Return the names of the variables in a path."""
    return tuple(name for name, _ in _VARIABLE.findall(path))


def wildcard_path(path: str) -> str:
    """Return the path as an ARN pattern: a `*` for each variable."""
    return _VARIABLE.sub("*", path)


def _check_request_parameter(where: str, route: RouteDefinition, name: str, required: bool) -> None:
    parameter = _REQUEST_PARAMETER.fullmatch(name)
    if parameter is None:
        raise InvalidArgumentError(
            where,
            f"request parameter {name!r} is not valid",
            "write it as 'querystring.NAME', 'header.NAME' or 'path.NAME', with or without 'method.request.' before",
        )
    location, short = parameter.groups()
    if location == "path" and short not in variables(route.path):
        raise InvalidArgumentError(
            where,
            f"request parameter {name!r} names no variable of '{route.path}'",
            f"add '{{{short}}}' to the path",
        )
    if location != "path" and required and not route.validated:
        raise InvalidArgumentError(
            where,
            f"request parameter {name!r} is required, which API Gateway ignores without a request validator",
            "set it to False and check it in the handler",
        )
