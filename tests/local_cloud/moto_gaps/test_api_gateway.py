"""Gaps of moto's API Gateway that Terraform needs closed: each patch does what it is for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.apigateway.exceptions import BadRequestException

from local_cloud.moto_gaps.json_patch import apply_patch
from tests.support.cloud_in_thread import REGION, CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]


def replace(path: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": path, "value": value}


def add(path: str, value: str | None = None) -> dict[str, str]:
    return {"op": "add", "path": path} | ({} if value is None else {"value": value})


def remove(path: str, value: str | None = None) -> dict[str, str]:
    return {"op": "remove", "path": path} | ({} if value is None else {"value": value})


def without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


@pytest.fixture
def api(make_api: MakeApi) -> DeployedApi:
    return make_api(lambda _event: {"statusCode": 200})


# --- patch operations -------------------------------------------------------------------------------------------


class Thing:
    def __init__(self) -> None:
        self.uri, self.timeout_in_millis = "old", 1
        self.request_templates: dict[str, str] | None = {"a/b": "1"}
        self.cache_key_parameters: list[str] | None = ["x", "y"]
        self.tls_config = None


@pytest.mark.parametrize(
    ("operation", "attribute", "expected"),
    [
        (replace("/uri", "new"), "uri", "new"),
        (remove("/uri"), "uri", None),
        (replace("/timeoutInMillis", "7"), "timeout_in_millis", 7),
        (
            replace("/tlsConfig/insecureSkipVerification", "true"),
            "tls_config",
            {"insecureSkipVerification": True},
        ),
        (
            replace("/tlsConfig/insecureSkipVerification", "false"),
            "tls_config",
            {"insecureSkipVerification": False},
        ),
        (add("/requestTemplates/c~1d", "2"), "request_templates", {"a/b": "1", "c/d": "2"}),
        (replace("/requestTemplates/a~1b", "3"), "request_templates", {"a/b": "3"}),
        (remove("/requestTemplates/a~1b"), "request_templates", {}),
        (remove("/requestTemplates/none"), "request_templates", {"a/b": "1"}),
        (add("/cacheKeyParameters/z~1z"), "cache_key_parameters", ["x", "y", "z/z"]),
        (add("/cacheKeyParameters", "z"), "cache_key_parameters", ["x", "y", "z"]),
        (add("/cacheKeyParameters/x"), "cache_key_parameters", ["x", "y"]),
        (remove("/cacheKeyParameters/x"), "cache_key_parameters", ["y"]),
        (remove("/cacheKeyParameters", "y"), "cache_key_parameters", ["x"]),
        (replace("/cacheKeyParameters/x", "w"), "cache_key_parameters", ["y", "w"]),
        (replace("/cacheKeyParameters", "only"), "cache_key_parameters", ["only"]),
    ],
)
def test_a_patch_operation(operation: dict[str, str], attribute: str, expected: object) -> None:
    thing = Thing()
    apply_patch(thing, "Integration", [operation])
    assert getattr(thing, attribute) == expected


def test_a_patch_starts_maps_and_lists_that_are_missing() -> None:
    thing = Thing()
    thing.request_templates = thing.cache_key_parameters = None
    apply_patch(thing, "Integration", [add("/requestTemplates/a", "1"), add("/cacheKeyParameters/m")])
    assert vars(thing) == vars(Thing()) | {"request_templates": {"a": "1"}, "cache_key_parameters": ["m"]}


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (replace("/other", "x"), "Invalid patch path /other"),
        (add("/requestTemplates", "x"), "Invalid patch path /requestTemplates"),
        (add("/uri", "x"), "Invalid patch path /uri"),
        (replace("/timeoutInMillis", "x"), "Invalid patch value 'x': it is not a number"),
        (
            {"op": "move", "path": "/uri"},
            "Invalid patch operation specified. Must be one of: [add, remove, replace], not move",
        ),
    ],
)
def test_a_patch_that_an_object_does_not_know_is_refused(operation: dict[str, str], message: str) -> None:
    with pytest.raises(BadRequestException) as caught:
        apply_patch(Thing(), "Integration", [operation])
    assert caught.value.message == message


# --- REST APIs --------------------------------------------------------------------------------------------------


def test_binary_media_types_are_kept_and_changed(make_api: MakeApi) -> None:
    api = make_api(lambda _event: {}, binaryMediaTypes=["image/png", "image/jpeg"])
    described = api.aws.get_rest_api(restApiId=api.api_id)
    assert described["binaryMediaTypes"] == ["image/png", "image/jpeg"]
    operations = [
        remove("/binaryMediaTypes/image~1png"),
        add("/binaryMediaTypes/*~1*"),
        replace("/binaryMediaTypes/image~1jpeg", "image/webp"),
    ]
    updated = api.aws.update_rest_api(restApiId=api.api_id, patchOperations=operations)
    assert updated["binaryMediaTypes"] == ["*/*", "image/webp"]


def test_settings_of_an_api_are_changed_as_they_are_sent(api: DeployedApi) -> None:
    operations = [
        replace("/name", "new"),
        replace("/description", "text"),
        replace("/apiKeySource", "AUTHORIZER"),
        replace("/disableExecuteApiEndpoint", "false"),
        replace("/minimumCompressionSize", "1024"),
        replace("/endpointConfiguration/types/0", "REGIONAL"),
        replace("/endpointConfiguration/ipAddressType", "dualstack"),
        add("/endpointConfiguration/vpcEndpointIds", "vpce-1"),
    ]
    updated = api.aws.update_rest_api(restApiId=api.api_id, patchOperations=operations)
    assert {
        key: updated[key] for key in ("name", "description", "apiKeySource", "minimumCompressionSize")
    } == {
        "name": "new",
        "description": "text",
        "apiKeySource": "AUTHORIZER",
        "minimumCompressionSize": 1024,
    }
    assert updated["disableExecuteApiEndpoint"] is False
    assert updated["endpointConfiguration"] == {
        "types": ["REGIONAL"],
        "ipAddressType": "dualstack",
        "vpcEndpointIds": ["vpce-1"],
    }
    operations = [remove("/description"), remove("/endpointConfiguration/vpcEndpointIds/vpce-1")]
    updated = api.aws.update_rest_api(restApiId=api.api_id, patchOperations=operations)
    assert "description" not in updated
    assert "vpcEndpointIds" not in updated["endpointConfiguration"]


def test_a_policy_is_written_as_the_inside_of_a_json_string(make_api: MakeApi) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    api = make_api(lambda _event: {}, policy=policy)
    described = api.aws.get_rest_api(restApiId=api.api_id)["policy"]
    assert json.loads(f'"{described}"') == policy


# --- the definition ---------------------------------------------------------------------------------------------


def test_a_method_is_updated(api: DeployedApi) -> None:
    resource = api.method("/a", "POST")
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "POST"}
    authorizer = api.aws.create_authorizer(
        restApiId=api.api_id,
        name="friends",
        type="TOKEN",
        authorizerUri="arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations",
        identitySource="method.request.header.Authorization",
    )["id"]
    validator = api.aws.create_request_validator(restApiId=api.api_id, name="all")["id"]
    operations = [
        replace("/authorizationType", "CUSTOM"),
        replace("/authorizerId", authorizer),
        replace("/apiKeyRequired", "true"),
        replace("/operationName", "op"),
        replace("/requestValidatorId", validator),
        add("/requestParameters/method.request.querystring.q", "true"),
        add("/requestModels/application~1json", "Pet"),
        add("/authorizationScopes", "read"),
    ]
    api.aws.update_method(**ids, patchOperations=operations)
    method = without_metadata(api.aws.get_method(**ids))
    del method["methodIntegration"]
    assert method == {
        "httpMethod": "POST",
        "authorizationType": "CUSTOM",
        "authorizerId": authorizer,
        "apiKeyRequired": True,
        "operationName": "op",
        "requestValidatorId": validator,
        "requestParameters": {"method.request.querystring.q": True},
        "requestModels": {"application/json": "Pet"},
        "authorizationScopes": ["read"],
    }


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (replace("/authorizationType", "CUSTOM"), "Invalid authorizer ID specified"),
        (replace("/requestValidatorId", "none"), "Invalid Request Validator identifier specified"),
        (add("/operationName", "op"), "Invalid patch operation specified. Must be one of: .replace."),
    ],
)
def test_an_update_of_a_method_that_is_rejected(
    api: DeployedApi, operation: dict[str, str], message: str
) -> None:
    ids = {"restApiId": api.api_id, "resourceId": api.method("/a", "POST"), "httpMethod": "POST"}
    with pytest.raises(ClientError, match=message):
        api.aws.update_method(**ids, patchOperations=[operation])
    assert api.aws.get_method(**ids)["authorizationType"] == "NONE"


def test_an_integration_is_updated(api: DeployedApi) -> None:
    resource = api.method("/a", "POST")
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "POST"}
    operations = [
        replace("/timeoutInMillis", "5000"),
        replace("/uri", "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations"),
        replace("/passthroughBehavior", "NEVER"),
        add("/requestTemplates/text~1plain", "x"),
        add("/requestParameters/integration.request.header.X", "'y'"),
        add("/cacheKeyParameters", "method.request.querystring.q"),
    ]
    updated = api.aws.update_integration(**ids, patchOperations=operations)
    assert (updated["timeoutInMillis"], updated["passthroughBehavior"]) == (5000, "NEVER")
    assert updated["uri"].endswith("/functions/f/invocations")
    assert updated["requestTemplates"] == {"text/plain": "x"}
    assert updated["requestParameters"] == {"integration.request.header.X": "'y'"}
    assert updated["cacheKeyParameters"] == ["method.request.querystring.q"]


def test_responses_are_updated(api: DeployedApi) -> None:
    integration = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    resource = api.method("/a", "OPTIONS", integration=integration)
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "OPTIONS", "statusCode": "200"}
    api.aws.put_method_response(**ids)
    api.aws.put_integration_response(**ids)
    header = "method.response.header.Vary"
    updated = api.aws.update_method_response(
        **ids,
        patchOperations=[
            add(f"/responseParameters/{header}", "true"),
            add("/responseModels/application~1json", "Empty"),
        ],
    )
    assert updated["responseParameters"] == {header: True}
    assert updated["responseModels"] == {"application/json": "Empty"}
    updated = api.aws.update_integration_response(
        **ids,
        patchOperations=[
            add(f"/responseParameters/{header}", "'Origin'"),
            add("/responseTemplates/application~1json", "{}"),
            replace("/selectionPattern", "2.."),
        ],
    )
    assert updated["responseParameters"] == {header: "'Origin'"}
    assert updated["responseTemplates"] == {"application/json": "{}"}
    assert updated["selectionPattern"] == "2.."


def test_resources_models_and_deployments_are_updated(api: DeployedApi) -> None:
    resource = api.method("/a")
    renamed = api.aws.update_resource(
        restApiId=api.api_id, resourceId=resource, patchOperations=[replace("/pathPart", "b")]
    )
    assert renamed["path"] == "/b"
    schema = json.dumps({"type": "object"})
    api.aws.create_model(restApiId=api.api_id, name="Pet", contentType="application/json", schema=schema)
    operations = [replace("/description", "a pet"), replace("/schema", "{}")]
    model = api.aws.update_model(restApiId=api.api_id, modelName="Pet", patchOperations=operations)
    assert (model["description"], model["schema"]) == ("a pet", "{}")
    deployment = api.deploy()
    updated = api.aws.update_deployment(
        restApiId=api.api_id, deploymentId=deployment, patchOperations=[replace("/description", "v2")]
    )
    assert updated["description"] == "v2"


def test_a_deployment_registers_no_mocks(api: DeployedApi) -> None:
    from moto.core.models import responses_mock

    before = len(responses_mock.registered())
    api.method("/a")
    api.deploy()
    assert len(responses_mock.registered()) == before


# --- what is gone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("get_deployment", {"deploymentId": "none"}),
        ("delete_deployment", {"deploymentId": "none"}),
        ("get_stage", {"stageName": "none"}),
        ("get_request_validator", {"requestValidatorId": "none"}),
        ("delete_request_validator", {"requestValidatorId": "none"}),
        ("delete_authorizer", {"authorizerId": "none"}),
        ("delete_resource", {"resourceId": "none"}),
        ("get_integration", {"httpMethod": "GET"}),
        ("delete_integration", {"httpMethod": "GET"}),
        ("get_method_response", {"httpMethod": "GET", "statusCode": "200"}),
        ("delete_method_response", {"httpMethod": "GET", "statusCode": "200"}),
        ("get_method", {"httpMethod": "PUT"}),
    ],
)
def test_what_is_not_there_is_404(api: DeployedApi, operation: str, arguments: dict[str, str]) -> None:
    resource = api.resource("/a")
    api.aws.put_method(restApiId=api.api_id, resourceId=resource, httpMethod="GET", authorizationType="NONE")
    needs_resource = "httpMethod" in arguments
    with pytest.raises(ClientError) as caught:
        getattr(api.aws, operation)(
            restApiId=api.api_id, **({"resourceId": resource} if needs_resource else {}), **arguments
        )
    answer = caught.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (
        404,
        "NotFoundException",
    )


@pytest.mark.parametrize("operation", ["get_integration_response", "delete_integration_response"])
def test_an_integration_response_that_is_not_there_is_404(api: DeployedApi, operation: str) -> None:
    resource = api.method("/a", "GET")
    with pytest.raises(ClientError) as caught:
        getattr(api.aws, operation)(
            restApiId=api.api_id, resourceId=resource, httpMethod="GET", statusCode="200"
        )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_deployment_without_an_integration_is_400(api: DeployedApi) -> None:
    resource = api.resource("/a")
    api.aws.put_method(restApiId=api.api_id, resourceId=resource, httpMethod="GET", authorizationType="NONE")
    with pytest.raises(ClientError) as caught:
        api.aws.create_deployment(restApiId=api.api_id)
    assert caught.value.response["Error"]["Message"] == "No integration defined for method"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


# --- stages -----------------------------------------------------------------------------------------------------


def test_method_settings_start_from_awss_defaults_and_can_be_removed(api: DeployedApi) -> None:
    api.method("/a")
    api.deploy()
    ids = {"restApiId": api.api_id, "stageName": "stage"}
    operations = [
        replace("/*/*/logging/loglevel", "ERROR"),
        replace("/vision~1text/POST/throttling/burstLimit", "7"),
    ]
    settings = api.aws.update_stage(**ids, patchOperations=operations)["methodSettings"]
    assert sorted(settings) == ["*/*", "vision~1text/POST"]
    assert settings["*/*"] == {
        "metricsEnabled": False,
        "loggingLevel": "ERROR",
        "dataTraceEnabled": False,
        "throttlingBurstLimit": 5000,
        "throttlingRateLimit": 10000.0,
        "cachingEnabled": False,
        "cacheTtlInSeconds": 300,
        "cacheDataEncrypted": False,
        "requireAuthorizationForCacheControl": True,
        "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    }
    assert settings["vision~1text/POST"] == settings["*/*"] | {"throttlingBurstLimit": 7}
    settings = api.aws.update_stage(**ids, patchOperations=[remove("/vision~1text/POST")])["methodSettings"]
    assert sorted(settings) == ["*/*"]
    with pytest.raises(ClientError) as caught:
        api.aws.update_stage(**ids, patchOperations=[remove("/a/GET")])
    assert caught.value.response["Error"]["Message"] == (
        "Cannot remove method setting a/GET because there is no method setting for this method "
    )


def test_a_stage_is_updated(api: DeployedApi) -> None:
    api.method("/a")
    api.deploy()
    ids = {"restApiId": api.api_id, "stageName": "stage"}
    arn = f"arn:aws:logs:{REGION}:123456789012:log-group:/x"
    operations = [
        replace("/description", "text"),
        replace("/tracingEnabled", "true"),
        replace("/variables/a", "1"),
        add("/variables/b", "2"),
        replace("/clientCertificateId", "c1"),
        replace("/accessLogSettings/destinationArn", arn),
        replace("/accessLogSettings/format", "$context.requestId"),
    ]
    stage = api.aws.update_stage(**ids, patchOperations=operations)
    assert (
        stage["description"],
        stage["tracingEnabled"],
        stage["variables"],
        stage["clientCertificateId"],
    ) == (
        "text",
        True,
        {"a": "1", "b": "2"},
        "c1",
    )
    assert stage["accessLogSettings"] == {"destinationArn": arn, "format": "$context.requestId"}
    operations = [remove("/variables/a"), replace("/tracingEnabled", "false"), remove("/accessLogSettings")]
    stage = api.aws.update_stage(**ids, patchOperations=operations)
    assert (stage["variables"], stage["tracingEnabled"]) == ({"b": "2"}, False)
    assert "accessLogSettings" not in stage


def test_canary_settings_are_kept_changed_and_taken_away(api: DeployedApi) -> None:
    api.method("/a")
    old, new = api.deploy(), api.aws.create_deployment(restApiId=api.api_id)["id"]
    where = {"restApiId": api.api_id, "stageName": "canary"}
    canary = {"percentTraffic": 10.0, "deploymentId": new, "stageVariableOverrides": {"a/b": "1", "c": "2"}}
    created = api.aws.create_stage(**where, deploymentId=old, canarySettings=canary)
    assert created["canarySettings"] == canary | {"useStageCache": False}
    updated = api.aws.update_stage(
        **where,
        patchOperations=[
            replace("/canarySettings/percentTraffic", "25.5"),
            replace("/canarySettings/stageVariableOverrides/c", "3"),
            remove("/canarySettings/stageVariableOverrides/a~1b"),
            replace("/canarySettings/useStageCache", "true"),
        ],
    )
    assert updated["canarySettings"] == {
        "percentTraffic": 25.5,
        "deploymentId": new,
        "stageVariableOverrides": {"c": "3"},
        "useStageCache": True,
    }
    api.aws.update_stage(**where, patchOperations=[remove("/canarySettings")])
    assert "canarySettings" not in api.aws.get_stage(**where)


def test_a_canary_is_promoted(api: DeployedApi) -> None:
    api.method("/a")
    old, new = api.deploy(), api.aws.create_deployment(restApiId=api.api_id)["id"]
    where = {"restApiId": api.api_id, "stageName": "stage"}
    copies = [("deploymentId", "/deploymentId"), ("stageVariableOverrides", "/variables")]
    promotion = [{"op": "copy", "from": f"/canarySettings/{source}", "path": path} for source, path in copies]
    with pytest.raises(ClientError, match="Promotion not available"):
        api.aws.update_stage(**where, patchOperations=promotion)
    settings = [
        replace("/canarySettings/deploymentId", new),
        replace("/canarySettings/stageVariableOverrides/color", "green"),
    ]
    assert api.aws.update_stage(**where, patchOperations=settings)["canarySettings"]["percentTraffic"] == 0.0
    promoted = api.aws.update_stage(**where, patchOperations=[*promotion, remove("/canarySettings")])
    assert (promoted["deploymentId"], promoted["variables"]) == (new, {"color": "green"})
    api.aws.delete_deployment(restApiId=api.api_id, deploymentId=old)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (
            replace("/canarySettings/percentTraffic", "101"),
            "Canary traffic percentage must be between 0.0 and 100.0",
        ),
        (
            replace("/canarySettings/deploymentId", "none"),
            "Deployment id does not exist",
        ),
        (
            replace("/canarySettings/unknown", "1"),
            "Invalid patch path /canarySettings/unknown",
        ),
        (
            replace("/canarySettings", "1"),
            "Invalid patch path /canarySettings",
        ),
    ],
)
def test_canary_settings_that_aws_refuses(api: DeployedApi, operation: dict[str, str], message: str) -> None:
    api.method("/a")
    api.deploy()
    with pytest.raises(ClientError) as caught:
        api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=[operation])
    assert caught.value.response["Error"] == {"Code": "BadRequestException", "Message": message}
    assert "canarySettings" not in api.aws.get_stage(restApiId=api.api_id, stageName="stage")


def test_the_deployment_of_a_canary_is_in_use(api: DeployedApi) -> None:
    api.method("/a")
    api.deploy()
    new = api.aws.create_deployment(restApiId=api.api_id)["id"]
    operation = replace("/canarySettings/deploymentId", new)
    api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=[operation])
    with pytest.raises(ClientError) as caught:
        api.aws.delete_deployment(restApiId=api.api_id, deploymentId=new)
    assert caught.value.response["Error"]["Message"] == (
        "Active stages with canary settings pointing to this deployment must be moved or deleted"
    )


# --- tags -------------------------------------------------------------------------------------------------------


def test_everything_can_be_tagged(api: DeployedApi, cloud: CloudInThread) -> None:
    api.method("/a")
    api.deploy()
    key = api.aws.create_api_key(name="k")["id"]
    plan = api.aws.create_usage_plan(name="p")["id"]
    for resource in (
        f"restapis/{api.api_id}",
        f"restapis/{api.api_id}/stages/stage",
        f"apikeys/{key}",
        f"usageplans/{plan}",
    ):
        arn = f"arn:aws:apigateway:{REGION}::/{resource}"
        api.aws.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
        api.aws.untag_resource(resourceArn=arn, tagKeys=["a"])
        assert api.aws.get_tags(resourceArn=arn)["tags"] == {"b": "2"}
    assert api.aws.get_rest_api(restApiId=api.api_id)["tags"] == {"b": "2"}
    with pytest.raises(ClientError) as caught:
        api.aws.get_tags(resourceArn=f"arn:aws:apigateway:{REGION}::/other/x")
    assert caught.value.response["Error"]["Code"] == "NotFoundException"


# --- documentation ----------------------------------------------------------------------------------------------


def test_documentation_parts_and_versions(api: DeployedApi) -> None:
    aws, where = api.aws, {"restApiId": api.api_id}
    method = {"type": "METHOD", "method": "GET"}
    part = aws.create_documentation_part(**where, location=method, properties='{"description": "old"}')
    named = {**where, "documentationPartId": part["id"]}
    updated = aws.update_documentation_part(**named, patchOperations=[replace("/properties", "{}")])
    assert without_metadata(updated) == {
        "id": part["id"],
        "location": {**method, "path": "/"},
        "properties": "{}",
    }
    assert aws.get_documentation_parts(**where, type="API")["items"] == []
    assert aws.get_documentation_parts(**where)["items"] == [
        without_metadata(aws.get_documentation_part(**named))
    ]
    api.method("/a")
    api.deploy()
    aws.create_documentation_version(**where, documentationVersion="v1", stageName=api.stage)
    version = {**where, "documentationVersion": "v1"}
    aws.update_documentation_version(**version, patchOperations=[replace("/description", "first")])
    assert aws.get_documentation_version(**version)["description"] == "first"
    assert aws.get_stage(**where, stageName=api.stage)["documentationVersion"] == "v1"
    aws.delete_documentation_version(**version)
    aws.delete_documentation_part(**named)
    assert aws.get_documentation_parts(**where)["items"] == []
    assert aws.get_documentation_versions(**where)["items"] == []
    for look_up, names in (("get_documentation_part", named), ("get_documentation_version", version)):
        with pytest.raises(ClientError) as caught:
            getattr(aws, look_up)(**names)
        assert caught.value.response["Error"]["Code"] == "NotFoundException"


def test_documentation_is_imported(api: DeployedApi) -> None:
    extension = {
        "documentationParts": [{"location": {"type": "API"}, "properties": {"description": "a shop"}}]
    }
    document = {"openapi": "3.0.1", "info": {"title": "shop"}, "paths": {}}
    body = json.dumps(document | {"x-amazon-apigateway-documentation": extension}).encode()
    api.aws.put_rest_api(restApiId=api.api_id, mode="overwrite", body=body)
    (first,) = api.aws.get_documentation_parts(restApiId=api.api_id)["items"]
    assert (first["location"], first["properties"]) == ({"type": "API"}, '{"description": "a shop"}')
    ids = api.aws.import_documentation_parts(restApiId=api.api_id, mode="merge", body=body)["ids"]
    assert [part["id"] for part in api.aws.get_documentation_parts(restApiId=api.api_id)["items"]] == [
        first["id"],
        *ids,
    ]
    with pytest.raises(ClientError, match="Unable to build importer with provided input"):
        api.aws.import_documentation_parts(restApiId=api.api_id, mode="merge", body=b"{'key:value}")


def test_an_operation_that_is_missing_is_named(api: DeployedApi) -> None:
    with pytest.raises(ClientError, match="not implemented in the local cloud: GetSdk"):
        api.aws.get_sdk(restApiId=api.api_id, stageName="s", sdkType="java")
    with pytest.raises(ClientError, match="not implemented in the local cloud: GenerateClientCertificate"):
        api.aws.generate_client_certificate()
    with pytest.raises(ClientError, match="not implemented in the local cloud: GetExport"):
        api.aws.get_export(restApiId=api.api_id, stageName="s", exportType="oas30")
