"""ApiKey and UsagePlan: keys are for counting and limiting, never all that callers need."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import App, TerraformOutput

from constructs_lib import (
    ApiKey,
    AwsStack,
    ConflictError,
    ConstructError,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    IamAuthorization,
    InvalidArgumentError,
    LambdaIntegration,
    LimitExceededError,
    Method,
    Public,
    Quota,
    RestApi,
    Stage,
    Throttle,
    UnsafeSettingError,
    UsagePlan,
)
from constructs_lib.routes.definitions import HttpMethod
from tests.support.synthesis import Configuration, children, public_method, refused, validate


def keyed(api: RestApi, function: Function, http_method: HttpMethod = "GET", path: str = "/") -> Method:
    return api.resource_for(path).add_method(
        http_method, LambdaIntegration(function), authorization=IamAuthorization(), api_key_required=True
    )


@pytest.fixture
def stage(stack: AwsStack, api: RestApi) -> Stage:
    return make_stage(stack, api)


def make_stage(stack: AwsStack, api: RestApi, name: str = "prod") -> Stage:
    deployment = Deployment(stack, f"deployment-{name}-{api.name}", api=api)
    return Stage(
        stack,
        f"stage-{name}-{api.name}",
        deployment=deployment,
        stage_name=name,
        account=ExistingApiGatewayAccount(),
    )


def test_a_plan_with_tenants(stack: AwsStack, api: RestApi, function: Function, stage: Stage) -> None:
    root = keyed(api, function)
    order = keyed(api, function, "POST", "/orders/{id}")
    plan = UsagePlan(
        stack,
        "basic",
        name="Basic",
        stages=[stage],
        throttle=Throttle(rate_limit=5, burst_limit=10),
        quota=Quota(limit=1000, period="DAY"),
        method_throttles={
            root: Throttle(rate_limit=1, burst_limit=2),
            order: Throttle(rate_limit=3, burst_limit=4),
        },
        description="For a start",
    )
    acme = plan.add_tenant("acme")
    shared = ApiKey(stack, "shared", name="shared", description="Of all", enabled=False)
    plan.add_key(shared)
    configuration = Configuration(stack)
    resource = configuration.only("api_gateway_usage_plan")
    assert resource == {
        "api_stages": [
            {
                "api_id": f"${{{configuration.address('api_gateway_rest_api')}.id}}",
                "stage": f"${{{configuration.address('api_gateway_stage')}.stage_name}}",
                "throttle": [
                    {"burst_limit": 2, "path": "//GET", "rate_limit": 1},
                    {"burst_limit": 4, "path": "/orders/{id}/POST", "rate_limit": 3},
                ],
            }
        ],
        "description": "For a start",
        "name": "Basic",
        "quota_settings": {"limit": 1000, "period": "DAY"},
        "throttle_settings": {"burst_limit": 10, "rate_limit": 5},
    }
    keys = {body["name"]: address for address, body in configuration.all("api_gateway_api_key").items()}
    assert configuration.all("api_gateway_api_key") == {
        keys["Basic-acme"]: {"enabled": True, "name": "Basic-acme"},
        keys["shared"]: {"description": "Of all", "enabled": False, "name": "shared"},
    }
    plan_id = f"${{{configuration.address('api_gateway_usage_plan')}.id}}"
    assert sorted(
        configuration.all("api_gateway_usage_plan_key").values(), key=lambda body: str(body["key_id"])
    ) == sorted(
        (
            {"key_id": f"${{{address}.id}}", "key_type": "API_KEY", "usage_plan_id": plan_id}
            for address in keys.values()
        ),
        key=lambda body: body["key_id"],
    )
    assert plan.keys == (acme, shared)
    assert (plan.name, plan.stages) == ("Basic", (stage,))
    assert {body["api_key_required"] for body in configuration.all("api_gateway_method").values()} == {True}
    validate(stack)


def test_a_plan_always_limits(stack: AwsStack, api: RestApi, function: Function, stage: Stage) -> None:
    keyed(api, function)
    UsagePlan(stack, "basic", name="basic", stages=[stage])
    plan = Configuration(stack).only("api_gateway_usage_plan")
    assert plan["throttle_settings"] == {"burst_limit": 200, "rate_limit": 100}
    assert "quota_settings" not in plan


def test_a_plan_of_two_apis_limits_the_methods_of_each(
    stack: AwsStack, api: RestApi, function: Function, stage: Stage
) -> None:
    other = RestApi(stack, "other", name="other")
    here, there = keyed(api, function), keyed(other, function, "PUT")
    stages = [stage, make_stage(stack, other)]
    limit = Throttle(rate_limit=1, burst_limit=1)
    UsagePlan(stack, "basic", name="basic", stages=stages, method_throttles={here: limit, there: limit})
    paths = [
        [throttle["path"] for throttle in one["throttle"]]
        for one in Configuration(stack).only("api_gateway_usage_plan")["api_stages"]
    ]
    assert paths == [["//GET"], ["//PUT"]]


# --- a key is never all


def test_a_key_is_never_all_that_callers_need(api: RestApi, function: Function) -> None:
    integration = LambdaIntegration(function)
    before = children(AwsStack.of(api))
    cases: list[tuple[Any, type[ConstructError], str]] = [
        (
            {"http_method": "GET", "authorization": Public(), "api_key_required": True},
            UnsafeSettingError,
            (
                "shop/api/GET: an API key would be the only credential, and API keys are not secrets; pass another "
                "authorization, or Public(with_api_key_only=True) if a key is enough"
            ),
        ),
        (
            {"http_method": "GET", "authorization": Public(with_api_key_only=True)},
            UnsafeSettingError,
            (
                "shop/api/GET: Public(with_api_key_only=True) is open to all without api_key_required; pass "
                "api_key_required=True, or Public() for an open method"
            ),
        ),
        (
            {"http_method": "OPTIONS", "api_key_required": True},
            ConflictError,
            (
                "shop/api/OPTIONS: browsers send preflights without an API key, so all would be rejected; leave "
                "api_key_required out"
            ),
        ),
    ]
    for arguments, kind, message in cases:
        assert refused(lambda these=arguments: api.root.add_method(integration=integration, **these)) == (
            kind,
            message,
        )
    assert children(AwsStack.of(api)) == before


def test_a_key_alone_is_said_aloud(stack: AwsStack, api: RestApi, function: Function) -> None:
    api.root.add_method(
        "GET",
        LambdaIntegration(function),
        authorization=Public(with_api_key_only=True),
        api_key_required=True,
    )
    method = Configuration(stack).only("api_gateway_method")
    assert (method["authorization"], method["api_key_required"]) == ("NONE", True)


def test_a_key_that_is_required_redeploys(api: RestApi, function: Function) -> None:
    keyed(api, function)
    (route,) = api.definition.routes
    assert route.api_key_required
    assert '"api_key_required":true' in api.definition.canonical_json()


@pytest.mark.parametrize("attribute", ["value", "value of the key in a plan", "id"])
def test_the_value_of_a_key_is_in_no_output(
    stack: AwsStack, api: RestApi, function: Function, stage: Stage, attribute: str
) -> None:
    keyed(api, function)
    key = ApiKey(stack, "acme", name="acme")
    in_plan = UsagePlan(stack, "basic", name="basic", stages=[stage]).add_key(key)
    shown = in_plan.value if "plan" in attribute else getattr(key.resource, attribute)
    TerraformOutput(stack, "shown", value={"keys": [f"x-{shown}"]}, sensitive=True)
    TerraformOutput(stack, "number", value=1)
    if attribute == "id":
        validate(stack)
        return
    with pytest.raises(RuntimeError) as failure:
        validate(stack)
    assert (
        "[shop/acme] output 'shop/shown' shows the value of API key 'acme'; pass its key_id, and read the value with "
        "`aws apigateway get-api-key --include-value`"
    ) in str(failure.value)


# --- what is refused


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {"name": "basic/1"},
            InvalidArgumentError,
            "name 'basic/1' is not valid; use 1 to 128 letters, digits, spaces and '._-'",
        ),
        ({"stages": []}, InvalidArgumentError, "has no stages, and limits nothing; pass at least one Stage"),
        (
            {"stages": "twice"},
            ConflictError,
            "stages has a stage twice; remove one of the two",
        ),
        (
            {"method_throttles": "elsewhere"},
            ConflictError,
            "method_throttles has GET /, which none of its stages serves; remove it",
        ),
        (
            {"method_throttles": "without a key"},
            ConflictError,
            (
                "method_throttles has PUT /, which is called without a key, so that no plan limits it; add the method "
                "with api_key_required=True"
            ),
        ),
        (
            {"method_throttles": "more than the stage"},
            ConflictError,
            (
                "method_throttles allows POST / 100 a second and 201 at once, and stage 'prod' takes 100 and 200; lower "
                "the one, or raise the stage's throttle"
            ),
        ),
    ],
)
def test_plans_that_are_refused(
    stack: AwsStack,
    api: RestApi,
    function: Function,
    stage: Stage,
    arguments: dict[str, Any],
    kind: type[ConstructError],
    problem: str,
) -> None:
    elsewhere = keyed(RestApi(stack, "other", name="other"), function)
    without = public_method(api, function, "PUT")
    limit = Throttle()
    words = {
        "twice": [stage, stage],
        "elsewhere": {elsewhere: limit},
        "without a key": {without: limit},
        "more than the stage": {keyed(api, function, "POST"): Throttle(rate_limit=100, burst_limit=201)},
    }
    given = {
        name: words.get(value, value) if isinstance(value, str) else value
        for name, value in arguments.items()
    }
    before = children(stack)
    assert refused(lambda: UsagePlan(stack, "basic", **{"name": "basic", "stages": [stage], **given})) == (
        kind,
        f"shop/basic: {problem}",
    )
    assert children(stack) == before


def test_a_plan_of_another_stack(app: App, stage: Stage) -> None:
    other = AwsStack(app, "other", region="us-east-1")
    assert refused(lambda: UsagePlan(other, "basic", name="basic", stages=[stage])) == (
        ConflictError,
        "other/basic: is in stack 'other' and shop/stage-prod-shop in stack 'shop'; create both in the same stack",
    )


def test_a_key_is_in_one_plan_of_a_stage(stack: AwsStack, api: RestApi, stage: Stage) -> None:
    key = ApiKey(stack, "acme", name="acme")
    basic = UsagePlan(stack, "basic", name="basic", stages=[stage])
    large = UsagePlan(stack, "large", name="large", stages=[make_stage(stack, api, "test"), stage])
    trial = UsagePlan(stack, "trial", name="trial", stages=[make_stage(stack, api, "trial")])
    basic.add_key(key)
    trial.add_key(key)
    before = children(stack)
    for plan in (basic, large):
        assert refused(lambda one=plan: one.add_key(key)) == (
            ConflictError,
            (
                f"shop/{plan.name}: key 'acme' is in a usage plan of stage 'prod' already, and AWS allows one; make "
                "another ApiKey"
            ),
        )
    assert children(stack) == before
    assert large.keys == ()


def test_tenants_and_keys_that_are_refused(stack: AwsStack, stage: Stage) -> None:
    plan = UsagePlan(stack, "basic", name="basic", stages=[stage])
    plan.add_tenant("acme")
    before = children(stack)
    assert refused(lambda: plan.add_tenant("acme")) == (
        ConflictError,
        "shop/basic/acme: exists already; give the tenant another name",
    )
    assert refused(lambda: plan.add_tenant("a b")) == (
        InvalidArgumentError,
        "shop/basic/a b: name 'a b' is not valid; use 1 to 64 letters, digits, '-' and '_'",
    )
    assert refused(lambda: ApiKey(stack, "key", name="")) == (
        InvalidArgumentError,
        "shop/key: name '' is not valid; use 1 to 128 letters, digits, spaces and '._-'",
    )
    assert children(stack) == before


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"limit": 0}, LimitExceededError, "Quota: limit is 0; use 1 to 2147483647"),
        (
            {"limit": 1, "period": "YEAR"},
            InvalidArgumentError,
            "Quota: period 'YEAR' is unknown; choose 'DAY', 'WEEK' or 'MONTH'",
        ),
    ],
)
def test_quotas_that_are_refused(arguments: dict[str, Any], kind: type[ConstructError], message: str) -> None:
    assert refused(lambda: Quota(**arguments)) == (kind, message)


# --- what is found when all is put together


def test_keys_without_a_plan_and_a_plan_without_keyed_methods(
    stack: AwsStack, api: RestApi, function: Function, stage: Stage
) -> None:
    keyed(api, function)
    other = RestApi(stack, "other", name="other")
    public_method(other, function)
    UsagePlan(stack, "basic", name="basic", stages=[make_stage(stack, other)])
    with pytest.raises(RuntimeError) as failure:
        validate(stack)
    message = str(failure.value)
    assert (
        "[shop/stage-prod-shop] GET / has api_key_required=True and stage 'prod' is in no usage plan, so every call would be rejected; add UsagePlan(..., stages=[stage])"
    ) in message
    assert (
        "[shop/basic] usage plan 'basic' limits nothing of stage 'prod': no method of REST API 'other' has "
        "api_key_required=True"
    ) in message
    UsagePlan(stack, "large", name="large", stages=[stage])
    keyed(other, function, "PUT")
    validate(stack)
