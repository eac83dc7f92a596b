"""The steps of a request: limits, throttling, integrations, and what is refused by name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.functions.errors import InvalidRuntime, RequestTooLarge, TooManyRequests
from local_cloud.gateway.definition import ApiDefinition, Method
from local_cloud.gateway.errors import GatewayError
from local_cloud.gateway.routing import Router
from local_cloud.gateway.throttle import Throttles, TokenBucket, method_settings
from tests.support.cloud_in_thread import DeployedApi, function_failure

MakeApi = Callable[..., DeployedApi]

INTERNAL = b'{"message":"Internal server error"}'


def ok(_event: Any) -> dict[str, Any]:
    return {"statusCode": 200}


def mock(status: int = 200, **response: Any) -> dict[str, Any]:
    return {
        "type": "MOCK",
        "requestTemplates": {"application/json": f'{{"statusCode": {status}}}'},
    } | response


# --- what a function does ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (function_failure("ValueError", "secret text"), 502),
        (function_failure("Runtime.ExitError", "exited"), 502),
        (function_failure("Sandbox.Timedout", "Task timed out"), 502),
        (b"null", 502),
        (b"", 502),
        ({"statusCode": 200, "extra": 1}, 502),
    ],
)
def test_a_function_that_fails_is_502(make_api: MakeApi, answer: Any, status: int) -> None:
    api = make_api(lambda _event: answer)
    api.method("/a")
    api.deploy()
    response = api.call("GET", "/a")
    assert (response.status, response.content) == (status, INTERNAL)
    assert response.headers["x-amzn-ErrorType"] == "InternalServerErrorException"
    assert response.headers["X-Amzn-Trace-Id"] is None


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (InvalidRuntime("no such runtime"), 500, INTERNAL),
        (TooManyRequests("Rate Exceeded."), 500, INTERNAL),
        (RequestTooLarge("too large"), 413, b'{"message":"Request Too Long"}'),
    ],
)
def test_a_function_that_lambda_does_not_run(
    make_api: MakeApi, error: Exception, status: int, body: bytes
) -> None:
    def refuse(_event: Any) -> None:
        raise error

    api = make_api(refuse)
    api.method("/a")
    api.deploy()
    response = api.call("GET", "/a")
    assert (response.status, response.content) == (status, body)


def test_the_gateway_does_not_wait_longer_than_the_integration_may_take(make_api: MakeApi) -> None:
    finished: list[str] = []

    async def slow(_event: Any) -> dict[str, Any]:
        await asyncio.sleep(0.3)
        finished.append("yes")
        return {"statusCode": 200}

    api = make_api(slow)
    api.method("/a", integration=api.proxy_integration() | {"timeoutInMillis": 50})
    api.deploy()
    response = api.call("GET", "/a")
    assert (response.status, response.content) == (504, b'{"message":"Endpoint request timed out"}')
    assert response.headers["x-amzn-ErrorType"] == "InternalServerErrorException"
    assert finished == []
    # the function runs on
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.4), api.cloud.loop).result(10)
    assert finished == ["yes"]


def test_a_lambda_integration_takes_post_only(make_api: MakeApi) -> None:
    api = make_api(ok)
    api.method("/a", integration=api.proxy_integration() | {"integrationHttpMethod": "GET"})
    api.deploy()
    response = api.call("GET", "/a")
    assert (response.status, response.content) == (500, INTERNAL)


# --- sizes ------------------------------------------------------------------------------------------------------


def test_a_body_over_10_mb_is_413(make_api: MakeApi) -> None:
    api = make_api(ok, binaryMediaTypes=["image/png"])
    api.method("/a")
    api.deploy()
    response = api.call("POST", "/a", body=bytes(10 * 1024 * 1024 + 1), headers={"Content-Type": "image/png"})
    assert (response.status, response.content) == (413, b"HTTP content length exceeded 10485760 bytes.")
    assert response.headers["Content-Type"] == "text; charset=utf-8"


def test_a_body_of_unknown_length_is_not_read_beyond_10_mb(make_api: MakeApi) -> None:
    api = make_api(ok)
    api.method("/a")
    api.deploy()
    chunks = (bytes(1024 * 1024) for _ in range(11))
    response = api.call("POST", "/a", body=chunks, headers={"Transfer-Encoding": "chunked"})
    assert response.status == 413


def test_an_event_over_6_mb_is_413(make_api: MakeApi) -> None:
    api = make_api(ok, binaryMediaTypes=["image/png"])
    api.method("/a")
    api.deploy()
    body = bytes(5 * 1024 * 1024)  # 6.7 MB as base64
    assert api.call("POST", "/a", body=body, headers={"Content-Type": "image/png"}).status == 413
    assert api.call("POST", "/a", body=b"a" * (5 * 1024 * 1024)).status == 200


@pytest.mark.parametrize(
    ("path", "headers", "status", "message"),
    [
        ("/a?q=" + "x" * 10_300, {}, 414, "Request-URI Too Long"),
        ("/a", {"X-Long": "x" * 10_300}, 431, "Request Header Fields Too Large"),
        ("/a", {f"X-{number}": "x" * 100 for number in range(110)}, 431, "Request Header Fields Too Large"),
    ],
    ids=["url", "one header", "many headers"],
)
def test_long_addresses_and_headers(
    make_api: MakeApi, path: str, headers: dict[str, str], status: int, message: str
) -> None:
    api = make_api(ok)
    api.method("/a")
    api.deploy()
    response = api.call("GET", path, headers=headers)
    assert (response.status, json.loads(response.content)) == (status, {"message": message})
    assert response.headers["x-amzn-RequestId"]


# --- throttling -------------------------------------------------------------------------------------------------


def test_a_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    bucket = TokenBucket(rate=2, burst=3, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(100.5), bucket.take(100.5)] == [True, False]
    assert [bucket.take(1000.0) for _ in range(4)] == [True, True, True, False]


class Stage:
    def __init__(self, **settings: dict[str, float]) -> None:
        self.method_settings = settings["all"]


def test_each_method_has_a_bucket_of_its_own_and_a_change_starts_anew() -> None:
    now = 0.0
    throttles = Throttles(clock=lambda: now)
    limit = {"throttlingRateLimit": 1.0, "throttlingBurstLimit": 1}
    stage = Stage(all={"*/*": limit})
    a, b = (
        Method("r", path, "ANY", "NONE", None, (), False, False, False, {}, {}, None, None, frozenset())
        for path in "ab"
    )
    throttles.check(stage, a, "GET")
    throttles.check(stage, b, "GET")
    throttles.check(stage, a, "PUT")
    with pytest.raises(GatewayError) as caught:
        throttles.check(stage, a, "GET")
    assert caught.value.reason == "over the limit of 1 requests a second with a burst of 1"
    stage.method_settings = {"*/*": limit | {"throttlingBurstLimit": 2}}
    throttles.check(stage, a, "GET")
    stage.method_settings = {"*/*": {"throttlingRateLimit": -1, "throttlingBurstLimit": -1}}
    for _ in range(100):
        throttles.check(stage, a, "GET")


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [("/a/b", "GET", "own"), ("/a/{x}", "ANY", "any"), ("/", "GET", "root"), ("/a", "GET", "all")],
)
def test_a_method_has_its_own_settings_or_those_of_all(path: str, method: str, expected: str) -> None:
    settings: Any = {"*/*": "all", "a~1b/GET": "own", "a~1{x}/ANY": "any", "~1/GET": "root"}
    assert method_settings(settings, path, method) == expected
    assert method_settings({}, path, method) is None


def test_over_the_limit_is_429(make_api: MakeApi) -> None:
    api = make_api(ok)
    api.method("/a")
    api.deploy()
    operations = [
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "0.001"},
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "2"},
    ]
    api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)
    responses = [api.call("GET", "/a") for _ in range(3)]
    assert [response.status for response in responses] == [200, 200, 429]
    assert responses[2].content == b'{"message":"Too Many Requests"}'
    assert responses[2].headers["x-amzn-ErrorType"] == "TooManyRequestsException"
    operations = [{"op": "remove", "path": "/*/*"}]
    api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)
    assert api.call("GET", "/a").status == 200


# --- MOCK -------------------------------------------------------------------------------------------------------


def put_response(
    api: DeployedApi, resource: str, status: str, method: str = "OPTIONS", **options: Any
) -> None:
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": method, "statusCode": status}
    headers = options.get("responseParameters", {})
    api.aws.put_method_response(**ids, responseParameters=dict.fromkeys(headers, True))
    api.aws.put_integration_response(**ids, **options)


def test_mock_answers_from_its_integration_responses(make_api: MakeApi) -> None:
    api = make_api(ok)
    resource = api.method("/a", "OPTIONS", integration=mock(418))
    put_response(api, resource, "200")
    put_response(
        api,
        resource,
        "418",
        selectionPattern="41\\d",
        responseParameters={"method.response.header.Access-Control-Allow-Origin": "'*'"},
        responseTemplates={"application/json": '{"id": "$context.requestId", "stage": "${context.stage}"}'},
    )
    api.deploy()
    response = api.call("OPTIONS", "/a")
    assert response.status == 418
    assert json.loads(response.content) == {"id": response.headers["x-amzn-RequestId"], "stage": "stage"}
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Amzn-Trace-Id"] is None


@pytest.mark.parametrize("template", ['{"statusCode": 204}', "{statusCode: 204}", '{ "statusCode" : "204" }'])
def test_mock_takes_the_status_as_the_documentation_writes_it(make_api: MakeApi, template: str) -> None:
    api = make_api(ok)
    integration = {"type": "MOCK", "requestTemplates": {"application/json": template}}
    resource = api.method("/a", "OPTIONS", integration=integration)
    put_response(api, resource, "204", selectionPattern="204")
    api.deploy()
    assert api.call("OPTIONS", "/a").status == 204


@pytest.mark.parametrize("template", ["{}", "no JSON", '{"statusCode": "x"}'])
def test_mock_without_a_status_is_500(make_api: MakeApi, template: str) -> None:
    api = make_api(ok)
    integration = {"type": "MOCK", "requestTemplates": {"application/json": template}}
    put_response(api, api.method("/a", "OPTIONS", integration=integration), "200")
    api.deploy()
    assert api.call("OPTIONS", "/a").status == 500


# --- refused by name ---------------------------------------------------------------------------------------------


def feature(response: Any) -> str:
    assert response.status == 501
    content = json.loads(response.content)
    assert content["message"] == f"The local cloud does not have this feature yet: {content['feature']}"
    return str(content["feature"])


@pytest.mark.parametrize(
    ("integration", "name"),
    [
        (
            {
                "type": "AWS",
                "integrationHttpMethod": "POST",
                "uri": "arn:aws:apigateway:us-east-1:batch:action/PutRecord",
            },
            "AWS integration with batch",
        ),
        (
            {
                "type": "AWS_PROXY",
                "integrationHttpMethod": "POST",
                "uri": "arn:aws:apigateway:us-east-1:firehose:action/PutRecord",
            },
            "AWS_PROXY integration with us-east-1:firehose:action/PutRecord",
        ),
    ],
)
def test_integrations(make_api: MakeApi, integration: dict[str, Any], name: str) -> None:
    api = make_api(ok)
    api.method("/a", integration=integration)
    api.deploy()
    assert name in feature(api.call("GET", "/a"))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"minimumCompressionSize": 0}, "response compression (minimum_compression_size)"),
        ({"endpointConfiguration": {"types": ["PRIVATE"]}}, "private endpoints"),
    ],
)
def test_apis_that_ask_for_more(make_api: MakeApi, options: dict[str, Any], name: str) -> None:
    api = make_api(ok, **options)
    api.method("/a")
    api.deploy()
    assert feature(api.call("GET", "/a")) == name


def test_response_caching(make_api: MakeApi) -> None:
    api = make_api(ok)
    api.method("/a", "GET")
    api.deploy()
    operations = [
        {"op": "replace", "path": "/cacheClusterEnabled", "value": "true"},
        {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"},
    ]
    api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)
    assert feature(api.call("GET", "/a")) == "response caching of a stage"


def test_content_handling_of_a_proxy(make_api: MakeApi) -> None:
    api = make_api(ok)
    api.method("/a", integration=api.proxy_integration() | {"contentHandling": "CONVERT_TO_BINARY"})
    api.method("/b", integration=api.proxy_integration() | {"contentHandling": "CONVERT_TO_TEXT"})
    api.deploy()
    assert feature(api.call("GET", "/a")) == "content handling CONVERT_TO_BINARY of AWS_PROXY"
    assert api.call("GET", "/b").status == 200


def test_definitions_are_frozen() -> None:
    api = ApiDefinition("a", "n", "1", "r", "d", Router([]))
    with pytest.raises(AttributeError):
        api.name = "other"  # type: ignore[misc]
