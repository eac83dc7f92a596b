"""The event that a function gets from a REST API, as it leaves the gateway for real HTTP requests."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.gateway.event import multi_value_query
from tests.support.cloud_in_thread import ACCOUNT, CloudInThread, DeployedApi

Events = list[dict[str, Any]]


@pytest.fixture
def events() -> Events:
    return []


@pytest.fixture
def api(make_api: Callable[..., DeployedApi], events: Events) -> DeployedApi:
    def remember(event: dict[str, Any]) -> dict[str, Any]:
        events.append(event)
        return {"statusCode": 200}

    created = make_api(remember, binaryMediaTypes=["image/png", "audio/*"])
    created.method("/pets/{id}", "POST", operationName="putPet")
    created.method("/{proxy+}")
    created.deploy()
    return created


def test_the_whole_event(api: DeployedApi, events: Events, cloud: CloudInThread) -> None:
    operations = [{"op": "replace", "path": "/variables/table", "value": "pets"}]
    api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)
    before = time.time()
    raw = (
        f"POST /_aws/execute-api/{api.api_id}/stage/pets/a%20b?x=1&x=2&y= HTTP/1.1\r\n"
        "Host: 127.0.0.1\r\nuser-AGENT: tests\r\nX-One: 1\r\nx-two: a\r\nX-Two: b\r\n"
        "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: gopher\r\nContent-Type: application/json\r\n"
        'Content-Length: 7\r\nConnection: close\r\nTE: trailers\r\nX-Amzn-Trace-Id: Root=1-5-a\r\n\r\n{"a":1}'
    )
    answer = cloud.raw(raw.encode())
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    (event,) = events
    context = event.pop("requestContext")
    domain = f"{api.api_id}.execute-api.us-east-1.amazonaws.com"
    assert event == {
        "resource": "/pets/{id}",
        "path": "/pets/a%20b",
        "httpMethod": "POST",
        "headers": {
            "User-Agent": "tests",
            "X-One": "1",
            "x-two": "b",
            "Content-Type": "application/json",
            "Host": domain,
            "X-Amzn-Trace-Id": "Root=1-5-a",
            "X-Forwarded-For": "10.0.0.1, 127.0.0.1",
            "X-Forwarded-Port": str(cloud.cloud.port),
            "X-Forwarded-Proto": "http",
        },
        "multiValueHeaders": {
            "User-Agent": ["tests"],
            "X-One": ["1"],
            "x-two": ["a", "b"],
            "Content-Type": ["application/json"],
            "Host": [domain],
            "X-Amzn-Trace-Id": ["Root=1-5-a"],
            "X-Forwarded-For": ["10.0.0.1, 127.0.0.1"],
            "X-Forwarded-Port": [str(cloud.cloud.port)],
            "X-Forwarded-Proto": ["http"],
        },
        "queryStringParameters": {"x": "2", "y": ""},
        "multiValueQueryStringParameters": {"x": ["1", "2"], "y": [""]},
        "pathParameters": {"id": "a%20b"},
        "stageVariables": {"table": "pets"},
        "body": '{"a":1}',
        "isBase64Encoded": False,
    }
    ids = {
        name: context.pop(name) for name in ("requestId", "extendedRequestId", "resourceId", "deploymentId")
    }
    assert f"x-amzn-RequestId: {ids['requestId']}\r\n".encode() in answer
    assert f"x-amz-apigw-id: {ids['extendedRequestId']}\r\n".encode() in answer
    received = context.pop("requestTimeEpoch") / 1000
    assert before - 0.01 <= received <= time.time()
    assert context.pop("requestTime") == time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(received))
    assert context == {
        "resourcePath": "/pets/{id}",
        "operationName": "putPet",
        "httpMethod": "POST",
        "path": "/stage/pets/a%20b",
        "accountId": ACCOUNT,
        "protocol": "HTTP/1.1",
        "stage": "stage",
        "domainPrefix": api.api_id,
        "domainName": domain,
        "apiId": api.api_id,
        "identity": {
            "cognitoIdentityPoolId": None,
            "accountId": None,
            "cognitoIdentityId": None,
            "caller": None,
            "sourceIp": "127.0.0.1",
            "principalOrgId": None,
            "accessKey": None,
            "cognitoAuthenticationType": None,
            "cognitoAuthenticationProvider": None,
            "userArn": None,
            "userAgent": "tests",
            "user": None,
        },
    }


def test_what_is_empty_is_null(api: DeployedApi, events: Events) -> None:
    api.call("GET", "/x")
    (event,) = events
    names = ("queryStringParameters", "multiValueQueryStringParameters", "stageVariables", "body")
    assert [event[name] for name in names] == [None] * 4
    assert event["isBase64Encoded"] is False
    assert event["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")
    api.method("/fixed")
    api.deploy()
    api.call("GET", "/fixed")
    assert events[1]["pathParameters"] is None


@pytest.mark.parametrize(
    ("content_type", "encoded"),
    [("image/png", True), ("IMAGE/PNG; x=y", True), ("audio/ogg", True), ("image/gif", False), (None, False)],
)
def test_binary_bodies_arrive_as_base64(
    api: DeployedApi, events: Events, content_type: str | None, encoded: bool
) -> None:
    body = b"\x89PNG\xff"
    api.call("POST", "/x", body=body, headers={"Content-Type": content_type} if content_type else {})
    (event,) = events
    assert event["isBase64Encoded"] is encoded
    if encoded:
        assert base64.b64decode(event["body"]) == body
    else:
        assert event["body"] == "�PNG�"


def test_compressed_bodies_are_passed_on_as_they_are(api: DeployedApi, events: Events) -> None:
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
    api.call("POST", "/x", body=b"\x1f\x8bnot gzip", headers=headers)
    assert base64.b64decode(events[0]["body"]) == b"\x1f\x8bnot gzip"
    assert events[0]["headers"]["Content-Encoding"] == "gzip"


def test_the_api_can_be_named_by_the_host(api: DeployedApi, events: Events, cloud: CloudInThread) -> None:
    host = f"{api.api_id}.execute-api.localhost"
    response = cloud.request("GET", "/stage/a?b=c", headers={"Host": f"{host}:{cloud.cloud.port}"})
    assert response.status == 200
    (event,) = events
    assert event["path"] == "/a"
    assert event["requestContext"]["path"] == "/stage/a"
    assert event["headers"]["Host"] == event["requestContext"]["domainName"] == host
    assert event["requestContext"]["domainPrefix"] == api.api_id


def test_an_absolute_target_is_understood(api: DeployedApi, events: Events, cloud: CloudInThread) -> None:
    url = f"http://127.0.0.1:{cloud.cloud.port}/_aws/execute-api/{api.api_id}/stage/a%2Fb"
    assert cloud.raw(f"GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()).startswith(
        b"HTTP/1.1 200"
    )
    assert events[0]["path"] == "/a%2Fb"


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", {}),
        ("a", {"a": [""]}),
        ("a=1&&b=2&", {"a": ["1"], "b": ["2"]}),
        ("a=1;b=2", {"a": ["1"], "b": ["2"]}),
        ("plus=test+a&email=test%2Bb", {"plus": ["test a"], "email": ["test+b"]}),
        ("a%20b=%25", {"a b": ["%"]}),
        ("a=b=c", {"a": ["b=c"]}),
        ("a=%FF", {"a": ["�"]}),
        ("a[]=1&a[]=2", {"a[]": ["1", "2"]}),
    ],
)
def test_query_values_are_unescaped_once(query: str, values: dict[str, list[str]]) -> None:
    assert multi_value_query(query) == values


def test_a_function_gets_what_json_can_hold(api: DeployedApi, events: Events, cloud: CloudInThread) -> None:
    raw = f"GET /_aws/execute-api/{api.api_id}/stage/x?q=%F0%9F%98%80 HTTP/1.1\r\nHost: x\r\nX-E: \xe9\r\n"
    assert b"200 OK" in cloud.raw(raw.encode("latin-1") + b"Connection: close\r\n\r\n")
    assert events[0]["headers"]["X-E"] == "é"
    assert events[0]["queryStringParameters"] == {"q": "😀"}
    json.dumps(events[0]).encode()


@pytest.mark.parametrize(
    ("version", "head"),
    [
        ("HTTP/1.1", "Connection: Upgrade, close\r\nUpgrade: websocket\r\n"),
        ("HTTP/1.1", "Connection: Upgrade, close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"),
        ("HTTP/1.0", ""),
    ],
    ids=["websocket", "h2c", "http 1.0"],
)
def test_other_protocols_are_answered_as_http_1(
    api: DeployedApi, events: Events, cloud: CloudInThread, version: str, head: str
) -> None:
    target = f"/_aws/execute-api/{api.api_id}/stage/x"
    answer = cloud.raw(f"GET {target} {version}\r\nHost: x\r\n{head}\r\n".encode())
    assert answer.startswith(f"{version} 200 OK\r\n".encode())
    assert "Upgrade" not in events[0]["headers"]
    assert events[0]["requestContext"]["protocol"] == version


def test_a_connection_is_used_again(api: DeployedApi, events: Events, cloud: CloudInThread) -> None:
    target = f"/_aws/execute-api/{api.api_id}/stage"
    first = f"POST {target}/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    last = f"GET {target}/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert cloud.raw((first + last).encode()).count(b"HTTP/1.1 200 OK") == 2
    assert [(event["path"], event["body"]) for event in events] == [("/1", "abc"), ("/2", None)]
