"""Routes are found as API Gateway finds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.gateway.routing import Router

ROUTES = [
    ("/", "GET"),
    ("/pets", "GET"),
    ("/pets", "POST"),
    ("/pets/{id}", "GET"),
    ("/pets/{id}", "ANY"),
    ("/pets/mine", "GET"),
    ("/pets/{id}/toys", "GET"),
    ("/pets/mine/{proxy+}", "POST"),
    ("/pets/{proxy+}", "ANY"),
    ("/a/b/c", "GET"),
    ("/a/{x}/d", "GET"),
    ("/files/{path+}", "GET"),
]


@pytest.fixture(scope="module")
def router() -> Router[str]:
    return Router((path, method, f"{method} {path}") for path, method in ROUTES)


@pytest.mark.parametrize(
    ("method", "path", "target", "parameters"),
    [
        ("GET", "/", "GET /", {}),
        ("GET", "", "GET /", {}),
        ("GET", "///", "GET /", {}),
        ("GET", "/pets", "GET /pets", {}),
        ("GET", "/pets/", "GET /pets", {}),
        ("GET", "//pets", "GET /pets", {}),
        ("GET", "/%70ets", "GET /pets", {}),
        ("POST", "/pets", "POST /pets", {}),
        ("GET", "/pets/7", "GET /pets/{id}", {"id": "7"}),
        ("DELETE", "/pets/7", "ANY /pets/{id}", {"id": "7"}),
        ("GET", "/pets/a%2Fb", "GET /pets/{id}", {"id": "a%2Fb"}),
        ("GET", "/pets/mine", "GET /pets/mine", {}),
        # the most specific resource lacks the method: the next one answers
        ("PUT", "/pets/mine", "ANY /pets/{id}", {"id": "mine"}),
        ("GET", "/pets/mine/toys", "GET /pets/{id}/toys", {"id": "mine"}),
        ("POST", "/pets/mine/toys", "POST /pets/mine/{proxy+}", {"proxy": "toys"}),
        ("PUT", "/pets/mine/toys", "ANY /pets/{proxy+}", {"proxy": "mine/toys"}),
        ("PATCH", "/pets/1/2/3", "ANY /pets/{proxy+}", {"proxy": "1/2/3"}),
        ("GET", "/a/b/c", "GET /a/b/c", {}),
        ("GET", "/a/b/d", "GET /a/{x}/d", {"x": "b"}),
        ("GET", "/files/x//y%2Bz/", "GET /files/{path+}", {"path": "x//y%2Bz"}),
        ("GET", "/files//x", "GET /files/{path+}", {"path": "/x"}),
        ("HEAD", "/pets/7", "ANY /pets/{id}", {"id": "7"}),
        ("OPTIONS", "/pets/7/x", "ANY /pets/{proxy+}", {"proxy": "7/x"}),
    ],
)
def test_finds(router: Router[str], method: str, path: str, target: str, parameters: dict[str, str]) -> None:
    assert router.find(path, method) == (target, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("PUT", "/"),
        ("DELETE", "/pets"),
        ("GET", "/Pets"),
        ("GET", "/files"),
        ("GET", "/files/"),
        ("HEAD", "/a/b/c"),
        ("GET", "/a//d"),
        ("TRACE", "/pets/7"),
        ("get", "/pets"),
        ("ANY", "/pets/7"),
    ],
)
def test_finds_nothing(router: Router[str], method: str, path: str) -> None:
    assert router.find(path, method) is None


@given(
    st.lists(st.text(alphabet="abc{}+%2F.", max_size=4), max_size=8), st.sampled_from(["GET", "POST", "BREW"])
)
def test_any_path_is_found_or_not_but_never_an_error(segments: list[str], method: str) -> None:
    router = Router((path, http_method, path) for path, http_method in ROUTES)
    found = router.find("/" + "/".join(segments), method)
    assert found is None or isinstance(found[0], str)
