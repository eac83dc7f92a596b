"""HTTP and HTTP_PROXY integrations: what a web server is sent, and what becomes of its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud import network_guard, outbound
from tests.support.cloud_in_thread import REGION, DeployedApi
from tests.support.web_server import WebServer

MakeApi = Callable[..., DeployedApi]


def proxy(uri: str, **more: Any) -> dict[str, Any]:
    return {"type": "HTTP_PROXY", "integrationHttpMethod": "ANY", "uri": uri, **more}


def test_a_proxy_passes_on_the_request_and_the_answer(make_api: MakeApi, web_server: WebServer) -> None:
    web_server.status, web_server.body = 201, b"made"
    web_server.headers = [
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Date", "x"),
    ]
    api = make_api(lambda _: {})
    api.method(
        "/items/{rest+}",
        "ANY",
        integration=proxy(
            f"{web_server.url}/base/{{rest}}?fixed=1",
            requestParameters={
                "integration.request.path.rest": "method.request.path.rest",
                "integration.request.header.X-Secret": "'s3cret'",
            },
        ),
        requestParameters={"method.request.path.rest": True},
    )
    api.deploy()
    headers = {"X-Mine": "1", "Content-Type": "text/csv", "x-secret": "guessed", "TE": "trailers"}
    answer = api.call("PUT", "/items/a/b%20c?q=1&q=2", body=b"a,b", headers=headers)
    assert (answer.status, answer.content) == (201, b"made")  # type: ignore[attr-defined]
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert len(answer.headers.get_all("Date") or []) == 1
    assert "x-amzn-Remapped-Date" in answer.headers
    request = web_server.received[0]
    assert (request.method, request.target, request.body) == ("PUT", "/base/a/b%20c?fixed=1&q=1&q=2", b"a,b")
    assert request.header("Host") == f"127.0.0.1:{web_server.port}"
    assert (request.header("X-Mine"), request.header("Content-Type")) == ("1", "text/csv")
    assert [value for name, value in request.headers if name.lower() == "x-secret"] == ["s3cret"]
    assert request.header("TE") is None
    assert request.header("x-amzn-apigateway-api-id") == api.api_id
    assert "127.0.0.1" in (request.header("X-Forwarded-For") or "")


def test_redirects_and_errors_are_passed_on(make_api: MakeApi, web_server: WebServer) -> None:
    web_server.status, web_server.headers = 302, [("Location", "/elsewhere")]
    api = make_api(lambda _: {})
    api.method("/a", "GET", integration=proxy(web_server.url))
    api.deploy()
    answer = api.call("GET", "/a")
    assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")


def test_an_http_integration_maps_both_ways(make_api: MakeApi, web_server: WebServer) -> None:
    web_server.status, web_server.body = 404, b'{"error": {"text": "no such thing"}}'
    api = make_api(lambda _: {})
    integration = {
        "type": "HTTP",
        "integrationHttpMethod": "POST",
        "uri": f"{web_server.url}/things",
        "requestTemplates": {"application/json": '{"name": "$input.path(\'$.n\')"}'},
        "requestParameters": {"integration.request.querystring.v": "'2'"},
    }
    resource = api.method("/a", "POST", integration=integration)
    place = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "POST"}
    for status, pattern, template in (
        ("200", "", None),
        ("410", "4\\d\\d", "$input.path('$.error.text')"),
    ):
        api.aws.put_method_response(**place, statusCode=status)
        templates = {"application/json": template} if template else {}
        api.aws.put_integration_response(
            **place, statusCode=status, selectionPattern=pattern, responseTemplates=templates
        )
    api.deploy()
    answer = api.call("POST", "/a", body=b'{"n": "x"}', headers={"X-Mine": "1"})
    assert (answer.status, answer.content) == (410, b"no such thing")  # type: ignore[attr-defined]
    request = web_server.received[0]
    assert (request.target, json.loads(request.body)) == ("/things?v=2", {"name": "x"})
    assert request.header("X-Mine") is None
    assert request.header("User-Agent") == f"AmazonAPIGateway_{api.api_id}"


def test_a_server_that_is_not_there_or_too_slow(make_api: MakeApi, web_server: WebServer) -> None:
    web_server.gate.clear()
    api = make_api(lambda _: {})
    api.method("/slow", "GET", integration=proxy(web_server.url, timeoutInMillis=50))
    api.method("/gone", "GET", integration=proxy("http://127.0.0.1:1/"))
    api.deploy()
    slow, gone = api.call("GET", "/slow"), api.call("GET", "/gone")
    assert (slow.status, json.loads(slow.content)) == (504, {"message": "Endpoint request timed out"})  # type: ignore[attr-defined]
    assert (gone.status, json.loads(gone.content)) == (  # type: ignore[attr-defined]
        504,
        {"message": "Network error communicating with endpoint"},
    )


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1", "0x7f000001", "127.0.0.1.nip.io", "[::2]"])
def test_another_machine_is_called_only_if_the_user_allows_it(make_api: MakeApi, host: str) -> None:
    api = make_api(lambda _: {})
    api.method("/a", "GET", integration=proxy(f"http://{host}/"))
    api.deploy()
    answer = api.call("GET", "/a")
    assert answer.status == 501
    assert f"--allow-host {host.strip('[]')}" in json.loads(answer.content)["message"]  # type: ignore[attr-defined]


def test_a_host_that_is_allowed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_guard, "_allowed_hosts", set())
    network_guard.allow(["API.example.com"])
    url = "https://api.example.com/a"
    assert outbound.resolve(url, "http://127.0.0.1:1") == url
    with pytest.raises(outbound.NotAllowedError):
        outbound.resolve("https://example.com/a", "http://127.0.0.1:1")


def test_an_address_of_api_gateway_is_an_api_of_this_cloud(make_api: MakeApi) -> None:
    inner = make_api(lambda event: {"statusCode": 200, "body": event["path"]})
    inner.method("/in/{p+}")
    inner.deploy()
    outer = make_api(lambda _: {})
    address = f"https://{inner.api_id}.execute-api.{REGION}.amazonaws.com/{inner.stage}/in/x"
    outer.method("/a", "GET", integration=proxy(address))
    outer.deploy()
    answer = outer.call("GET", "/a")
    assert (answer.status, answer.content) == (200, b"/in/x")  # type: ignore[attr-defined]


def test_a_vpc_link_is_named(make_api: MakeApi, web_server: WebServer) -> None:
    api = make_api(lambda _: {})
    api.method("/a", "GET", integration=proxy(web_server.url, connectionType="VPC_LINK", connectionId="x"))
    api.deploy()
    assert json.loads(api.call("GET", "/a").content)["feature"] == "VPC links"  # type: ignore[attr-defined]


def test_an_http_integration_sends_headers_of_its_own(make_api: MakeApi, web_server: WebServer) -> None:
    api = make_api(lambda _: {})
    integration = {**proxy(web_server.url), "type": "HTTP"}
    mappings = {
        "integration.request.header.Host": "'a.example'",
        "integration.request.header.Expect": "'x'",
        "integration.request.header.Server": "'s'",
    }
    for path, parameters in (("/plain", {}), ("/mapped", mappings)):
        resource = api.method(path, "GET", integration={**integration, "requestParameters": parameters})
        place = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "GET", "statusCode": "200"}
        api.aws.put_method_response(**place)
        api.aws.put_integration_response(**place)
    api.deploy()
    headers = {"Accept": "application/xml", "Content-Type": "application/json", "Via": "v"}
    answer = api.call("GET", "/plain", headers=headers)
    assert answer.headers["X-Amzn-Trace-Id"].startswith("Root=")
    assert api.call("GET", "/mapped", headers=headers).status == 200
    plain, mapped = web_server.received
    assert (plain.header("Accept"), plain.header("Content-Type"), plain.header("Via")) == (
        "application/json",
        None,
        None,
    )
    assert (mapped.header("Host"), mapped.header("Server"), mapped.header("Expect")) == (
        "a.example",
        "s",
        None,
    )


def test_a_proxy_keeps_the_encoding_of_the_body_to_itself(make_api: MakeApi, web_server: WebServer) -> None:
    web_server.headers = [("x-amzn-RequestId", "theirs")]
    api = make_api(lambda _: {})
    api.method("/a", "ANY", integration=proxy(web_server.url))
    api.deploy()
    answer = api.call("POST", "/a", body=b"x", headers={"Content-Encoding": "deflate", "Via": "v"})
    request = web_server.received[0]
    assert (request.header("Content-Encoding"), request.header("Via")) == (None, None)
    assert answer.headers["x-amzn-Remapped-x-amzn-RequestId"] == "theirs"
    assert len(answer.headers.get_all("x-amzn-RequestId") or []) == 1


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
@pytest.mark.parametrize("header", ["Content-Length", "Transfer-Encoding"])
def test_a_mapping_onto_a_header_that_frames_the_body_cannot_work(
    make_api: MakeApi, web_server: WebServer, kind: str, header: str
) -> None:
    api = make_api(lambda _: {})
    parameters = {f"integration.request.header.{header}": "'0'"}
    api.method("/a", integration={**proxy(web_server.url), "type": kind, "requestParameters": parameters})
    api.deploy()
    answer = api.call("GET", "/a")
    assert (answer.status, answer.content) == (500, b'{"message":"Internal server error"}')
    assert web_server.received == []
