"""Documentation page of an API: its routes, its archive, and what its function answers."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cdktf import App

from constructs_lib import AwsStack, Function, InvalidArgumentError, LambdaIntegration, Public, RestApi
from constructs_lib.api.docs_page import app as page
from tests.support.paths import PROJECT
from tests.support.synthesis import Configuration, public_method


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBDA_ARCHIVES_CACHE", str(PROJECT / ".cache" / "archives"))


def answer(resource: str, file: str | None = None) -> dict[str, Any]:
    return page.handler({"resource": resource, "pathParameters": file and {"file": file}}, None)


def test_the_page_and_its_files_are_routes_of_the_api(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    public_method(api, function, "POST", "/orders")
    routes = api.add_docs("/docs", authorization=Public())
    assert routes is not None
    assert [route.key for route in api.definition.routes] == [
        ("/docs", "GET"),
        ("/docs/{file}", "GET"),
        ("/orders", "POST"),
    ]
    assert list(api.openapi_document["paths"]) == ["/orders"]
    functions = Configuration(stack).all("lambda_function").values()
    assert {one["handler"] for one in functions} == {"chat.handler", "app.handler"}


def test_its_archive_has_the_document_and_swagger_ui(app: App, api: RestApi, function: Function) -> None:
    public_method(api, function, "POST", "/orders")
    document = api.openapi_document
    api.add_docs(authorization=Public())
    (file,) = Path(app.outdir).rglob("docs_page*.zip")
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        assert json.loads(archive.read("openapi.json")) == document
    files = {Path(name).name for name in names}
    assert files >= {"app.py", "page.html", "page.js", "swagger-ui-bundle.js", "swagger-ui.css"}
    assert not [name for name in names if "redoc" in name or name.endswith(".map")]


def test_a_route_after_it_is_an_error(app: App, stack: AwsStack, api: RestApi, function: Function) -> None:
    public_method(api, function, "POST", "/orders")
    api.add_docs(authorization=Public())
    api.resource_for("/later").add_method("GET", LambdaIntegration(function), authorization=Public())
    api.deploy("prod")
    with pytest.raises(
        Exception, match="the documentation page lacks /later; call add_docs after the last route"
    ):
        app.synth()


def test_without_an_authorization_there_is_none(stack: AwsStack, api: RestApi) -> None:
    assert api.add_docs("/docs", authorization=None) is None
    assert api.definition.routes == ()


@pytest.mark.parametrize("path", ["docs", "/", "/docs/{version}", "/docs/"])
def test_its_path_has_no_variables(api: RestApi, path: str) -> None:
    with pytest.raises(InvalidArgumentError, match="use a path without variables, such as '/docs'"):
        api.add_docs(path, authorization=Public())


def test_the_page_names_files_below_it_and_loads_nothing_else() -> None:
    response = answer("/help/docs")
    assert response["statusCode"] == 200
    assert 'src="docs/page.js"' in response["body"]
    assert "{folder}" not in response["body"]
    policy = response["headers"]["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "http" not in policy


def test_only_its_files_are_served() -> None:
    assert answer("/docs/{file}", "page.js")["statusCode"] == 200
    for name in ("app.py", "../app.py", "page.html"):
        assert answer("/docs/{file}", name)["statusCode"] == 404
