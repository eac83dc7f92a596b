"""An API may change the gateway's own errors, and its stage may log every request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.gateway.templates import substitute
from tests.support.cloud_in_thread import CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]


@pytest.fixture
def api(make_api: MakeApi) -> DeployedApi:
    created = make_api(lambda event: {"statusCode": 200} if event["path"] == "/a" else {"wrong": 1})
    created.method("/a")
    created.method("/wrong")
    return created


def put(api: DeployedApi, response_type: str, **options: Any) -> None:
    api.aws.put_gateway_response(restApiId=api.api_id, responseType=response_type, **options)


def test_a_type_of_error_is_changed(api: DeployedApi) -> None:
    put(
        api,
        "MISSING_AUTHENTICATION_TOKEN",
        statusCode="404",
        responseParameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'https://example.com'"},
        responseTemplates={
            "application/json": '{"code": "not_found", "message": $context.error.messageString, '
            '"type": "$context.error.responseType", "requestId": "$context.requestId"}'
        },
    )
    api.deploy()
    response = api.call("GET", "/nothing")
    assert response.status == 404
    assert json.loads(response.content) == {
        "code": "not_found",
        "message": "Missing Authentication Token",
        "type": "MISSING_AUTHENTICATION_TOKEN",
        "requestId": response.headers["x-amzn-RequestId"],
    }
    assert response.headers["Access-Control-Allow-Origin"] == "https://example.com"
    assert response.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert api.call("GET", "/wrong").status == 502


def test_the_defaults_stand_for_all_errors_of_their_kind(api: DeployedApi) -> None:
    for kind in ("4XX", "5XX"):
        headers = {"gatewayresponse.header.X-Kind": f"'{kind}'"}
        put(api, f"DEFAULT_{kind}", responseParameters=headers)
    api.deploy()
    missing, failed = api.call("GET", "/nothing"), api.call("GET", "/wrong")
    assert (missing.status, missing.headers["X-Kind"]) == (403, "4XX")
    assert (failed.status, failed.headers["X-Kind"]) == (502, "5XX")
    assert missing.content == b'{"message":"Missing Authentication Token"}'


def test_the_change_is_part_of_the_deployment(api: DeployedApi) -> None:
    api.deploy()
    put(api, "DEFAULT_4XX", statusCode="418")
    assert api.call("GET", "/nothing").status == 403
    api.deploy()
    assert api.call("GET", "/nothing").status == 418


def test_a_header_takes_its_value_from_the_request(api: DeployedApi) -> None:
    sources = {
        "X-Origin": "method.request.header.origin",
        "X-Id": "context.requestId",
        "X-V": "stageVariables.v",
    }
    headers = {f"gatewayresponse.header.{name}": source for name, source in sources.items()}
    put(api, "DEFAULT_4XX", responseParameters=headers)
    api.deploy()
    response = api.call("GET", "/nothing", headers={"Origin": "https://a.example"})
    assert response.status == 403
    assert response.headers["X-Origin"] == "https://a.example"
    assert response.headers["X-Id"] == response.headers["x-amzn-RequestId"]
    assert "X-V" not in response.headers


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("$context.a-$context.b.c", "1-2"),
        ("${context.a}x", "1x"),
        ("{$context.a}", "{1}"),
        ("[$context.missing]", "[]"),
        ("$stageVariables.v", "V"),
        ("costs 5$, # no directive", "costs 5$, # no directive"),
    ],
)
def test_templates_of_text_and_variables(template: str, expected: str) -> None:
    assert substitute(template, {"a": 1, "b.c": 2}, {"v": "V"}, missing="") == expected


@pytest.mark.parametrize(
    "template", ["#set($x = 1)", "#if(true)a#end", "$input.body", "$util.escape('x')", "$!x"]
)
def test_velocity_in_templates_of_text_stays_as_it_is(template: str) -> None:
    assert substitute(template, {}, {}, missing="") == template


def test_a_log_format_is_filled_in_without_being_evaluated() -> None:
    text = substitute("$context.a $context.none $input.body", {"a": "$context.b", "b": 2}, {}, missing="-")
    assert text == "$context.b - $input.body"


def lines(cloud: CloudInThread, group: str, count: int) -> list[str]:
    """Wait for lines of a log group, which are written a moment after the answer."""
    logs = cloud.client("logs")
    deadline = time.monotonic() + 10
    found: list[str] = []
    while len(found) < count and time.monotonic() < deadline:
        found = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
        time.sleep(0.02)
    return found


def test_the_access_log_has_a_line_for_each_request(api: DeployedApi, cloud: CloudInThread) -> None:
    api.deploy()
    group = f"/access/{api.api_id}"
    cloud.client("logs").create_log_group(logGroupName=group)
    names = (
        "requestId status httpMethod path resourcePath error.responseType authorizer.sub integrationStatus"
    )
    form = json.dumps({name: f"$context.{name}" for name in names.split()})
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{group}"
    operations = [
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": arn},
        {"op": "replace", "path": "/accessLogSettings/format", "value": form},
    ]
    api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)
    responses = [api.call("GET", "/a?secret=1"), api.call("GET", "/nothing"), api.call("POST", "/wrong")]
    written = [json.loads(line) for line in lines(cloud, group, 3)]
    assert [line.pop("requestId") for line in written] == [r.headers["x-amzn-RequestId"] for r in responses]
    none = {"error.responseType": "-", "authorizer.sub": "-"}
    assert written == [
        none
        | {
            "status": "200",
            "httpMethod": "GET",
            "path": "/stage/a",
            "resourcePath": "/a",
            "integrationStatus": "200",
        },
        none
        | {
            "status": "403",
            "httpMethod": "GET",
            "path": "/stage/nothing",
            "resourcePath": "-",
            "integrationStatus": "-",
            "error.responseType": "MISSING_AUTHENTICATION_TOKEN",
        },
        none
        | {
            "status": "502",
            "httpMethod": "POST",
            "path": "/stage/wrong",
            "resourcePath": "/wrong",
            "integrationStatus": "200",
            "error.responseType": "DEFAULT_5XX",
        },
    ]


def test_an_access_log_without_its_group_is_lost_and_the_request_answered(
    api: DeployedApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.deploy()
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/no/such/group"
    operations = [
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": arn},
        {"op": "replace", "path": "/accessLogSettings/format", "value": "$context.status"},
    ]
    api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)
    assert api.call("GET", "/a").status == 200
    deadline = time.monotonic() + 10
    while not caplog.messages and time.monotonic() < deadline:
        time.sleep(0.02)
    assert caplog.messages == [
        "log group /no/such/group did not take its events: it does not exist; further errors of the group are not shown"
    ]
