"""Requests that API Gateway rejects: an apply that would fail on AWS fails here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]


def refused(call: Callable[..., Any], **given: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**given)
    return str(error.value.response["Error"]["Code"])


@pytest.fixture
def api(make_api: MakeApi) -> DeployedApi:
    return make_api(lambda _: {"statusCode": 200})


def test_resources(api: DeployedApi) -> None:
    def create(part: str, parent: str | None = None) -> dict[str, Any]:
        return {"restApiId": api.api_id, "parentId": parent or api.root_id, "pathPart": part}

    created = api.aws.create_resource(**create("{proxy+}"))["id"]
    assert refused(api.aws.create_resource, **create("{dynamic}")) == "BadRequestException"
    assert refused(api.aws.create_resource, **create("{proxy+}")) == "ConflictException"
    assert refused(api.aws.create_resource, **create("below", created)) == "BadRequestException"
    assert refused(api.aws.create_resource, **create("a", "none")) == "NotFoundException"
    for part in ("{b", "a{b}", "a b", "{a}b", "a/b"):
        assert refused(api.aws.create_resource, **create(part)) == "BadRequestException"


def test_a_resource_is_deleted_with_all_below_it(api: DeployedApi) -> None:
    api.resource("/a/b/c")
    api.aws.delete_resource(restApiId=api.api_id, resourceId=api.resource("/a"))
    paths = [item["path"] for item in api.aws.get_resources(restApiId=api.api_id)["items"]]
    assert paths == ["/"]
    assert (
        refused(api.aws.delete_resource, restApiId=api.api_id, resourceId=api.root_id)
        == "BadRequestException"
    )


def test_methods(api: DeployedApi) -> None:
    place = {"restApiId": api.api_id, "resourceId": api.root_id}
    plain = {**place, "authorizationType": "NONE"}
    assert refused(api.aws.put_method, **plain, httpMethod="WRONG") == "BadRequestException"
    assert (
        refused(api.aws.put_method, **place, httpMethod="GET", authorizationType="OPEN")
        == "BadRequestException"
    )
    both = {"method.request.querystring.a": True, "method.request.header.a": True}
    assert (
        refused(api.aws.put_method, **plain, httpMethod="GET", requestParameters=both)
        == "BadRequestException"
    )
    models = {"application/json": "None"}
    assert (
        refused(api.aws.put_method, **plain, httpMethod="GET", requestModels=models) == "BadRequestException"
    )
    api.aws.put_method(**plain, httpMethod="GET")
    assert refused(api.aws.put_method, **plain, httpMethod="GET") == "ConflictException"
    uri = "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem"
    proxy = {"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri}
    assert refused(api.aws.put_integration, **place, httpMethod="GET", **proxy) == "BadRequestException"


def test_models(api: DeployedApi) -> None:
    model = {"restApiId": api.api_id, "name": "Order", "contentType": "application/json"}
    for schema in ("", "{no json"):
        assert refused(api.aws.create_model, **model, schema=schema) == "BadRequestException"
    api.aws.create_model(**model, schema="{}")
    assert refused(api.aws.create_model, **model, schema="{}") == "ConflictException"
    api.method("/a", "POST", requestModels={"application/json": "Order"})
    named = {"restApiId": api.api_id, "modelName": "Order"}
    assert refused(api.aws.delete_model, **named) == "ConflictException"
    api.aws.delete_resource(restApiId=api.api_id, resourceId=api.resource("/a"))
    api.aws.delete_model(**named)


def test_values_that_are_too_long_or_empty(api: DeployedApi, cloud: CloudInThread) -> None:
    aws = cloud.client("apigateway")
    assert refused(aws.create_api_key, name="a", value="x" * 129) == "BadRequestException"
    assert refused(aws.create_api_key, name="a" * 1025) == "BadRequestException"
    assert refused(aws.create_rest_api, name="a", description="") == "BadRequestException"
    assert refused(aws.delete_rest_api, restApiId="none") == "NotFoundException"
    put = {"restApiId": api.api_id, "responseType": "FOO"}
    assert refused(aws.put_gateway_response, **put) == "ValidationException"
    size = [{"op": "replace", "path": "/minimumCompressionSize", "value": "many"}]
    assert refused(aws.update_rest_api, restApiId=api.api_id, patchOperations=size) == "BadRequestException"
    size[0]["value"] = ""
    aws.update_rest_api(restApiId=api.api_id, patchOperations=size)
    resource = api.resource("/a")
    moved = [{"op": "replace", "path": "/parentId", "value": "none"}]
    change = {"restApiId": api.api_id, "resourceId": resource, "patchOperations": moved}
    assert refused(aws.update_resource, **change) == "NotFoundException"
    assert len(aws.get_resources(restApiId=api.api_id)["items"]) == 2


def test_a_key_that_is_deleted_leaves_its_plans(cloud: CloudInThread) -> None:
    aws = cloud.client("apigateway")
    key, plan = aws.create_api_key(name="k")["id"], aws.create_usage_plan(name="p")["id"]
    aws.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    aws.delete_api_key(apiKey=key)
    assert aws.get_usage_plan_keys(usagePlanId=plan)["items"] == []


def test_stages_of_a_deployment(api: DeployedApi) -> None:
    api.method("/a")
    api.deploy("one")
    second = api.deploy("two")
    stages = api.aws.get_stages(restApiId=api.api_id, deploymentId=second)["item"]
    assert [stage["stageName"] for stage in stages] == ["two"]
