"""Snapshots of deployments, and the settings that moto's control plane has at the time of a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import ACCOUNT, CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]
MakeFunction = Callable[[Callable[[Any], Any]], str]

MISSING = {"message": "Missing Authentication Token"}
FORBIDDEN = {"message": "Forbidden"}
INTERNAL = {"message": "Internal server error"}


def answer(text: str) -> Callable[[Any], Any]:
    return lambda _event: {"statusCode": 200, "body": text}


def outcome(response: Any) -> tuple[int, Any]:
    try:
        return response.status, json.loads(response.content)
    except ValueError:
        return response.status, response.content.decode()


def test_nothing_is_served_before_it_is_deployed(make_api: MakeApi) -> None:
    api = make_api(answer("one"))
    api.method("/a")
    assert outcome(api.call("GET", "/a")) == (403, FORBIDDEN)
    api.deploy()
    assert outcome(api.call("GET", "/a")) == (200, "one")
    api.method("/b")
    assert outcome(api.call("GET", "/b")) == (403, MISSING)
    api.deploy()
    assert outcome(api.call("GET", "/b")) == (200, "one")


def test_a_deployment_keeps_what_is_changed_or_deleted_afterwards(
    make_api: MakeApi, make_function: MakeFunction
) -> None:
    api = make_api(answer("old"))
    resource = api.method("/a", "GET")
    api.method("/a", "PUT")
    api.deploy()
    other = make_function(answer("new"))
    uri = api.proxy_integration(other)["uri"]
    api.aws.update_integration(
        restApiId=api.api_id,
        resourceId=resource,
        httpMethod="GET",
        patchOperations=[{"op": "replace", "path": "/uri", "value": uri}],
    )
    api.aws.delete_method(restApiId=api.api_id, resourceId=resource, httpMethod="PUT")
    operations = [{"op": "add", "path": "/binaryMediaTypes/*~1*"}]
    api.aws.update_rest_api(restApiId=api.api_id, patchOperations=operations)
    assert outcome(api.call("GET", "/a")) == (200, "old")
    assert outcome(api.call("PUT", "/a")) == (200, "old")
    api.deploy()
    assert outcome(api.call("PUT", "/a")) == (403, MISSING)
    assert outcome(api.call("GET", "/a")) == (500, INTERNAL)  # the new function has no permission yet


def test_a_stage_serves_the_deployment_it_points_to(make_api: MakeApi) -> None:
    api = make_api(answer("x"))
    api.method("/a")
    first = api.deploy("one")
    api.method("/b")
    second = api.deploy("two")

    def status(stage: str) -> int:
        return int(api.cloud.request("GET", f"/_aws/execute-api/{api.api_id}/{stage}/b").status)

    assert (status("one"), status("two")) == (403, 200)
    for stage, deployment in (("one", second), ("two", first)):
        operations = [{"op": "replace", "path": "/deploymentId", "value": deployment}]
        api.aws.update_stage(restApiId=api.api_id, stageName=stage, patchOperations=operations)
    assert (status("one"), status("two")) == (200, 403)


def test_a_deployment_that_is_served_cannot_be_deleted(make_api: MakeApi) -> None:
    api = make_api(answer("x"))
    api.method("/a")
    deployment = api.deploy()
    with pytest.raises(ClientError) as caught:
        api.aws.delete_deployment(restApiId=api.api_id, deploymentId=deployment)
    assert caught.value.response["Error"] == {
        "Code": "BadRequestException",
        "Message": "Active stages pointing to this deployment must be moved or deleted",
    }
    api.aws.delete_stage(restApiId=api.api_id, stageName="stage")
    assert outcome(api.call("GET", "/a")) == (403, FORBIDDEN)
    api.aws.delete_deployment(restApiId=api.api_id, deploymentId=deployment)
    with pytest.raises(ClientError) as caught:
        api.aws.get_deployment(restApiId=api.api_id, deploymentId=deployment)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_an_api_that_is_deleted_is_gone(make_api: MakeApi) -> None:
    api = make_api(answer("x"))
    api.method("/a")
    api.deploy()
    api.aws.delete_rest_api(restApiId=api.api_id)
    assert outcome(api.call("GET", "/a")) == (403, FORBIDDEN)


def test_an_api_whose_default_endpoint_is_disabled_answers_403(make_api: MakeApi) -> None:
    api = make_api(answer("x"), disableExecuteApiEndpoint=True)
    api.method("/a")
    api.deploy()
    assert outcome(api.call("GET", "/a")) == (403, FORBIDDEN)


def test_a_permission_counts_from_the_moment_it_is_given_until_it_is_taken(
    make_api: MakeApi, cloud: CloudInThread
) -> None:
    api = make_api(answer("x"))
    api.method("/a/{id}", "POST")
    api.deploy()
    functions = cloud.client("lambda")
    functions.remove_permission(FunctionName=api.function_arn, StatementId="all")
    assert outcome(api.call("POST", "/a/1")) == (500, INTERNAL)
    functions.add_permission(
        FunctionName=api.function_arn,
        StatementId="exact",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api.api_id}/*/POST/a/*",
        SourceAccount=ACCOUNT,
    )
    assert outcome(api.call("POST", "/a/1")) == (200, "x")
    functions.remove_permission(FunctionName=api.function_arn, StatementId="exact")
    assert outcome(api.call("POST", "/a/1")) == (500, INTERNAL)


def test_an_alias_needs_a_permission_of_its_own(make_api: MakeApi, cloud: CloudInThread) -> None:
    api = make_api(answer("x"))
    functions = cloud.client("lambda")
    version = functions.publish_version(FunctionName=api.function_arn)["Version"]
    functions.create_alias(FunctionName=api.function_arn, Name="live", FunctionVersion=version)
    api.method("/a", integration=api.proxy_integration(f"{api.function_arn}:live"))
    api.deploy()
    assert outcome(api.call("GET", "/a")) == (500, INTERNAL)
    functions.add_permission(
        FunctionName=api.function_arn,
        Qualifier="live",
        StatementId="all",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    assert outcome(api.call("GET", "/a")) == (200, "x")
    assert cloud.functions.invoked[-1] == f"{api.function_arn}:live"


def test_stage_variables_choose_the_function(make_api: MakeApi, make_function: MakeFunction) -> None:
    api = make_api(answer("unused"))
    blue, green = make_function(answer("blue")), make_function(answer("green"))
    for function in (blue, green):
        api.cloud.client("lambda").add_permission(
            FunctionName=function,
            StatementId="all",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:${{stageVariables.function}}"
    api.method("/a", integration=api.proxy_integration(arn))
    api.deploy()
    assert outcome(api.call("GET", "/a")) == (500, INTERNAL)  # a variable that is not set is empty
    for function, text in ((blue, "blue"), (green, "green")):
        operation = {"op": "replace", "path": "/variables/function", "value": function.split(":")[-1]}
        api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=[operation])
        assert outcome(api.call("GET", "/a")) == (200, text)


def test_a_function_that_is_deleted_is_500(make_api: MakeApi, cloud: CloudInThread) -> None:
    api = make_api(answer("x"))
    api.method("/a")
    api.deploy()
    cloud.client("lambda").delete_function(FunctionName=api.function_arn)
    assert outcome(api.call("GET", "/a")) == (500, INTERNAL)


def test_the_log_says_why(make_api: MakeApi, cloud: CloudInThread) -> None:
    api = make_api(answer("x"))
    api.method("/a")
    api.deploy()
    cloud.client("lambda").remove_permission(FunctionName=api.function_arn, StatementId="all")
    api.call("GET", "/a")
    api.call("GET", "/b")
    log = (cloud.directory / "logs" / "requests.log").read_text()
    name = api.aws.get_rest_api(restApiId=api.api_id)["name"]
    function = api.function_arn.split(":")[-1]
    source = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api.api_id}/stage/GET/a"
    assert f"{name}/stage no permission on {function} for {source}\n" in log
    assert f"{name}/stage {name} has no method for GET /b\n" in log
