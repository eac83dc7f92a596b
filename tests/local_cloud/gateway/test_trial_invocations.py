"""TestInvokeMethod: a method is called as it is defined, deployed or not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import DeployedApi

MakeApi = Callable[..., DeployedApi]


def test_a_method_is_called_without_a_deployment(make_api: MakeApi) -> None:
    keys = ("path", "pathParameters", "queryStringParameters", "stageVariables", "body")
    api = make_api(
        lambda event: {
            "statusCode": 201,
            "headers": {"X-A": "1"},
            "body": json.dumps({key: event[key] for key in keys}),
        }
    )
    resource = api.method("/a/{id}", "POST", authorizationType="AWS_IAM")
    answer = api.aws.test_invoke_method(
        restApiId=api.api_id,
        resourceId=resource,
        httpMethod="POST",
        pathWithQueryString="/a/7?q=x",
        body="{}",
        headers={"Content-Type": "application/json"},
        stageVariables={"v": "1"},
    )
    assert (answer["status"], answer["headers"]["X-A"], answer["multiValueHeaders"]["X-A"]) == (
        201,
        "1",
        ["1"],
    )
    assert json.loads(answer["body"]) == {
        "path": "/a/7",
        "pathParameters": {"id": "7"},
        "queryStringParameters": {"q": "x"},
        "stageVariables": {"v": "1"},
        "body": "{}",
    }
    assert answer["latency"] >= 0
    assert answer["log"].startswith("Execution log for request ")


def test_any_stands_for_the_method_that_is_tried(make_api: MakeApi) -> None:
    api = make_api(lambda event: {"statusCode": 200, "body": event["httpMethod"]})
    resource = api.method("/a", "ANY")
    answer = api.aws.test_invoke_method(restApiId=api.api_id, resourceId=resource, httpMethod="DELETE")
    assert (answer["status"], answer["body"]) == (200, "DELETE")


def test_the_gateways_own_errors_and_unknown_methods(make_api: MakeApi) -> None:
    api = make_api(lambda _: {"wrong": 1})
    resource = api.method("/a", "GET")
    place = {"restApiId": api.api_id, "resourceId": resource}
    assert api.aws.test_invoke_method(**place, httpMethod="GET")["status"] == 502
    for given in ({"httpMethod": "PUT"}, {"httpMethod": "GET", "pathWithQueryString": "/b"}):
        with pytest.raises(ClientError) as refused:
            api.aws.test_invoke_method(**place, **given)
        assert refused.value.response["Error"]["Code"] == "NotFoundException"
