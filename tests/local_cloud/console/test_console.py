"""The console's pages and its API, and who may ask them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.support.cloud_in_thread import CloudInThread, DeployedApi

API = "/_local_cloud/api/"


def read(cloud: CloudInThread, path: str) -> Any:
    response = cloud.request("GET", API + path)
    assert response.status == 200, response.content
    return json.loads(response.content)


def test_a_browser_that_opens_the_root_is_sent_to_the_console(cloud: CloudInThread) -> None:
    response = cloud.request("GET", "/", headers={"Accept": "text/html,*/*"})
    assert (response.status, response.headers["Location"]) == (302, "/_local_cloud/")
    assert cloud.request("GET", "/", headers={"Accept": "*/*"}).status != 302
    page = cloud.request("GET", "/_local_cloud/")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["console.py", "../console.py", "%2e%2e/console.py", "vendor/README.md", "nothing.js", "vendor"]
)
def test_only_the_files_of_the_page_are_served(cloud: CloudInThread, path: str) -> None:
    assert cloud.request("GET", f"/_local_cloud/{path}").status == 404


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Origin": "https://evil.example"}, "does not answer other pages"),
        ({"Origin": "null"}, "does not answer other pages"),
        ({"Origin": "http://127.0.0.1:1"}, "does not answer other pages"),
        ({"Sec-Fetch-Site": "cross-site"}, "does not answer other pages"),
        ({"Sec-Fetch-Site": "same-site"}, "does not answer other pages"),
        ({"Host": "evil.example"}, "does not answer under the host name evil.example"),
        ({"Host": "a.amazonaws.com"}, "does not answer under the host name a.amazonaws.com"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "requests"), ("GET", "events"), ("POST", "sign-in/user")]
)
def test_another_page_can_neither_read_nor_act(
    cloud: CloudInThread, method: str, path: str, headers: dict[str, str], reason: str
) -> None:
    response = cloud.request(method, API + path, body=b"{}", headers=headers)
    assert response.status == 403
    assert json.loads(response.content)["message"] == f"the console of the local cloud {reason}"
    assert "Access-Control-Allow-Origin" not in response.headers


def test_its_own_page_can(cloud: CloudInThread) -> None:
    host = f"127.0.0.1:{cloud.cloud.port}"
    headers = {"Origin": f"http://{host}", "Host": host, "Sec-Fetch-Site": "same-origin"}
    assert cloud.request("GET", API + "requests", headers=headers).status == 200


def test_what_is_not_there_is_named(cloud: CloudInThread) -> None:
    def answer(method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        response = cloud.request(method, API + path, body=body)
        return response.status, json.loads(response.content)["message"]

    assert answer("GET", "nothing/here") == (404, "the console has no nothing/here")
    assert answer("GET", "requests/none") == (404, "the console does not have this request any more")
    assert answer("GET", "executions/none") == (404, "this execution does not exist any more")
    assert answer("POST", "machines/none/executions", b'{"input": "{}"}') == (
        404,
        "there is no state machine 'none'",
    )
    assert answer("POST", "sign-in/user", b"{}") == (
        400,
        "/_local_cloud/api/sign-in/user: 'region' is missing or unknown",
    )
    assert answer("POST", "sign-in/user", b'{"region": "eu-west-3"}') == (
        404,
        "no user pool in eu-west-3 has a client that accepts passwords",
    )
    assert answer("PUT", "requests", b"{}") == (405, "use GET or POST")


def test_routes_are_those_of_the_deployment(
    cloud: CloudInThread, make_api: Callable[..., DeployedApi]
) -> None:
    api = make_api(lambda event: {"statusCode": 200})
    api.method("/orders/{id}", "GET")
    api.method("/orders", "POST", authorizationType="AWS_IAM")
    api.deploy()
    api.method("/later", "GET")
    (found,) = [one for one in read(cloud, "apis") if one["id"] == api.api_id]
    assert found["path"] == f"/_aws/execute-api/{api.api_id}/stage"
    routes = [(r["method"], r["path"], r["authorization"]["kind"], r["target"]) for r in found["routes"]]
    function = {"kind": "function", "name": api.function_arn.split(":")[6]}
    assert routes == [("POST", "/orders", "AWS_IAM", function), ("GET", "/orders/{id}", "NONE", function)]


def test_a_request_is_there_with_its_bodies_and_without_its_secrets(
    cloud: CloudInThread, make_api: Callable[..., DeployedApi]
) -> None:
    api = make_api(lambda event: {"statusCode": 201, "body": '{"made": true}'})
    api.method("/orders", "POST")
    api.deploy()
    sent = api.call(
        "POST", "/orders?a=1", body=b'{"n": 1}', headers={"Authorization": "Bearer canary-7f3a-9"}
    )
    request_id = sent.headers["x-amzn-RequestId"]
    row = read(cloud, "requests")[0]
    assert (row["id"], row["status"], row["method"], row["path"], row["query"], row["refused"]) == (
        request_id,
        201,
        "POST",
        "/orders",
        "a=1",
        None,
    )
    details = read(cloud, f"requests/{request_id}")
    assert details["request_body"]["text"] == '{"n": 1}'
    assert details["response_body"]["text"] == '{"made": true}'
    assert ["Authorization", "Bearer canar… (20 characters)"] in details["request_headers"]


def test_a_refused_request_says_at_which_step_and_why(
    cloud: CloudInThread, make_api: Callable[..., DeployedApi]
) -> None:
    api = make_api(lambda event: {"statusCode": 200})
    api.method("/signed", "GET", authorizationType="AWS_IAM")
    api.method("/broken", "GET", integration=api.proxy_integration(api.function_arn + "-gone"))
    api.deploy()
    for path in ("/signed", "/nowhere", "/broken"):
        api.call("GET", path)
    steps = [(row["path"], row["refused"]["step"]) for row in read(cloud, "requests")[:3]]
    assert steps == [("/broken", "integration"), ("/nowhere", "route"), ("/signed", "authorization")]


def test_large_bodies_are_not_kept(cloud: CloudInThread, make_api: Callable[..., DeployedApi]) -> None:
    api = make_api(lambda event: {"statusCode": 200, "body": "ok"})
    api.method("/large", "POST")
    api.deploy()
    sent = api.call("POST", "/large", body=b"x" * 600_000)
    details = read(cloud, f"requests/{sent.headers['x-amzn-RequestId']}")
    assert details["request_body"] == {"text": None, "bytes": None, "type": None}
    assert details["status"] == 200


def test_a_page_hears_of_requests_as_they_are_answered(
    cloud: CloudInThread, make_api: Callable[..., DeployedApi]
) -> None:
    api = make_api(lambda event: {"statusCode": 200})
    api.method("/heard", "GET")
    api.deploy()
    with closing(http.client.HTTPConnection("127.0.0.1", cloud.cloud.port, timeout=30)) as connection:
        connection.request("GET", API + "events")
        stream = connection.getresponse()
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.readline() == b"event: hello\n"
        assert json.loads(stream.readline().removeprefix(b"data: ")) == {"instance": cloud.cloud.instance}
        assert stream.readline() == b"\n"
        sent = api.call("GET", "/heard")
        lines = iter(stream.readline, b"")
        assert b"event: request\n" in lines
        assert json.loads(next(lines).removeprefix(b"data: "))["id"] == sent.headers["x-amzn-RequestId"]


def test_an_operator_signs_what_the_page_sends(
    cloud: CloudInThread, make_api: Callable[..., DeployedApi]
) -> None:
    api = make_api(lambda event: {"statusCode": 200, "body": event["requestContext"]["identity"]["userArn"]})
    api.method("/signed", "GET", authorizationType="AWS_IAM")
    api.deploy()
    path = f"/_aws/execute-api/{api.api_id}/stage/signed"
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    request = {"region": "us-east-1", "method": "GET", "url": cloud.cloud.url + path, "sha256": empty}
    signed = json.loads(
        cloud.request("POST", API + "sign-in/operator", body=json.dumps(request).encode()).content
    )
    answer = cloud.request("GET", path, headers=signed)
    assert (answer.status, answer.content) == (200, b"arn:aws:iam::123456789012:root")
