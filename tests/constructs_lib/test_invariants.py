"""Invariants of synthesized stacks, checked with one resource of each kind."""

from __future__ import annotations

import json
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from cdktf import App, TerraformOutput
from pydantic import BaseModel

from constructs_lib import (
    ApiGatewayAccount,
    ArchiveBucket,
    AwsStack,
    CognitoAuthorizer,
    Cors,
    Deployment,
    Function,
    GatewayResponses,
    IamAuthorization,
    LambdaAuthorizer,
    LambdaIntegration,
    Public,
    Quota,
    RestApi,
    StackDefaults,
    Stage,
    Throttle,
    UsagePlan,
)
from tests.support.synthesis import Configuration, FakeArchive, invoke_arn, public_method, statements

POOL = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_Staff"


class Order(BaseModel):
    sku: str


def one_of_each(app: App, tmp_path: Path) -> AwsStack:
    stack = AwsStack(app, "shop", region="eu-central-1", defaults=StackDefaults(tags={"project": "shop"}))
    bucket = ArchiveBucket(stack, "archives")
    large = Function(
        stack,
        "vision",
        archive=FakeArchive.make(tmp_path, name="vision", zip_bytes=60_000_000),
        code_bucket=bucket,
    )
    small = Function(
        stack,
        "chat",
        archive=FakeArchive.make(tmp_path, name="chat"),
        environment={"VISION": json.dumps({"arn": large.qualified_arn})},
    )
    large.grant_invoke(small)
    small.grant_invoke(small)
    staff = CognitoAuthorizer(name="staff", user_pools=[POOL])
    partners = LambdaAuthorizer(name="partners", function=small)
    api = RestApi(
        stack,
        "api",
        name="shop",
        binary_media_types=["image/png"],
        default_authorization=staff,
        cors=Cors(origins=["https://shop.example", "https://desk.example"]),
        gateway_responses=GatewayResponses(),
    )
    public_method(api, small, "ANY", "/chat")
    public_method(api, large, "POST", "/vision/text")
    deployment = Deployment(stack, "deployment", api=api)
    api.resource_for("/orders/{id}").add_method(
        "GET", LambdaIntegration(small), authorization=IamAuthorization()
    )
    api.resource_for("/vision/{proxy+}").add_method("ANY", LambdaIntegration(large), authorization=Public())
    stage = Stage(
        stack,
        "stage",
        deployment=deployment,
        stage_name="prod",
        account=ApiGatewayAccount(stack, "account"),
        variables={"color": "blue"},
    )
    order = api.resource_for("/orders").add_method(
        "POST",
        LambdaIntegration(small),
        request_model=Order,
        request_parameters={"querystring.dry_run": True},
        api_key_required=True,
    )
    api.resource_for("/orders").add_method("GET", LambdaIntegration(small), authorization=partners)
    plan = UsagePlan(
        stack,
        "plan",
        name="basic",
        stages=[stage],
        quota=Quota(limit=1000),
        method_throttles={order: Throttle(rate_limit=1, burst_limit=2)},
    )
    plan.add_tenant("acme")
    TerraformOutput(stack, "invoke_url", value=stage.invoke_url)
    return stack


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    directory = tmp_path_factory.mktemp("shop")
    return Configuration(one_of_each(App(outdir=str(directory / "cdktf.out")), directory))


def synthesized(directory: Path, archives: Path) -> dict[str, bytes]:
    app = App(outdir=str(directory))
    one_of_each(app, archives)
    app.synth()
    return {
        str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()
    }


def test_two_synths_are_byte_identical(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    first = synthesized(tmp_path / "first", tmp_path)
    second = synthesized(tmp_path / "elsewhere" / "and deeper", tmp_path)
    assert first == second
    assert {"manifest.json", "stacks/shop/cdk.tf.json"} < set(first)
    assert len([name for name in first if name.endswith(".zip")]) == 2


def test_a_second_synth_into_the_same_directory_changes_nothing(tmp_path: Path) -> None:
    assert synthesized(tmp_path / "out", tmp_path) == synthesized(tmp_path / "out", tmp_path)


def test_nothing_of_this_machine_is_in_the_output(tmp_path: Path) -> None:
    written = synthesized(tmp_path / "out", tmp_path)
    for name, content in written.items():
        if name.endswith(".json"):
            text = content.decode()
            for place in (str(tmp_path), str(Path.home()), str(Path.cwd())):
                assert place not in text, name
    configuration = json.loads(written["stacks/shop/cdk.tf.json"])
    names = {group["name"] for group in configuration["resource"]["aws_cloudwatch_log_group"].values()}
    absolute = {text for text in strings(configuration) if text.startswith("/")} - names - {"/orders/POST"}
    assert absolute == set()


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in strings(one)]


def test_every_token_is_resolved(configuration: Configuration) -> None:
    assert "TfToken" not in configuration.text


def test_every_reference_leads_to_something(configuration: Configuration) -> None:
    addresses = {address for address, _ in configuration.resources()}
    for address, body in configuration.resources():
        for needed in body.get("depends_on", []):
            assert needed in addresses, address
        for trigger in body.get("lifecycle", {}).get("replace_triggered_by", []):
            assert trigger.removesuffix(".id") in addresses, address


def test_no_resource_waits_for_itself(configuration: Configuration) -> None:
    assert len(list(TopologicalSorter(configuration.references()).static_order())) == len(
        list(configuration.resources())
    )


def test_every_lambda_integration_has_exactly_the_permission_it_needs(configuration: Configuration) -> None:
    aliases = configuration.all("lambda_alias")
    needed = set()
    for integration in configuration.all("api_gateway_integration").values():
        if integration["type"] == "MOCK":
            assert "uri" not in integration
            continue
        assert (integration["type"], integration["integration_http_method"]) == ("AWS_PROXY", "POST")
        method = configuration.all("api_gateway_method")[reference(integration["http_method"])]
        alias = invoked(configuration, integration["uri"])
        path = path_of(configuration, method["resource_id"])
        http_method = "*" if method["http_method"] == "ANY" else method["http_method"]
        needed.add((alias, aliases[alias]["function_name"], f"/*/{http_method}{path}"))
    for address, authorizer in configuration.all("api_gateway_authorizer").items():
        if authorizer["type"] != "COGNITO_USER_POOLS":
            alias = invoked(configuration, authorizer["authorizer_uri"])
            needed.add((alias, aliases[alias]["function_name"], f"/authorizers/${{{address}.id}}"))
    given = {
        (reference(one["qualifier"]), one["function_name"], one["source_arn"].partition("}")[2])
        for one in configuration.all("lambda_permission").values()
    }
    assert given == needed
    assert len(configuration.all("lambda_permission")) == len(needed) == 7
    for permission in configuration.all("lambda_permission").values():
        assert permission["qualifier"].endswith(".name}")
        assert permission["lifecycle"]["replace_triggered_by"] == [f"{reference(permission['qualifier'])}.id"]


def invoked(configuration: Configuration, uri: str) -> str:
    """The address of the alias that a URI of API Gateway invokes, by its name."""
    for address, alias in configuration.all("lambda_alias").items():
        function = configuration.all("lambda_function")[reference(alias["function_name"])]
        if uri == invoke_arn(configuration, function["function_name"]):
            return address
    raise AssertionError(f"{uri} invokes no alias")


def reference(value: str) -> str:
    """The address in `${address.attribute}`."""
    return value.removeprefix("${").removesuffix("}").rpartition(".")[0]


def path_of(configuration: Configuration, resource_id: str) -> str:
    if resource_id.endswith(".root_resource_id}"):
        return ""
    resource = configuration.all("api_gateway_resource")[reference(resource_id)]
    part = "*" if resource["path_part"].startswith("{") else resource["path_part"]
    return f"{path_of(configuration, resource['parent_id'])}/{part}"


def test_the_deployment_waits_for_the_whole_api(configuration: Configuration) -> None:
    deployment = configuration.only("api_gateway_deployment")
    for kind in (
        "api_gateway_authorizer",
        "api_gateway_gateway_response",
        "api_gateway_integration",
        "api_gateway_integration_response",
        "api_gateway_method",
        "api_gateway_method_response",
        "api_gateway_model",
        "api_gateway_request_validator",
    ):
        assert configuration.all(kind), kind
        assert set(configuration.all(kind)) <= set(deployment["depends_on"])
    assert deployment["lifecycle"]["create_before_destroy"] is True
    assert "stage_name" not in deployment


def test_what_is_created_before_it_is_destroyed_has_no_name_of_its_own(configuration: Configuration) -> None:
    """Terraform passes `create_before_destroy` on to all dependencies, which AWS then rejects for their names."""
    references = configuration.references()
    inheriting = [
        address
        for address, body in configuration.resources()
        if body.get("lifecycle", {}).get("create_before_destroy")
    ]
    for address in inheriting:
        inheriting += references[address] - {*inheriting}
    assert {address.split(".")[0] for address in inheriting} == {
        "aws_api_gateway_authorizer",
        "aws_api_gateway_deployment",
        "aws_api_gateway_gateway_response",
        "aws_api_gateway_integration",
        "aws_api_gateway_integration_response",
        "aws_api_gateway_method",
        "aws_api_gateway_method_response",
        "aws_api_gateway_model",
        "aws_api_gateway_request_validator",
        "aws_api_gateway_resource",
        "aws_api_gateway_rest_api",
    }


def test_the_stage_waits_for_every_permission(configuration: Configuration) -> None:
    assert configuration.all("lambda_permission")
    assert set(configuration.all("lambda_permission")) <= set(
        configuration.only("api_gateway_stage")["depends_on"]
    )


def test_every_method_says_who_may_call_it_and_names_the_authorizer_it_needs(
    configuration: Configuration,
) -> None:
    authorizers = configuration.all("api_gateway_authorizer")
    for address, method in configuration.all("api_gateway_method").items():
        if method["authorization"] in ("CUSTOM", "COGNITO_USER_POOLS"):
            kind = authorizers[reference(method["authorizer_id"])]["type"]
            assert (method["authorization"] == "COGNITO_USER_POOLS") == (kind == "COGNITO_USER_POOLS"), (
                address
            )
        else:
            assert "authorizer_id" not in method, address
        if method["http_method"] == "OPTIONS":
            assert (method["authorization"], method.get("api_key_required")) == ("NONE", None)
        assert method["authorization"] != "NONE" or "api_key_required" not in method, address
    assert all(one["authorizer_result_ttl_in_seconds"] == 0 for one in authorizers.values())


def test_every_model_is_for_every_content_type_and_is_enforced(configuration: Configuration) -> None:
    modelled = [
        method for method in configuration.all("api_gateway_method").values() if "request_models" in method
    ]
    assert modelled
    for method in modelled:
        assert "$default" in method["request_models"]
        validator = configuration.all("api_gateway_request_validator")[
            reference(method["request_validator_id"])
        ]
        assert (validator["validate_request_body"], validator["validate_request_parameters"]) == (True, True)


def test_every_answer_of_a_mock_is_declared(configuration: Configuration) -> None:
    declared = configuration.all("api_gateway_method_response")
    mapped = configuration.all("api_gateway_integration_response")
    assert len(declared) == len(mapped) == 5
    for response in mapped.values():
        method_response = declared[reference(response["status_code"])]
        assert set(response["response_parameters"]) == set(method_response["response_parameters"])


def test_every_plan_limits_and_shows_no_key(configuration: Configuration) -> None:
    for plan in configuration.all("api_gateway_usage_plan").values():
        assert plan["throttle_settings"]["rate_limit"] > 0
        assert all(stage["stage"].endswith(".stage_name}") for stage in plan["api_stages"])
    assert all("value" not in key for key in configuration.all("api_gateway_api_key").values())


def test_every_function_has_its_log_group_and_policies_first(configuration: Configuration) -> None:
    groups = configuration.all("cloudwatch_log_group")
    for function in configuration.all("lambda_function").values():
        group = reference(function["logging_config"]["log_group"])
        assert groups[group]["name"] == f"/aws/lambda/{function['function_name']}"
        assert group in function["depends_on"]
        role = reference(function["role"])
        for address, policy in configuration.all("iam_role_policy").items():
            itself = policy["name"] == f"invoke-{function['function_name']}"
            assert reference(policy["role"]) != role or itself or address in function["depends_on"]
        assert function["publish"] is True


def test_every_log_group_forgets(configuration: Configuration) -> None:
    assert all(group["retention_in_days"] > 0 for group in configuration.all("cloudwatch_log_group").values())


UNSCOPED = {
    "xray:PutTelemetryRecords",  # X-Ray knows no resources
    "xray:PutTraceSegments",
}


def test_permissions_name_actions_and_resources(configuration: Configuration) -> None:
    for policy in configuration.all("iam_role_policy").values():
        for statement in statements(policy["policy"]):
            assert not any("*" in action for action in statement["Action"])
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= UNSCOPED
            makes_groups = "logs:CreateLogGroup" in statement["Action"]
            assert not makes_groups or "account" in policy["role"], (
                "only API Gateway's own role makes log groups"
            )


def test_no_managed_policy_is_attached(configuration: Configuration) -> None:
    assert not {"iam_role_policy_attachment", "iam_policy_attachment"} & configuration.types()
    assert all("managed_policy_arns" not in role for role in configuration.all("iam_role").values())


def test_the_stage_is_throttled_and_logs_without_bodies(configuration: Configuration) -> None:
    settings = configuration.only("api_gateway_method_settings")["settings"]
    assert settings["throttling_rate_limit"] > 0
    assert settings["throttling_burst_limit"] > 0
    assert settings["data_trace_enabled"] is False


def test_addresses_do_not_change_by_themselves(configuration: Configuration) -> None:
    """A new address is a resource destroyed and made again: these hold data, or are what clients know."""
    assert configuration.address("api_gateway_rest_api") == "aws_api_gateway_rest_api.api_C8550315"
    assert configuration.address("s3_bucket") == "aws_s3_bucket.archives_FD08D4EF"
    assert sorted(configuration.all("lambda_function")) == [
        "aws_lambda_function.chat_22ADE1FF",
        "aws_lambda_function.vision_C27041FC",
    ]
    assert sorted(configuration.all("cloudwatch_log_group")) == [
        "aws_cloudwatch_log_group.chat_log-group_46CF2154",
        "aws_cloudwatch_log_group.stage_access-log_316DC727",
        "aws_cloudwatch_log_group.stage_execution-log_FF245CC7",
        "aws_cloudwatch_log_group.vision_log-group_D1B982E7",
    ]
