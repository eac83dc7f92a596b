"""Tenants: the table, the authorizer that may read it, the records of the stack, and their usage plans."""

from __future__ import annotations

import json
from typing import Any

import cdktf
import pytest

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    Function,
    IamAuthorization,
    InvalidArgumentError,
    LambdaIntegration,
    Quota,
    RestApi,
    Stage,
    TenantAccess,
    Tenants,
    Throttle,
    UsageLimit,
    UserPool,
)
from tests.support.synthesis import Configuration, FakeArchive, statements


@pytest.fixture
def pool(stack: AwsStack) -> UserPool:
    pool = UserPool(stack, "users")
    pool.add_client("cli")
    return pool


def deployed(stack: AwsStack, function: Function, tenants: Tenants, **options: Any) -> Stage:
    api = RestApi(stack, "api", name="shop", default_authorization=tenants, **options)
    for path in ("/a", "/b"):
        api.resource_for(path).add_method("GET", LambdaIntegration(function))
    return api.deploy("prod")


def items(synthesized: Configuration) -> dict[tuple[str, str], dict[str, Any]]:
    found = [json.loads(body["item"]) for body in synthesized.all("dynamodb_table_item").values()]
    return {(item["tenant"]["S"], item["record"]["S"]): item for item in found}


def test_the_function_may_query_the_table_and_hash_callers_and_nothing_else(
    stack: AwsStack, archive: FakeArchive, pool: UserPool
) -> None:
    Tenants(stack, "tenants", users=pool, archive=archive)
    synthesized = Configuration(stack)
    table = synthesized.only("dynamodb_table")
    keys = (table["name"], table["hash_key"], table["range_key"], table["deletion_protection_enabled"])
    assert keys == ("shop-tenants", "tenant", "record", True)
    assert table["ttl"] == {"attribute_name": "expires_at", "enabled": True}
    body = synthesized.only("lambda_function")
    assert (body["function_name"], body["timeout"]) == ("shop-tenants-authorizer", 5)
    variables = body["environment"]["variables"]
    users = synthesized.address("cognito_user_pool")
    assert variables["TENANTS_TABLE"] == "shop-tenants"
    assert variables["USER_POOL_ISSUER"] == f"https://${{{users}.endpoint}}"
    assert variables["USER_POOL_CLIENTS"] == f"${{{synthesized.address('cognito_user_pool_client')}.id}}"
    granted = {
        action: statement["Resource"]
        for policy in synthesized.all("iam_role_policy").values()
        for statement in statements(policy["policy"])
        for action in statement["Action"]
        if action.startswith(("dynamodb:", "kms:", "cognito"))
    }
    assert granted == {
        "dynamodb:Query": [f"${{{synthesized.address('dynamodb_table')}.arn}}"],
        "kms:GenerateMac": [f"${{{synthesized.address('kms_key')}.arn}}"],
    }


def test_one_authorizer_without_a_cache_serves_all_routes(
    stack: AwsStack, archive: FakeArchive, function: Function, pool: UserPool
) -> None:
    deployed(
        stack, function, Tenants(stack, "tenants", users=pool, archive=archive)
    ).deployment.api.add_services()
    synthesized = Configuration(stack)
    authorizer = synthesized.only("api_gateway_authorizer")
    assert (authorizer["name"], authorizer["type"], authorizer["authorizer_result_ttl_in_seconds"]) == (
        "bearer",
        "REQUEST",
        0,
    )
    assert authorizer["identity_source"] == "method.request.header.Authorization"
    methods = synthesized.all("api_gateway_method").values()
    assert [(one["authorization"], one["api_key_required"]) for one in methods] == [("CUSTOM", True)] * 2


def test_each_record_of_the_stack_gets_a_key_of_a_plan(
    stack: AwsStack, archive: FakeArchive, function: Function, pool: UserPool
) -> None:
    limits = [UsageLimit("key", "day", "usd", 5)]
    tenants = Tenants(
        stack,
        "tenants",
        users=pool,
        user_access=TenantAccess(limits=limits),
        user_groups={"staff": TenantAccess(models=["fast"])},
        archive=archive,
    )
    tenants.add("acme", TenantAccess(services=["vision"]))
    with pytest.raises(ConflictError, match=r"has no usage plan; call meter"):
        _ = tenants.plan
    stage = deployed(stack, function, tenants)
    tenants.meter(stages=[stage], throttle=Throttle(10, 20), quota=Quota(1000, "DAY"))
    tenants.add("globex")
    synthesized = Configuration(stack)
    found = items(synthesized)
    assert set(found) == {
        ("users", "access"), ("users", "group#staff"), ("acme", "access"), ("globex", "access")
    }  # fmt: skip
    assert all(item["declared"] == {"BOOL": True} for item in found.values())
    assert found["users", "access"]["limits"] == {"S": '[["key","day","nano_usd",5000000000]]'}
    assert found["acme", "access"]["services"] == {"L": [{"S": "vision"}]}
    assert found["users", "group#staff"]["models"] == {"L": [{"S": "fast"}]}
    keys = {
        body["name"]: f"${{{place}.value}}" for place, body in synthesized.all("api_gateway_api_key").items()
    }
    assert {
        tenant: item.get("usage_key", {}).get("S")
        for (tenant, record), item in found.items()
        if record == "access"
    } == {
        "users": keys["shop-tenants-users-plan-users"],
        "acme": keys["shop-tenants-plan-acme"],
        "globex": keys["shop-tenants-plan-globex"],
    }
    assert "usage_key" not in found["users", "group#staff"]
    plans = {body["name"]: body for body in synthesized.all("api_gateway_usage_plan").values()}
    assert plans["shop-tenants-plan"]["quota_settings"] == {"limit": 1000, "period": "DAY"}
    assert "quota_settings" not in plans["shop-tenants-users-plan"]
    with pytest.raises(ConflictError, match=r"has a usage plan already"):
        tenants.meter(stages=[stage])


def test_without_users_there_are_tenants_only(
    stack: AwsStack, archive: FakeArchive, function: Function
) -> None:
    tenants = Tenants(stack, "tenants", archive=archive)
    tenants.meter(stages=[deployed(stack, function, tenants)])
    synthesized = Configuration(stack)
    assert items(synthesized) == {}
    assert "USER_POOL_ISSUER" not in [
        name
        for body in synthesized.all("lambda_function").values()
        for name in body.get("environment", {}).get("variables", {})
    ]
    assert [body["name"] for body in synthesized.all("api_gateway_usage_plan").values()] == [
        "shop-tenants-plan"
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Acme", "is not valid"),
        ("a_b", "is not valid"),
        ("", "is not valid"),
        ("a" * 64, "is not valid"),
        ("users", "is reserved"),
        ("operators", "is reserved"),
    ],
)
def test_an_id_that_a_key_could_not_carry_is_rejected(
    stack: AwsStack, archive: FakeArchive, name: str, problem: str
) -> None:
    with pytest.raises(ConstructError, match=problem):
        Tenants(stack, "tenants", archive=archive).add(name)


def test_a_tenant_exists_once(stack: AwsStack, archive: FakeArchive) -> None:
    tenants = Tenants(stack, "tenants", archive=archive)
    tenants.add("acme")
    with pytest.raises(
        ConflictError, match=r"^shop/tenants/acme: exists already; give the tenant another id$"
    ):
        tenants.add("acme")


def test_users_need_a_client_that_is_there_before(
    stack: AwsStack, archive: FakeArchive, pool: UserPool
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"users has no client"):
        Tenants(stack, "empty", users=UserPool(stack, "others"), archive=archive)
    Tenants(stack, "tenants", users=pool, archive=archive)
    pool.add_client("later")
    with pytest.raises(Exception, match=r"a client that was added to 'shop/users' later would be rejected"):
        cdktf.Testing.synth(stack, True)


def test_an_api_whose_keys_are_in_no_plan_is_an_error(
    stack: AwsStack, archive: FakeArchive, function: Function
) -> None:
    tenants = Tenants(stack, "tenants", archive=archive)
    stage = deployed(stack, function, tenants)
    with pytest.raises(
        Exception, match=r"shop/tenants: requests to 'shop/api' need a usage plan, and there is none"
    ):
        cdktf.Testing.synth(stack, True)
    tenants.meter(stages=[stage])
    cdktf.Testing.synth(stack, True)


def test_rights_of_users_need_users(stack: AwsStack, archive: FakeArchive) -> None:
    with pytest.raises(ConflictError, match=r"are for users, and there are none"):
        Tenants(stack, "tenants", user_access=TenantAccess(), archive=archive)


def test_a_key_is_not_required_where_no_authorizer_could_name_it(
    stack: AwsStack, archive: FakeArchive, function: Function
) -> None:
    api = RestApi(stack, "api", name="shop", api_key_source="AUTHORIZER")
    integration = LambdaIntegration(function)
    health = api.resource_for("/health").add_method("GET", integration, authorization=IamAuthorization())
    assert not health.definition.api_key_required
    with pytest.raises(ConflictError, match=r"API keys are named by Lambda authorizers"):
        api.resource_for("/b").add_method(
            "GET", integration, authorization=IamAuthorization(), api_key_required=True
        )
    tenants = Tenants(stack, "tenants", archive=archive)
    free = api.resource_for("/c").add_method(
        "GET", integration, authorization=tenants, api_key_required=False
    )
    assert not free.definition.api_key_required
    with pytest.raises(InvalidArgumentError, match=r"api_key_source 'QUERY' is unknown"):
        RestApi(stack, "other", name="other", api_key_source="QUERY")  # type: ignore[arg-type]


def test_callers_are_told_of_no_api_key(stack: AwsStack, archive: FakeArchive, function: Function) -> None:
    tenants = Tenants(stack, "tenants", archive=archive)
    api = deployed(stack, function, tenants).deployment.api
    operation = api.openapi_document["paths"]["/a"]["get"]
    assert operation["security"] == [{"bearer": []}]
    assert api.openapi_document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert "| GET | `/a` | bearer (Lambda authorizer) |" in api.routes_document


def test_the_openapi_body_says_who_names_the_key(
    stack: AwsStack, archive: FakeArchive, function: Function
) -> None:
    deployed(stack, function, Tenants(stack, "tenants", archive=archive), definition="openapi")
    body = json.loads(Configuration(stack).only("api_gateway_rest_api")["body"])
    assert body["x-amazon-apigateway-api-key-source"] == "AUTHORIZER"
    assert body["paths"]["/a"]["get"]["security"] == [{"bearer": []}, {"api_key": []}]


@pytest.mark.parametrize(
    "arguments",
    [
        {"services": ["Vision"]},
        {"services": ["a,b"]},
        {"models": ["a b"]},
        {"services": "vision"},
        {"limits": [UsageLimit("tenant", "day", "usd", amount) for amount in (1, 2)]},
        {"limits": [UsageLimit(f"route:m{n}", "day", "usd", 1) for n in range(21)]},
    ],
)
def test_rights_that_the_authorizer_could_not_pass_on_are_rejected(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConstructError):
        TenantAccess(**arguments)
