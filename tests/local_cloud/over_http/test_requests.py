"""Requests: the recorded answers of API Gateway, and its rules, held over real HTTP."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.gateway_process import INTERNAL, MISSING_TOKEN, UUID, Gateway, proxy

# --- the recorded cases -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "path", "proxy_value", "context_path"),
    [
        ("/stage/proxy-value", "/proxy-value", "proxy-value", "/stage/proxy-value"),
        ("/stage/proxy-value/", "/proxy-value/", "proxy-value", "/stage/proxy-value/"),
        (
            "/stage/proxy-value//double-slash",
            "/proxy-value//double-slash",
            "proxy-value//double-slash",
            "/stage/proxy-value//double-slash",
        ),
        ("/stage//proxy-value", "/proxy-value", "proxy-value", "/stage//proxy-value"),
        ("//stage/proxy-value", "/proxy-value", "proxy-value", "/stage/proxy-value"),
        (
            "/stage/api/test%2Balias@gmail.com/plus/test+alias@gmail.com",
            "/api/test%2Balias@gmail.com/plus/test+alias@gmail.com",
            "api/test%2Balias@gmail.com/plus/test+alias@gmail.com",
            "/stage/api/test%2Balias@gmail.com/plus/test+alias@gmail.com",
        ),
        ("/stage/..%2f%2e%2e/%252e", "/..%2f%2e%2e/%252e", "..%2f%2e%2e/%252e", "/stage/..%2f%2e%2e/%252e"),
    ],
)
def test_paths(gateway: Gateway, target: str, path: str, proxy_value: str, context_path: str) -> None:
    event = gateway.event(target)
    assert (event["path"], event["pathParameters"], event["requestContext"]["path"]) == (
        path,
        {"proxy": proxy_value},
        context_path,
    )
    assert (event["resource"], event["requestContext"]["resourcePath"]) == ("/{proxy+}", "/{proxy+}")


@pytest.mark.parametrize(
    ("query", "single", "multiple"),
    [
        (
            "plus=test+a&email=test%2Bb",
            {"plus": "test a", "email": "test+b"},
            {"plus": ["test a"], "email": ["test+b"]},
        ),
        (
            "category=electronics&category=books",
            {"category": "books"},
            {"category": ["electronics", "books"]},
        ),
        (
            "price=10&price=20&price=30&category=electronics&category=books",
            {"price": "30", "category": "books"},
            {"price": ["10", "20", "30"], "category": ["electronics", "books"]},
        ),
        (
            "url=https%3A%2F%2Fwww.google.com%2F&whitespace=foo%20bar&zhash=abort/",
            {"url": "https://www.google.com/", "whitespace": "foo bar", "zhash": "abort/"},
            {"url": ["https://www.google.com/"], "whitespace": ["foo bar"], "zhash": ["abort/"]},
        ),
    ],
)
def test_query_parameters(
    gateway: Gateway, query: str, single: dict[str, str], multiple: dict[str, list[str]]
) -> None:
    event = gateway.event(f"/stage/x?{query}")
    assert event["queryStringParameters"] == single
    assert event["multiValueQueryStringParameters"] == multiple


def test_no_query_is_null(gateway: Gateway) -> None:
    event = gateway.event("/stage/x")
    assert (event["queryStringParameters"], event["multiValueQueryStringParameters"]) == (None, None)


def test_the_members_of_an_event(gateway: Gateway) -> None:
    event = gateway.event("/stage/pets/mine")
    assert sorted(event) == sorted(
        [
            "resource",
            "path",
            "httpMethod",
            "headers",
            "multiValueHeaders",
            "queryStringParameters",
            "multiValueQueryStringParameters",
            "pathParameters",
            "stageVariables",
            "requestContext",
            "body",
            "isBase64Encoded",
        ]
    )
    assert (event["pathParameters"], event["body"], event["isBase64Encoded"]) == (None, None, False)
    assert event["stageVariables"] == {"table": "pets"}
    context = event["requestContext"]
    assert sorted(context) == sorted(
        [
            "accountId",
            "apiId",
            "deploymentId",
            "domainName",
            "domainPrefix",
            "extendedRequestId",
            "httpMethod",
            "identity",
            "path",
            "protocol",
            "requestId",
            "requestTime",
            "requestTimeEpoch",
            "resourceId",
            "resourcePath",
            "stage",
        ]
    )
    assert sorted(context["identity"]) == sorted(
        [
            "accessKey",
            "accountId",
            "caller",
            "cognitoAuthenticationProvider",
            "cognitoAuthenticationType",
            "cognitoIdentityId",
            "cognitoIdentityPoolId",
            "principalOrgId",
            "sourceIp",
            "user",
            "userAgent",
            "userArn",
        ]
    )


def test_header_names_keep_the_clients_case(gateway: Gateway) -> None:
    event = gateway.event(
        "/stage/x", head="tEsT-HEADeR: aValUE\r\nauthorization: random\r\nX-M: 1\r\nX-M: 2\r\n"
    )
    assert event["headers"]["tEsT-HEADeR"] == "aValUE"
    assert event["headers"]["Authorization"] == "random"
    assert (event["headers"]["X-M"], event["multiValueHeaders"]["X-M"]) == ("2", ["1", "2"])


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Content-MD5",
        "Max-Forwards",
        "Proxy-Authenticate",
        "Server",
        "TE",
        "Trailer",
        "WWW-Authenticate",
    ],
)
def test_headers_that_do_not_reach_the_function(gateway: Gateway, name: str) -> None:
    assert name not in gateway.event("/stage/x", head=f"{name}: x\r\n")["headers"]


@pytest.mark.parametrize(
    "name", ["Accept-Charset", "Age", "Content-Encoding", "Date", "Pragma", "Range", "Referer", "Via", "Warn"]
)
def test_headers_that_do_reach_the_function(gateway: Gateway, name: str) -> None:
    assert gateway.event("/stage/x", head=f"{name}: x\r\n")["headers"][name] == "x"


def test_the_length_of_a_body_is_no_header_of_the_event(gateway: Gateway) -> None:
    event = gateway.event("/stage/x", method="POST", head="Content-Type: text/plain\r\n", body=b"abc")
    assert (event["body"], event["headers"]["Content-Type"]) == ("abc", "text/plain")
    assert "Content-Length" not in event["headers"]


def test_forwarding_headers(gateway: Gateway) -> None:
    event = gateway.event("/stage/x", head="X-Forwarded-For: 203.0.113.9\r\n")
    assert event["headers"]["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["headers"]["X-Forwarded-Port"] == str(gateway.port)
    assert event["headers"]["Host"] == event["requestContext"]["domainName"]


# --- routing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "resource"),
    [
        ("GET", "/stage/pets/mine", "/pets/mine"),
        ("GET", "/stage/pets/mine/", "/pets/mine"),
        ("GET", "/stage//pets/mine", "/pets/mine"),
        ("GET", "/stage/pets/7", "/pets/{id}"),
        ("DELETE", "/stage/pets/mine", "/{proxy+}"),
        ("GET", "/stage/pets/7/toys", "/{proxy+}"),
        ("GET", "/stage/pets/mine/toys", "/pets/mine/toys"),
        ("OPTIONS", "/stage/pets/7", "/{proxy+}"),
        ("PATCH", "/stage/mock", "/{proxy+}"),
    ],
)
def test_the_most_specific_resource_that_has_the_method_answers(
    gateway: Gateway, method: str, target: str, resource: str
) -> None:
    assert gateway.event(target, method=method)["resource"] == resource


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/stage"),
        ("GET", "/stage/"),
        ("POST", "/stage?x=1"),
        ("TRACE", "/stage/x"),
        ("PROPFIND", "/stage/x"),
    ],
)
def test_no_route(gateway: Gateway, method: str, target: str) -> None:
    answer = gateway.send(target, method=method)
    assert (answer.status, answer.json) == (403, MISSING_TOKEN)
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert answer.headers["Content-Type"] == "application/json"


def test_a_method_that_the_resource_lacks(gateway: Gateway) -> None:
    narrow = Gateway(gateway.port, gateway.functions["narrow"])
    for method in ("POST", "HEAD", "OPTIONS"):
        assert narrow.send("/stage/", method=method).status == 403
    assert narrow.send("/stage/other").json == MISSING_TOKEN


@pytest.mark.parametrize("target", ["/other/x", "/", "", "/Stage/x"])
def test_no_stage(gateway: Gateway, target: str) -> None:
    answer = gateway.send(target)
    assert (answer.status, answer.json) == (403, {"message": "Forbidden"})
    assert UUID.fullmatch(answer.headers["x-amzn-RequestId"])


def test_head_has_headers_and_no_body(gateway: Gateway) -> None:
    answer = gateway.send("/stage/x", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 1000


# --- what every answer carries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "traced"),
    [("/stage/x", True), ("/stage/mock", False), ("/stage/", False), ("/stage/not-post", False)],
)
def test_ids_of_an_answer(gateway: Gateway, target: str, traced: bool) -> None:
    answer = gateway.send(target)
    assert UUID.fullmatch(answer.headers["x-amzn-RequestId"])
    assert len(base64.b64decode(answer.headers["x-amz-apigw-id"], validate=True)) == 11
    assert (answer.headers["X-Amzn-Trace-Id"] is not None) is traced
    assert answer.headers["Server"] is None


def test_a_trace_id_is_carried_on(gateway: Gateway) -> None:
    full = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"
    assert full in gateway.send("/stage/x", head=f"X-Amzn-Trace-Id: {full}\r\n").headers["X-Amzn-Trace-Id"]
    root = "Root=1-3152b799-8954dae64eda91bc9a23a7e8"
    trace = gateway.send("/stage/x", head=f"X-Amzn-Trace-Id: {root}\r\n").headers["X-Amzn-Trace-Id"]
    assert re.fullmatch(rf"{root};Parent=[0-9a-f]{{16}};Sampled=[01]", trace)
    assert trace.split(";")[1] != "Parent=7fa8c0f79203be72"


# --- the edge ---------------------------------------------------------------------------------------------------


def test_a_url_that_is_too_long_is_414(gateway: Gateway) -> None:
    assert gateway.send("/stage/x?q=" + "a" * 11_000).status == 414


def test_headers_that_are_too_large_are_431(gateway: Gateway) -> None:
    assert gateway.send("/stage/x", head=f"X-Large: {'a' * 11_000}\r\n").status == 431


@pytest.mark.parametrize("line", ["X-A: a\x00b", "X-A: a\rb", "X A: a", ": a", "X-A: a\r\n folded"])
def test_headers_that_are_none_are_400(gateway: Gateway, line: str) -> None:
    answer = gateway.send("/stage/x", head=f"{line}\r\n")
    assert answer.status == 400
    assert b"X-A" not in answer.body


def test_two_lengths_are_400(gateway: Gateway) -> None:
    head = "Transfer-Encoding: chunked\r\n"
    assert gateway.send("/stage/x", method="POST", head=head, body=b"0\r\n\r\n").status == 400


# --- deployments ------------------------------------------------------------------------------------------------


def test_what_is_not_deployed_is_not_served(gateway: Gateway, aws: Callable[[str], Any]) -> None:
    apis = aws("apigateway")
    narrow = Gateway(gateway.port, gateway.functions["narrow"])
    root = apis.get_resources(restApiId=narrow.api)["items"][0]["id"]
    resource = apis.create_resource(restApiId=narrow.api, parentId=root, pathPart="new")["id"]
    ids = {"restApiId": narrow.api, "resourceId": resource, "httpMethod": "GET"}
    apis.put_method(**ids, authorizationType="NONE")
    apis.put_integration(**ids, **proxy(gateway.functions["echo"]))
    assert narrow.send("/stage/new").json == MISSING_TOKEN
    apis.create_deployment(restApiId=narrow.api, stageName="stage")
    # deployed, but the function has no permission for this API
    assert (narrow.send("/stage/new").status, narrow.send("/stage/new").json) == (500, INTERNAL)


def test_a_feature_that_is_not_there_is_named(gateway: Gateway, aws: Callable[[str], Any]) -> None:
    apis = aws("apigateway")
    api = apis.create_rest_api(name="guarded")
    ids = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    apis.put_method(**ids, authorizationType="NONE")
    apis.put_integration(**ids, type="HTTP_PROXY", integrationHttpMethod="GET", uri="https://a.example/")
    apis.create_deployment(restApiId=api["id"], stageName="stage")
    answer = Gateway(gateway.port, api["id"]).send("/stage")
    assert answer.status == 501
    feature = "HTTP integration: a.example is another machine; start the local cloud with --allow-host a.example to allow it"
    assert answer.json == {
        "message": f"The local cloud does not have this feature yet: {feature}",
        "feature": feature,
    }
