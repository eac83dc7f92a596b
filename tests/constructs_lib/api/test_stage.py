"""Stage: limits, logs, tracing, the address, and that a new AWS account can deploy it."""

from __future__ import annotations

import json
import re
import warnings
from typing import Any

import pytest
from cdktf import App, TerraformOutput

from constructs_lib import (
    AccessLog,
    ApiGatewayAccount,
    AwsStack,
    Cache,
    ConflictError,
    ConstructError,
    ConstructWarning,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    InvalidArgumentError,
    LimitExceededError,
    RestApi,
    Stage,
    Throttle,
    UnsafeSettingError,
)
from constructs_lib.api.access_log import DEFAULT_FIELDS
from tests.support.synthesis import Configuration, children, public_method, refused, statements

REMEDY = "pass account=ApiGatewayAccount(...) once per account and region, and ExistingApiGatewayAccount() elsewhere"


@pytest.fixture
def deployment(stack: AwsStack, api: RestApi, function: Function) -> Deployment:
    public_method(api, function)
    return Deployment(stack, "deployment", api=api)


def test_a_stage_with_the_role_of_another_stack(stack: AwsStack, deployment: Deployment) -> None:
    stage = Stage(
        stack, "stage", deployment=deployment, stage_name="prod", account=ExistingApiGatewayAccount()
    )
    configuration = Configuration(stack)
    access, execution = (
        next(
            address for address in configuration.all("cloudwatch_log_group") if f"stage_{kind}-log" in address
        )
        for kind in ("access", "execution")
    )
    rest_api = configuration.address("api_gateway_rest_api")
    assert configuration.all("cloudwatch_log_group")[access] == {
        "name": f"/aws/apigateway/shop-${{{rest_api}.id}}/prod",
        "retention_in_days": 365,
    }
    assert configuration.all("cloudwatch_log_group")[execution] == {
        "name": f"API-Gateway-Execution-Logs_${{{rest_api}.id}}/prod",
        "retention_in_days": 365,
    }
    resource = configuration.only("api_gateway_stage")
    assert json.loads(resource["access_log_settings"].pop("format")) == dict(DEFAULT_FIELDS)
    assert resource == {
        "access_log_settings": {"destination_arn": f"${{{access}.arn}}"},
        "depends_on": [execution, *configuration.all("lambda_permission")],
        "deployment_id": f"${{{configuration.address('api_gateway_deployment')}.id}}",
        "rest_api_id": f"${{{rest_api}.id}}",
        "stage_name": "prod",
        "xray_tracing_enabled": True,
    }
    assert configuration.only("api_gateway_method_settings") == {
        "method_path": "*/*",
        "rest_api_id": f"${{{rest_api}.id}}",
        "settings": {
            "data_trace_enabled": False,
            "logging_level": "ERROR",
            "metrics_enabled": True,
            "throttling_burst_limit": 200,
            "throttling_rate_limit": 100,
        },
        "stage_name": f"${{{configuration.address('api_gateway_stage')}.stage_name}}",
        "lifecycle": {"replace_triggered_by": [f"{configuration.address('api_gateway_stage')}.id"]},
    }
    assert configuration.all("api_gateway_account") == {}
    assert (stage.stage_name, stage.deployment) == ("prod", deployment)
    assert stage.access_log_group is not None
    assert stage.execution_log_group is not None


def test_every_argument_arrives(stack: AwsStack, deployment: Deployment) -> None:
    Stage(
        stack,
        "stage",
        deployment=deployment,
        stage_name="v1",
        description="For customers",
        variables={"model": "small", "url": "https://example.com/a?b=c"},
        throttle=Throttle(rate_limit=20, burst_limit=40),
        account=ExistingApiGatewayAccount(),
        access_log=AccessLog(fields={"id": "$context.requestId"}, retention_days=30),
        execution_log="INFO",
        tracing=False,
    )
    configuration = Configuration(stack)
    stage = configuration.only("api_gateway_stage")
    assert {
        name: stage[name] for name in ("description", "stage_name", "variables", "xray_tracing_enabled")
    } == {
        "description": "For customers",
        "stage_name": "v1",
        "variables": {"model": "small", "url": "https://example.com/a?b=c"},
        "xray_tracing_enabled": False,
    }
    assert stage["access_log_settings"]["format"] == '{"id":"$context.requestId"}'
    assert configuration.only("api_gateway_method_settings")["settings"] == {
        "data_trace_enabled": False,
        "logging_level": "INFO",
        "metrics_enabled": True,
        "throttling_burst_limit": 40,
        "throttling_rate_limit": 20,
    }
    groups = configuration.all("cloudwatch_log_group")
    assert {body["retention_in_days"] for address, body in groups.items() if "stage" in address} == {30}


def test_the_role_for_logs_is_made_before_the_stage(stack: AwsStack, deployment: Deployment) -> None:
    account = ApiGatewayAccount(stack, "account")
    Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
    configuration = Configuration(stack)
    address = configuration.address("api_gateway_account")
    assert address in configuration.only("api_gateway_stage")["depends_on"]
    assert configuration.only("api_gateway_method_settings")["depends_on"] == [address]
    (policy,) = (one for one in configuration.all("iam_role_policy") if "account" in one)
    (role,) = (one for one in configuration.all("iam_role") if "account" in one)
    assert configuration.only("api_gateway_account") == {
        "cloudwatch_role_arn": f"${{{role}.arn}}",
        "depends_on": [policy],
    }
    assert statements(configuration.all("iam_role")[role]["assume_role_policy"]) == [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
    (statement,) = statements(configuration.all("iam_role_policy")[policy]["policy"])
    (resource,) = statement["Resource"]
    assert re.fullmatch(
        r"arn:\$\{data\.aws_partition\.\w+\.partition\}:logs:us-east-1:"
        r"\$\{data\.aws_caller_identity\.\w+\.account_id\}:\*",
        resource,
    )


def test_a_new_account_can_deploy_a_stage_that_logs_nothing(stack: AwsStack, deployment: Deployment) -> None:
    with pytest.warns(ConstructWarning) as warned:
        stage = Stage(stack, "stage", deployment=deployment, stage_name="prod")
    assert len(warned) == 1
    assert str(warned[0].message) == (
        f"shop/stage: logs no requests, because API Gateway has no role for logs; {REMEDY}, or pass access_log='OFF' and execution_log='OFF'"
    )
    assert warned[0].filename == __file__
    configuration = Configuration(stack)
    assert "access_log_settings" not in configuration.only("api_gateway_stage")
    assert configuration.only("api_gateway_method_settings")["settings"]["logging_level"] == "OFF"
    assert configuration.all("api_gateway_account") == {}
    assert not any("stage" in address for address in configuration.all("cloudwatch_log_group"))
    assert (stage.access_log_group, stage.execution_log_group) == (None, None)


@pytest.mark.parametrize("account", [None, ExistingApiGatewayAccount()])
def test_logs_that_are_turned_off_by_name_warn_of_nothing(
    stack: AwsStack, deployment: Deployment, account: ExistingApiGatewayAccount | None
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Stage(
            stack,
            "stage",
            deployment=deployment,
            stage_name="prod",
            account=account,
            access_log="OFF",
            execution_log="OFF",
        )
    configuration = Configuration(stack)
    assert "access_log_settings" not in configuration.only("api_gateway_stage")
    assert configuration.only("api_gateway_method_settings")["settings"]["logging_level"] == "OFF"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (None, "${STAGE.invoke_url}"),
        (
            "http://127.0.0.1:4566",
            "http://127.0.0.1:4566/_aws/execute-api/${STAGE.rest_api_id}/${STAGE.stage_name}",
        ),
        (
            "http://localhost:4566/",
            "http://localhost:4566/_aws/execute-api/${STAGE.rest_api_id}/${STAGE.stage_name}",
        ),
    ],
)
def test_the_invoke_url_leads_to_aws_or_to_the_local_cloud(
    stack: AwsStack, deployment: Deployment, endpoint: str | None, url: str
) -> None:
    stage = Stage(
        stack,
        "stage",
        deployment=deployment,
        stage_name="prod",
        account=ExistingApiGatewayAccount(),
        execute_api_endpoint=endpoint,
    )
    TerraformOutput(stack, "invoke_url", value=stage.invoke_url)
    configuration = Configuration(stack)
    address = configuration.address("api_gateway_stage")
    rest_api = configuration.address("api_gateway_rest_api")
    expected = url.replace("STAGE", address)
    found = configuration.json["output"]["invoke_url"]["value"].replace(
        f"{rest_api}.id", f"{address}.rest_api_id"
    )
    assert found == expected


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {"stage_name": "pro d"},
            InvalidArgumentError,
            "stage_name 'pro d' is not valid; use 1 to 128 letters, digits, '-' and '_'",
        ),
        (
            {"variables": {"a-b": "c"}},
            InvalidArgumentError,
            "the name of a stage variable 'a-b' is not valid; use letters, digits and '_'",
        ),
        (
            {"variables": {"a": "b c"}},
            InvalidArgumentError,
            "stage variable a: 'b c' is not valid; use 1 to 512 letters, digits and '-._~:/?#&=,'",
        ),
        (
            {"variables": {"key": "AKIA" + "ABCDEFGHIJKLMNOP"}},
            UnsafeSettingError,
            (
                "stage variable key holds an AWS access key in plain text; store it in Secrets Manager or the Parameter Store, and pass its name"
            ),
        ),
        (
            {"execute_api_endpoint": "127.0.0.1:4566"},
            InvalidArgumentError,
            (
                "execute_api_endpoint '127.0.0.1:4566' is not valid; use an address without a path, such as "
                "'http://127.0.0.1:4566'"
            ),
        ),
        (
            {"access_log": AccessLog()},
            ConflictError,
            f"access_log needs a role by which API Gateway writes logs; {REMEDY}",
        ),
        (
            {"execution_log": "INFO"},
            ConflictError,
            f"execution_log needs a role by which API Gateway writes logs; {REMEDY}",
        ),
        (
            {"execution_log": "DEBUG"},
            InvalidArgumentError,
            "execution_log 'DEBUG' is unknown; choose 'OFF', 'ERROR' or 'INFO'",
        ),
        (
            {"access_log": "off"},
            InvalidArgumentError,
            "access_log 'off' is unknown; choose 'OFF'",
        ),
    ],
)
def test_stages_that_are_refused(
    stack: AwsStack,
    deployment: Deployment,
    arguments: dict[str, Any],
    kind: type[ConstructError],
    problem: str,
) -> None:
    before = children(stack)
    given = {"deployment": deployment, "stage_name": "prod", **arguments}
    assert refused(lambda: Stage(stack, "stage", **given)) == (kind, f"shop/stage: {problem}")
    assert children(stack) == before


def test_a_stage_in_another_stack_is_refused(app: App, deployment: Deployment) -> None:
    other = AwsStack(app, "other", region="us-east-1")
    assert refused(
        lambda: Stage(
            other, "stage", deployment=deployment, stage_name="prod", account=ExistingApiGatewayAccount()
        )
    ) == (
        ConflictError,
        "other/stage: is in stack 'other' and shop/deployment in stack 'shop'; create both in the same stack",
    )


def test_an_account_of_another_stack_is_refused(app: App, stack: AwsStack, deployment: Deployment) -> None:
    account = ApiGatewayAccount(AwsStack(app, "other", region="us-east-1"), "account")
    assert refused(
        lambda: Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
    ) == (
        ConflictError,
        "shop/stage: is in stack 'shop' and other/account in stack 'other'; create both in the same stack",
    )


def test_names_are_taken_once(stack: AwsStack, deployment: Deployment) -> None:
    account = ApiGatewayAccount(stack, "account")
    Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
    before = children(stack)
    assert refused(
        lambda: Stage(stack, "second", deployment=deployment, stage_name="prod", account=account)
    ) == (
        ConflictError,
        "shop/second: stage_name of API 'shop/api' 'prod' is taken by shop/stage; choose another name",
    )
    assert refused(lambda: ApiGatewayAccount(stack, "more")) == (
        ConflictError,
        (
            "shop/more: the API Gateway account of region 'us-east-1' is taken by shop/account; pass it to the "
            "stages of that stack, and ExistingApiGatewayAccount() or cloudwatch_role='existing' to all others"
        ),
    )
    assert children(stack) == before
    Stage(stack, "second", deployment=deployment, stage_name="test", account=account)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate_limit": 0}, "Throttle: rate_limit is 0; use 1 to 10000"),
        ({"burst_limit": 5001}, "Throttle: burst_limit is 5001; use 1 to 5000"),
    ],
)
def test_throttles_that_are_refused(arguments: dict[str, int], message: str) -> None:
    assert refused(lambda: Throttle(**arguments)) == (LimitExceededError, message)


def test_a_cache_is_encrypted(stack: AwsStack, deployment: Deployment) -> None:
    Stage(
        stack,
        "stage",
        deployment=deployment,
        stage_name="prod",
        account=ExistingApiGatewayAccount(),
        cache=Cache(size_gb="1.6", ttl_seconds=60),
        client_certificate=True,
    )
    configuration = Configuration(stack)
    stage = configuration.only("api_gateway_stage")
    assert (stage["cache_cluster_enabled"], stage["cache_cluster_size"]) == (True, "1.6")
    certificate = configuration.address("api_gateway_client_certificate")
    assert stage["client_certificate_id"] == f"${{{certificate}.id}}"
    settings = configuration.only("api_gateway_method_settings")["settings"]
    assert {name: value for name, value in settings.items() if "cach" in name} == {
        "cache_data_encrypted": True,
        "cache_ttl_in_seconds": 60,
        "caching_enabled": True,
    }


def test_caches_that_are_refused() -> None:
    assert refused(lambda: Cache(ttl_seconds=0)) == (
        LimitExceededError,
        "Cache: ttl_seconds is 0; use 1 to 3600",
    )
    assert refused(lambda: Cache(size_gb="1"))[0] is InvalidArgumentError  # type: ignore[arg-type]
