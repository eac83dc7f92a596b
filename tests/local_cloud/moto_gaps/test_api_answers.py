"""Answers of API Gateway's control plane, as they were recorded on AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import ACCOUNT, CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]


@pytest.fixture
def api(make_api: MakeApi) -> DeployedApi:
    return make_api(lambda _event: {"statusCode": 200})


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key not in ("ResponseMetadata", *names)}


def error_of(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_api_without_settings(cloud: CloudInThread) -> None:
    aws = cloud.client("apigateway")
    created = aws.create_rest_api(name="n", version="v1")
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {
        "name": "n",
        "version": "v1",
        "apiKeySource": "HEADER",
        "disableExecuteApiEndpoint": False,
        "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
    }
    assert without(created, "id", "createdDate", "rootResourceId") == expected
    found = aws.get_rest_api(restApiId=created["id"])
    assert without(found, "id", "createdDate", "rootResourceId") == {**expected, "tags": {}}
    deleted = aws.delete_rest_api(restApiId=created["id"])
    assert (deleted["ResponseMetadata"]["HTTPStatusCode"], without(deleted)) == (202, {})


def test_a_private_api_is_dualstack(cloud: CloudInThread) -> None:
    aws = cloud.client("apigateway")
    private = {"types": ["PRIVATE"]}
    created = aws.create_rest_api(name="n", endpointConfiguration=private)
    assert created["endpointConfiguration"]["ipAddressType"] == "dualstack"
    assert error_of(
        aws.create_rest_api, name="n", endpointConfiguration={**private, "ipAddressType": "ipv4"}
    ) == ("BadRequestException", "Only dualstack ipAddressType is supported for Private APIs.")


def test_an_integration_has_its_defaults(api: DeployedApi) -> None:
    resource = api.method("/a", "GET", integration={"type": "MOCK", "uri": "http://a.example"})
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "GET"}
    assert without(api.aws.get_integration(**ids)) == {
        "type": "MOCK",
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000,
        "cacheNamespace": resource,
        "cacheKeyParameters": [],
    }


def test_a_stage_has_its_defaults(api: DeployedApi) -> None:
    api.method("/a")
    deployment = api.aws.create_deployment(restApiId=api.api_id)["id"]
    api.aws.create_stage(restApiId=api.api_id, stageName="s", deploymentId=deployment)
    stage = api.aws.get_stage(restApiId=api.api_id, stageName="s")
    assert without(stage, "createdDate", "lastUpdatedDate") == {
        "stageName": "s",
        "deploymentId": deployment,
        "cacheClusterEnabled": False,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tracingEnabled": False,
    }
    assert stage["createdDate"] <= stage["lastUpdatedDate"]


def test_constraints_of_the_model(api: DeployedApi) -> None:
    ids = {"restApiId": api.api_id, "resourceId": api.root_id, "httpMethod": "GET"}
    kind = "1 validation error detected: Value 'HTTPS' at 'putIntegrationInput.type' failed to satisfy constraint: "
    assert error_of(api.aws.put_integration, **ids, type="HTTPS") == (
        "ValidationException",
        kind + "Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]",
    )
    operations = [{"op": "replace", "path": "/name", "value": "a"}, {"op": "wrong", "path": "/name"}]
    code, message = error_of(api.aws.update_rest_api, restApiId=api.api_id, patchOperations=operations)
    assert code == "ValidationException"
    assert "Value 'wrong' at 'updateRestApiInput.patchOperations.2.member.op'" in message
    assert "name" not in message
    code, message = error_of(
        api.aws.create_rest_api, name="n", endpointConfiguration={"types": ["A"], "ipAddressType": "b"}
    )
    assert message.startswith(
        "2 validation errors detected: Value '[A]' at 'createRestApiInput.endpointConfiguration.types' failed to satisfy "
        "constraint: Member must satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]; "
    )


def test_what_is_missing_is_named(api: DeployedApi) -> None:
    aws, none = api.aws, {"restApiId": "none"}
    missing_api = ("NotFoundException", f"Invalid API identifier specified {ACCOUNT}:none")
    missing_resource = ("NotFoundException", "Invalid Resource identifier specified")
    validator = ("NotFoundException", "Invalid Request Validator identifier specified")
    here = {"restApiId": api.api_id}
    assert error_of(aws.get_rest_api, **none) == missing_api
    assert error_of(aws.update_rest_api, **none, patchOperations=[]) == missing_api
    assert error_of(aws.get_method, **none, resourceId="r", httpMethod="GET") == missing_resource
    assert error_of(aws.get_resource, **here, resourceId="r") == missing_resource
    assert error_of(aws.delete_resource, **here, resourceId="r") == missing_resource
    assert error_of(aws.get_request_validator, **none, requestValidatorId="v") == validator
    assert error_of(aws.delete_request_validator, **here, requestValidatorId="v") == validator
    assert error_of(aws.get_model, **none, modelName="M") == (
        "NotFoundException",
        "Invalid model name specified: M",
    )
    assert error_of(aws.delete_vpc_link, vpcLinkId="v") == (
        "NotFoundException",
        "Invalid Vpc Link identifier specified",
    )
    assert error_of(aws.delete_method, **here, resourceId=api.root_id, httpMethod="GET") == (
        "NotFoundException",
        "Invalid Method identifier specified",
    )
    assert error_of(aws.delete_gateway_response, **here, responseType="THROTTLED") == (
        "NotFoundException",
        "Gateway response type not defined on api",
    )


def test_a_method_names_an_authorizer_and_a_validator_that_exist(api: DeployedApi) -> None:
    ids = {"restApiId": api.api_id, "resourceId": api.root_id, "httpMethod": "GET"}
    code, message = error_of(api.aws.put_method, **ids, authorizationType="CUSTOM", authorizerId="none")
    assert (code, message.partition(".")[0]) == (
        "BadRequestException",
        "Invalid authorizer ID specified",
    )
    assert error_of(api.aws.put_method, **ids, authorizationType="NONE", requestValidatorId="none") == (
        "BadRequestException",
        "Invalid Request Validator identifier specified",
    )


def test_resources_are_moved_where_aws_lets_them(api: DeployedApi) -> None:
    aws, here = api.aws, {"restApiId": api.api_id}

    def create(parent: str, part: str) -> str:
        return str(aws.create_resource(**here, parentId=parent, pathPart=part)["id"])

    def move(resource: str, path: str, value: str) -> dict[str, Any]:
        return {
            **here,
            "resourceId": resource,
            "patchOperations": [{"op": "replace", "path": path, "value": value}],
        }

    pets = create(api.root_id, "pets")
    below = create(pets, "below")
    twin = create(below, "pets")
    assert error_of(aws.update_resource, **move(api.root_id, "/pathPart", "x")) == (
        "BadRequestException",
        "Root resource cannot update its pathPart.",
    )
    assert error_of(aws.update_resource, **move(pets, "/parentId", below)) == (
        "BadRequestException",
        "Resources cannot be cyclical.",
    )
    assert error_of(aws.update_resource, **move(twin, "/parentId", api.root_id)) == (
        "ConflictException",
        "Another resource with the same parent already has this name: pets",
    )
    remove = {"op": "remove", "path": "/pathPart"}
    assert error_of(aws.update_resource, **here, resourceId=pets, patchOperations=[remove]) == (
        "BadRequestException",
        "Invalid patch path  '/pathPart' specified for op 'remove'. Please choose supported operations",
    )
    assert aws.update_resource(**move(below, "/parentId", api.root_id))["path"] == "/below"


@pytest.mark.parametrize("size", ["-1", "much", "10485761"])
def test_compression_sizes_that_aws_rejects(api: DeployedApi, size: str) -> None:
    operation = {"op": "replace", "path": "/minimumCompressionSize", "value": size}
    assert error_of(api.aws.update_rest_api, restApiId=api.api_id, patchOperations=[operation]) == (
        "BadRequestException",
        "Invalid minimum compression size, must be between 0 and 10485760",
    )


def test_gateway_responses_follow_the_default_of_their_class(api: DeployedApi) -> None:
    aws, here = api.aws, {"restApiId": api.api_id}
    aws.put_gateway_response(**here, responseType="DEFAULT_5XX", statusCode="599")
    found = {item["responseType"]: item for item in aws.get_gateway_responses(**here)["items"]}
    assert (found["INTEGRATION_TIMEOUT"]["statusCode"], found["THROTTLED"]["statusCode"]) == ("599", "429")
    operation = {"op": "replace", "path": "/statusCode", "value": "444"}
    updated = aws.update_gateway_response(**here, responseType="THROTTLED", patchOperations=[operation])
    assert (updated["statusCode"], updated["defaultResponse"]) == ("444", False)
    assert aws.get_gateway_response(**here, responseType="THROTTLED")["statusCode"] == "444"


def test_a_validator_is_updated(api: DeployedApi) -> None:
    aws, here = api.aws, {"restApiId": api.api_id}
    identifier = aws.create_request_validator(**here, name="v", validateRequestBody=True)["id"]
    ids = {**here, "requestValidatorId": identifier}
    off = [{"op": "replace", "path": "/validateRequestBody"}]
    assert aws.update_request_validator(**ids, patchOperations=off)["validateRequestBody"] is False
    assert error_of(
        aws.update_request_validator, **ids, patchOperations=[{"op": "add", "path": "/name", "value": "w"}]
    ) == (
        "BadRequestException",
        "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations",
    )


def test_access_log_settings_that_aws_rejects(api: DeployedApi) -> None:
    api.method("/a")
    api.deploy()
    ids = {"restApiId": api.api_id, "stageName": api.stage}
    for operation, message in (
        (
            {"op": "replace", "path": "/accessLogSettings/other", "value": "x"},
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
        ),
        (
            {"op": "replace", "path": "/accessLogSettings/format", "value": ""},
            "Access Log value must not be empty",
        ),
        (
            {"op": "remove", "path": "/accessLogSettings/format"},
            "Cannot remove method setting accessLogSettings/format because there is no method setting for this method ",
        ),
    ):
        assert error_of(api.aws.update_stage, **ids, patchOperations=[operation]) == (
            "BadRequestException",
            message,
        )


def test_a_canary_needs_a_stage(api: DeployedApi) -> None:
    api.method("/a")
    settings = {"percentTraffic": 50.0}
    code, message = error_of(api.aws.create_deployment, restApiId=api.api_id, canarySettings=settings)
    assert (code, message.endswith("Provided value is null")) == ("BadRequestException", True)
    _, message = error_of(
        api.aws.create_deployment, restApiId=api.api_id, stageName="none", canarySettings=settings
    )
    assert message.endswith("Stage none must already be created before making a canary release deployment")


def test_what_a_document_implies(cloud: CloudInThread) -> None:
    aws = cloud.client("apigateway")
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}
    document = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "https://a.example", "variables": {"basePath": {"default": "/base"}}}],
        "components": {"schemas": {"Pet": {"type": "object"}}},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "paths": {
            "/pets/{id}": {
                "get": {
                    "responses": {"200": {"content": content}},
                    "x-amazon-apigateway-integration": {
                        "type": "mock",
                        "requestParameters": {"integration.request.header.a": True},
                    },
                }
            }
        },
    }
    api = aws.create_rest_api(name="n", binaryMediaTypes=["image/heif"])["id"]
    answer = aws.put_rest_api(
        restApiId=api, body=json.dumps(document), mode="merge", parameters={"basepath": "prepend"}
    )
    assert answer["binaryMediaTypes"] == ["image/heif", "image/png"]
    (warning,) = answer["warnings"]
    assert warning == (
        "Invalid format for 'requestParameters'. Expected type string for property 'integration.request.header.a' of "
        "resource '/base/pets/{id}' and method 'GET' but got 'true'"
    )
    resources = {item["path"]: item["id"] for item in aws.get_resources(restApiId=api)["items"]}
    method = aws.get_method(restApiId=api, resourceId=resources["/base/pets/{id}"], httpMethod="GET")
    assert method["requestParameters"] == {"method.request.path.id": True}
    assert method["methodResponses"]["200"]["responseModels"] == {"application/json": "Pet"}
    assert "requestParameters" not in method["methodIntegration"]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("bad:lambda:path/2015-03-31/functions/f/invocations", "Invalid ARN specified in the request"),
        ("arn:aws:lambda:us-east-1:1:function:f", "AWS ARN for integration must contain path or action"),
        (
            "arn:aws:apigateway:us-east-1:lambda:path/random/value/f/invocations",
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        ),
    ],
)
def test_uris_that_aws_rejects(api: DeployedApi, uri: str, message: str) -> None:
    resource = api.method("/a", "GET", integration={"type": "MOCK"})
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "GET"}
    put = {**ids, "type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri}
    assert error_of(api.aws.put_integration, **put) == ("BadRequestException", message)
    del put["integrationHttpMethod"]
    assert error_of(api.aws.put_integration, **put) == (
        "BadRequestException",
        "Enumeration value for HttpMethod must be non-empty",
    )


def test_an_empty_selection_pattern_is_written(api: DeployedApi) -> None:
    resource = api.method("/a", "GET", integration={"type": "MOCK"})
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "GET", "statusCode": "200"}
    api.aws.put_method_response(**ids)
    assert "selectionPattern" not in api.aws.put_integration_response(**ids)
    assert api.aws.put_integration_response(**ids, selectionPattern="")["selectionPattern"] == ""


def test_api_keys_are_listed_and_updated(cloud: CloudInThread) -> None:
    aws = cloud.client("apigateway")
    first, second = (aws.create_api_key(name=f"answers-{name}")["id"] for name in "ab")
    listed = aws.get_api_keys(nameQuery="answers-")
    assert [item["id"] for item in listed["items"]] == [second, first]
    empty = aws.get_api_keys(nameQuery="answers-", limit=0)
    assert (empty["items"], "position" in empty) == ([], False)
    operation = {"op": "replace", "path": "/enabled", "value": "true"}
    updated = aws.update_api_key(apiKey=first, patchOperations=[operation])
    assert (updated["enabled"], updated["tags"], "value" in updated) == (True, {}, False)
    assert error_of(
        aws.update_api_key, apiKey=first, patchOperations=[{"op": "replace", "path": "/id", "value": "x"}]
    ) == (
        "BadRequestException",
        "Invalid patch path  '/id' specified for op 'replace'. Must be one of: [/description, /enabled, /name, /customerId]",
    )
    too_long = {"op": "replace", "path": "/description", "value": "a" * 125_001}
    assert error_of(aws.update_api_key, apiKey=first, patchOperations=[too_long]) == (
        "BadRequestException",
        "Invalid API Key description specified.",
    )
