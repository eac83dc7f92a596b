"""Defaults of a REST API, lists in pages, and deployments to a stage that exists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]
MESSAGE = {"application/json": '{"message":$context.error.messageString}'}


@pytest.fixture
def api(make_api: MakeApi) -> DeployedApi:
    return make_api(lambda _: {"statusCode": 200})


def test_an_api_is_created_with_two_models(api: DeployedApi) -> None:
    models = api.aws.get_models(restApiId=api.api_id)["items"]
    assert [(model["name"], json.loads(model["schema"])["title"]) for model in models] == [
        ("Empty", "Empty Schema"),
        ("Error", "Error Schema"),
    ]
    with pytest.raises(ClientError, match="already exists"):
        api.aws.create_model(restApiId=api.api_id, name="Error", contentType="application/json", schema="{}")


def test_gateway_responses_have_defaults(api: DeployedApi) -> None:
    rest = {"restApiId": api.api_id}
    responses = {item["responseType"]: item for item in api.aws.get_gateway_responses(**rest)["items"]}
    assert len(responses) == 21
    assert all(
        item["defaultResponse"] and item["responseTemplates"] == MESSAGE for item in responses.values()
    )
    assert (responses["THROTTLED"]["statusCode"], responses["RESOURCE_NOT_FOUND"]["statusCode"]) == (
        "429",
        "404",
    )
    assert "statusCode" not in responses["DEFAULT_4XX"]
    api.aws.put_gateway_response(
        **rest, responseType="THROTTLED", responseParameters={"gatewayresponse.header.x": "'1'"}
    )
    own = api.aws.get_gateway_response(**rest, responseType="THROTTLED")
    assert (own["defaultResponse"], own["statusCode"], own["responseTemplates"]) == (False, "429", MESSAGE)
    api.aws.delete_gateway_response(**rest, responseType="THROTTLED")
    assert api.aws.get_gateway_response(**rest, responseType="THROTTLED")["defaultResponse"]


def test_lists_come_in_pages(cloud: CloudInThread) -> None:
    client = cloud.client("apigateway")
    created = {client.create_api_key(name=f"paged-{number}")["id"] for number in range(5)}
    pages = client.get_paginator("get_api_keys").paginate(
        PaginationConfig={"PageSize": 2}, nameQuery="paged-"
    )
    found = [[item["id"] for item in page["items"]] for page in pages]
    assert [len(page) for page in found] == [2, 2, 1]
    assert {key for page in found for key in page} == created
    with pytest.raises(ClientError, match="Invalid position parameter"):
        client.get_api_keys(position="?")


def test_a_deployment_to_a_stage_that_exists_keeps_its_settings(api: DeployedApi) -> None:
    api.method("/a")
    rest = {"restApiId": api.api_id, "stageName": "dev"}

    def stage() -> dict[str, Any]:
        described = api.aws.get_stage(**rest)
        return {
            name: described.get(name)
            for name in ("deploymentId", "description", "variables", "canarySettings")
        }

    first = api.aws.create_deployment(**rest, stageDescription="all", variables={"color": "blue"})["id"]
    canary = {"percentTraffic": 40.0, "stageVariableOverrides": {"color": "green"}, "useStageCache": False}
    second = api.aws.create_deployment(**rest, canarySettings=canary)["id"]
    assert stage() == {
        "deploymentId": first,
        "description": "all",
        "variables": {"color": "blue"},
        "canarySettings": {**canary, "deploymentId": second},
    }
    third = api.aws.create_deployment(**rest, variables={"size": "1"})["id"]
    assert (stage()["deploymentId"], stage()["description"]) == (third, "all")
    assert stage()["variables"] == {"color": "blue", "size": "1"}


def test_the_vpc_link_of_an_integration_is_stored_and_changed(api: DeployedApi) -> None:
    resource = api.method("/a")
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "POST"}
    given = {"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://127.0.0.1/"}
    api.aws.put_method(**ids, authorizationType="NONE")
    assert api.aws.put_integration(**ids, **given)["connectionType"] == "INTERNET"
    api.aws.put_integration(**ids, **given, connectionType="VPC_LINK", connectionId="one")
    assert api.aws.get_integration(**ids)["connectionId"] == "one"
    change = [{"op": "replace", "path": "/connectionId", "value": "two"}]
    assert api.aws.update_integration(**ids, patchOperations=change)["connectionId"] == "two"
    api.deploy()
    answer = api.call("POST", "/a")
    assert (answer.status, json.loads(answer.content)["feature"]) == (501, "VPC links")
