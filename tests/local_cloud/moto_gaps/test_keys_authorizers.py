"""Gaps of moto's authorizers and usage plans that Terraform needs closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import CloudInThread, DeployedApi


@pytest.fixture
def api(make_api: Callable[..., DeployedApi]) -> DeployedApi:
    return make_api(lambda _event: {})


def test_an_authorizer_keeps_its_expression_and_takes_changes(api: DeployedApi) -> None:
    authorizer = api.aws.create_authorizer(
        restApiId=api.api_id,
        name="a",
        type="TOKEN",
        authorizerUri="arn:x",
        identitySource="method.request.header.Authorization",
        identityValidationExpression="^Bearer .+",
        authorizerResultTtlInSeconds=0,
    )
    assert authorizer["identityValidationExpression"] == "^Bearer .+"
    pools = [f"arn:aws:cognito-idp:us-east-1:123456789012:userpool/{name}" for name in "ab"]
    operations = [
        {"op": "replace", "path": "/authorizerResultTtlInSeconds", "value": "60"},
        {"op": "remove", "path": "/identityValidationExpression"},
        {"op": "add", "path": "/providerARNs", "value": pools[0]},
        {"op": "add", "path": "/providerARNs", "value": pools[1]},
        {"op": "remove", "path": "/providerARNs", "value": pools[0]},
    ]
    updated = api.aws.update_authorizer(
        restApiId=api.api_id, authorizerId=authorizer["id"], patchOperations=operations
    )
    assert (updated["authorizerResultTtlInSeconds"], updated["providerARNs"]) == (60, [pools[1]])
    assert "identityValidationExpression" not in updated


def update(cloud: CloudInThread, plan: str, *operations: tuple[str, str, str | None]) -> dict[str, Any]:
    patch = [
        {"op": op, "path": path} | ({} if value is None else {"value": value})
        for op, path, value in operations
    ]
    updated: dict[str, Any] = cloud.client("apigateway").update_usage_plan(
        usagePlanId=plan, patchOperations=patch
    )
    return updated


def test_a_usage_plan_is_updated(cloud: CloudInThread) -> None:
    plan = cloud.client("apigateway").create_usage_plan(name="plan")["id"]
    updated = update(
        cloud,
        plan,
        ("replace", "/name", "gold"),
        ("add", "/throttle/rateLimit", "5.5"),
        ("add", "/throttle/burstLimit", "10"),
        ("add", "/quota/limit", "1000"),
        ("add", "/quota/period", "MONTH"),
        ("add", "/apiStages", "api:prod"),
        ("add", "/apiStages", "other:prod"),
        ("replace", "/apiStages/api:prod/throttle/~1a~1POST/rateLimit", "1.5"),
        ("replace", "/apiStages/api:prod/throttle/~1a~1POST/burstLimit", "2"),
        ("replace", "/apiStages/api:prod/throttle//b/GET/rateLimit", "3"),
    )
    limits = {"/a/POST": {"rateLimit": 1.5, "burstLimit": 2}, "/b/GET": {"rateLimit": 3.0}}
    assert {key: updated[key] for key in ("name", "throttle", "quota", "apiStages")} == {
        "name": "gold",
        "throttle": {"rateLimit": 5.5, "burstLimit": 10},
        "quota": {"limit": 1000, "offset": 0, "period": "MONTH"},
        "apiStages": [
            {"apiId": "api", "stage": "prod", "throttle": limits},
            {"apiId": "other", "stage": "prod"},
        ],
    }
    updated = update(cloud, plan, ("remove", "/apiStages/api:prod/throttle/~1a~1POST", None))
    assert updated["apiStages"][0]["throttle"] == {"/b/GET": {"rateLimit": 3.0}}
    updated = update(
        cloud,
        plan,
        ("remove", "/apiStages", "api:prod"),
        ("remove", "/quota", None),
        ("remove", "/throttle", None),
    )
    assert updated["apiStages"] == [{"apiId": "other", "stage": "prod"}]
    assert "quota" not in updated
    assert "throttle" not in updated


@pytest.mark.parametrize(
    "operation",
    [
        ("replace", "/apiStages/api:prod/throttle/~1a~1POST/rateLimit", "1"),
        ("remove", "/apiStages", "api:prod"),
    ],
)
def test_a_stage_that_the_plan_lacks_is_404(cloud: CloudInThread, operation: tuple[str, str, str]) -> None:
    plan = cloud.client("apigateway").create_usage_plan(name="plan")["id"]
    with pytest.raises(ClientError) as caught:
        update(cloud, plan, operation)
    assert caught.value.response["Error"] == {
        "Code": "NotFoundException",
        "Message": f"Invalid API Stage {{api: api, stage: prod}} specified for usageplan {plan}",
    }
