"""API Gateway's rules for paths and methods, with the full text of every error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.api.route_table import RouteTable, join, split_path, variables, wildcard_path
from constructs_lib.errors import ConflictError, ConstructError, InvalidArgumentError, LimitExceededError
from constructs_lib.routes.definitions import (
    AuthorizationDefinition,
    HttpMethod,
    IntegrationDefinition,
    RouteDefinition,
)


def route(path: str, http_method: HttpMethod, parameters: dict[str, bool] | None = None) -> RouteDefinition:
    return RouteDefinition(
        path=path,
        http_method=http_method,
        authorization=AuthorizationDefinition(type="NONE"),
        integration=IntegrationDefinition(type="AWS_PROXY", target="f", http_method="POST", timeout_ms=50),
        request_parameters=tuple((parameters or {}).items()),
    )


def table_of(*paths: str) -> RouteTable:
    table = RouteTable()
    for path in paths:
        parent, _, part = path.rpartition("/")
        table.add_path("api", parent or "/", part)
    return table


def refused(act: Callable[[], object]) -> tuple[type[ConstructError], str]:
    with pytest.raises(ConstructError) as refusal:
        act()
    return type(refusal.value), str(refusal.value)


@pytest.mark.parametrize(
    "part", ["orders", "v1.2", "a:b", "_x-y", "{id}", "{proxy+}", "{a.b-c_d}", "...", "0"]
)
def test_path_parts_that_api_gateway_takes(part: str) -> None:
    assert table_of(f"/{part}").paths == ("/", f"/{part}")


NOT_VALID = "use letters, digits and '._:-', or one variable as '{name}' or '{name+}'"


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ("", "path_part is empty; use api.root for the root"),
        ("a/b", "path_part 'a/b' has a '/'; add one resource per path segment, or use resource_for"),
        ("..", "path_part '..' never reaches API Gateway: clients resolve it; name it"),
        ("a b", f"path_part 'a b' is not valid; {NOT_VALID}"),
        ("{id", f"path_part '{{id' is not valid; {NOT_VALID}"),
        ("id}", f"path_part 'id}}' is not valid; {NOT_VALID}"),
        ("{}", f"path_part '{{}}' is not valid; {NOT_VALID}"),
        ("{+}", f"path_part '{{+}}' is not valid; {NOT_VALID}"),
        ("{a}{b}", f"path_part '{{a}}{{b}}' is not valid; {NOT_VALID}"),
        ("x{id}", f"path_part 'x{{id}}' is not valid; {NOT_VALID}"),
        ("{id}\n", f"path_part '{{id}}\\n' is not valid; {NOT_VALID}"),
        ("caf\u00e9", f"path_part 'caf\u00e9' is not valid; {NOT_VALID}"),
        (None, "path_part None is not a string; pass a string"),
        (
            "${TfToken[TOKEN.3]}",
            (
                "path_part is a reference, which only Terraform can resolve; pass a plain string: names, paths and routes must be known at synth"
            ),
        ),
    ],
)
def test_path_parts_that_are_refused(part: str, problem: str) -> None:
    table = RouteTable()
    assert refused(lambda: table.add_path("shop/api", "/", part)) == (
        InvalidArgumentError,
        f"shop/api: {problem}",
    )
    assert table.paths == ("/",)


@pytest.mark.parametrize(
    ("existing", "parent", "part", "problem"),
    [
        (["/a"], "/", "a", "'/a' exists already; use resource_for('/a')"),
        (
            ["/{id}"],
            "/",
            "{name}",
            (
                "'/' has the variable '{id}' already, and API Gateway allows one; use '{id}' for both, or tell '{name}' "
                "apart by a fixed part before it"
            ),
        ),
        (
            ["/{id}"],
            "/",
            "{proxy+}",
            (
                "'/' has the variable '{id}' already, and API Gateway allows one; use '{id}' for both, or tell "
                "'{proxy+}' apart by a fixed part before it"
            ),
        ),
        (
            ["/{proxy+}"],
            "/{proxy+}",
            "a",
            (
                "'/{proxy+}' already takes every path below it; read the rest of the path in the handler, or add the "
                "resource to its parent"
            ),
        ),
        (
            ["/{id}", "/{id}/a"],
            "/{id}/a",
            "{id}",
            "'/{id}/a' has a variable 'id' already; give this one another name",
        ),
        ([], "/", "ping", "API Gateway answers '/ping' itself; choose another path, such as /health"),
        ([], "/", "sping", "API Gateway answers '/sping' itself; choose another path, such as /health"),
    ],
)
def test_paths_that_exclude_each_other(existing: list[str], parent: str, part: str, problem: str) -> None:
    table = table_of(*existing)
    assert refused(lambda: table.add_path("shop/api", parent, part)) == (
        ConflictError,
        f"shop/api: {problem}",
    )
    assert table.paths == ("/", *existing)


def test_fixed_parts_and_one_variable_go_together() -> None:
    paths = ("/ping2", "/a", "/a/ping", "/{id}", "/{id}/{name}", "/a/{other}", "/a/{other}/{rest+}")
    assert table_of(*paths).paths == ("/", *paths)


def test_300_resources_are_the_most() -> None:
    table = table_of(*(f"/r{number}" for number in range(299)))
    assert refused(lambda: table.add_path("shop/api", "/", "one-more")) == (
        LimitExceededError,
        (
            "shop/api: a REST API holds at most 300 resources, its root included, and this would be one more; let one "
            "{proxy+} resource take several paths, or divide the API"
        ),
    )


def test_any_goes_with_methods_of_its_own() -> None:
    table = table_of("/a")
    methods: tuple[HttpMethod, ...] = ("ANY", "GET", "POST")
    for http_method in methods:
        table.add_route("api", route("/a", http_method))
    table.add_route("api", route("/", "GET"))
    assert [one.key for one in table.routes] == [("/a", "ANY"), ("/a", "GET"), ("/a", "POST"), ("/", "GET")]


@pytest.mark.parametrize("last", ["ANY", "PUT"])
def test_any_that_is_never_reached(last: HttpMethod) -> None:
    every: tuple[HttpMethod, ...] = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    table = RouteTable()
    for http_method in every:
        if http_method != last:
            table.add_route("api", route("/", http_method))
    assert refused(lambda: table.add_route("shop/api/ANY", route("/", last))) == (
        ConflictError,
        (
            "shop/api/ANY: '/' has a method for every HTTP method, so ANY is never reached; remove ANY, or the methods that ANY can answer"
        ),
    )


def test_a_method_twice() -> None:
    table = RouteTable()
    table.add_route("api", route("/", "GET"))
    assert refused(lambda: table.add_route("shop/api/GET", route("/", "GET"))) == (
        ConflictError,
        "shop/api/GET: '/' has a method GET already; remove one of the two",
    )
    assert len(table.routes) == 1


def test_a_method_that_http_does_not_know() -> None:
    assert refused(lambda: RouteTable().add_route("shop/api", route("/", "get"))) == (  # type: ignore[arg-type]
        InvalidArgumentError,
        (
            "shop/api: http_method 'get' is unknown; choose 'ANY', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', "
            "'POST' or 'PUT'"
        ),
    )


@pytest.mark.parametrize(
    ("name", "required", "problem"),
    [
        (
            "querystring.page",
            False,
            (
                "request parameter 'querystring.page' is not valid; write it as 'querystring.NAME', 'header.NAME' or "
                "'path.NAME', with or without 'method.request.' before"
            ),
        ),
        (
            "method.request.path.name",
            True,
            "request parameter 'method.request.path.name' names no variable of '/{id}'; add '{name}' to the path",
        ),
        (
            "method.request.header.X-Tenant",
            True,
            (
                "request parameter 'method.request.header.X-Tenant' is required, which API Gateway ignores without a "
                "request validator; set it to False and check it in the handler"
            ),
        ),
    ],
)
def test_request_parameters_that_are_refused(name: str, required: bool, problem: str) -> None:
    table = table_of("/{id}")
    assert refused(lambda: table.add_route("shop/api", route("/{id}", "GET", {name: required}))) == (
        InvalidArgumentError,
        f"shop/api: {problem}",
    )
    assert table.routes == ()


def test_request_parameters_that_api_gateway_takes() -> None:
    table = table_of("/{id}")
    parameters = {"method.request.path.id": True, "method.request.querystring.page": False}
    table.add_route("api", route("/{id}", "GET", parameters))
    assert dict(table.routes[0].request_parameters) == parameters


@pytest.mark.parametrize(
    ("path", "parts"), [("/", ()), ("/a", ("a",)), ("/a/{id}/{rest+}", ("a", "{id}", "{rest+}"))]
)
def test_paths_are_divided_at_slashes(path: str, parts: tuple[str, ...]) -> None:
    assert split_path("api", path) == parts


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("a", "path 'a' does not start with '/'; write it as '/orders/{id}'"),
        ("", "path '' does not start with '/'; write it as '/orders/{id}'"),
        ("/a/", "path '/a/' has an empty part; remove the '/' at its end or the second of two"),
        ("//a", "path '//a' has an empty part; remove the '/' at its end or the second of two"),
        (7, "path 7 is not a string; pass a string"),
    ],
)
def test_paths_that_are_refused(path: str, problem: str) -> None:
    assert refused(lambda: split_path("shop/api", path)) == (InvalidArgumentError, f"shop/api: {problem}")


@given(st.lists(st.from_regex(r"[a-z0-9._:-]{1,5}|\{[a-z]{1,5}\+?\}", fullmatch=True), max_size=5))
def test_dividing_undoes_joining(parts: list[str]) -> None:
    path = "/"
    for part in parts:
        path = join(path, part)
    assert split_path("api", path) == tuple(parts)


@pytest.mark.parametrize(
    ("path", "names", "pattern"),
    [
        ("/", (), "/"),
        ("/orders/{id}", ("id",), "/orders/*"),
        ("/{a}/x/{b.c}/{rest+}", ("a", "b.c", "rest"), "/*/x/*/*"),
    ],
)
def test_variables_and_arn_patterns(path: str, names: tuple[str, ...], pattern: str) -> None:
    assert (variables(path), wildcard_path(path)) == (names, pattern)
