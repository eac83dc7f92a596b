"""Authorization: who may call a method, by default and in places, and what API Gateway asks to find out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cdktf import App
from cdktf_cdktf_provider_aws.cognito_user_pool import CognitoUserPool

from constructs_lib import (
    AwsStack,
    CognitoAuthorizer,
    ConflictError,
    ConstructError,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    IamAuthorization,
    InvalidArgumentError,
    LambdaAuthorizer,
    LambdaIntegration,
    LimitExceededError,
    Public,
    RestApi,
    Stage,
)
from tests.support.synthesis import (
    Configuration,
    FakeArchive,
    children,
    invoke_arn,
    public_method,
    refused,
)

POOL = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Staff"
OTHER_POOL = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Other"
BEARER = "^Bearer [A-Za-z0-9._~+/-]+=*$"


@pytest.fixture
def guard(stack: AwsStack, archive: FakeArchive) -> Function:
    return Function(stack, "guard", archive=archive, timeout_seconds=5)


def methods(configuration: Configuration) -> dict[str, dict[str, Any]]:
    return {body["http_method"]: body for body in configuration.all("api_gateway_method").values()}


# --- Cognito


def test_a_cognito_authorizer_is_made_once_for_the_methods_that_need_it(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    pool = CognitoUserPool(stack, "pool", name="staff")
    staff = CognitoAuthorizer(name="staff", user_pools=[pool])
    integration = LambdaIntegration(function)
    api.root.add_method("GET", integration, authorization=staff)
    api.root.add_method("POST", integration, authorization=staff.with_scopes("orders/write", "orders/admin"))
    configuration = Configuration(stack)
    address = configuration.address("api_gateway_authorizer")
    assert configuration.only("api_gateway_authorizer") == {
        "authorizer_result_ttl_in_seconds": 0,
        "identity_source": "method.request.header.Authorization",
        "name": "staff",
        "provider_arns": [f"${{{configuration.address('cognito_user_pool')}.arn}}"],
        "rest_api_id": f"${{{configuration.address('api_gateway_rest_api')}.id}}",
        "type": "COGNITO_USER_POOLS",
    }
    found = methods(configuration)
    assert (found["GET"]["authorization"], found["GET"]["authorizer_id"]) == (
        "COGNITO_USER_POOLS",
        f"${{{address}.id}}",
    )
    assert "authorization_scopes" not in found["GET"]
    assert found["POST"]["authorizer_id"] == f"${{{address}.id}}"
    assert sorted(found["POST"]["authorization_scopes"]) == ["orders/admin", "orders/write"]
    assert list(api.authorizers) == ["staff"]
    assert api.authorizers["staff"].resource is not None
    assert api.authorizers["staff"].permissions == ()


def test_every_argument_of_a_cognito_authorizer_arrives(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    staff = CognitoAuthorizer(
        name="staff", user_pools=[POOL, OTHER_POOL], identity_header="X-Token", cache_ttl_seconds=3600
    )
    api.root.add_method("GET", LambdaIntegration(function), authorization=staff)
    authorizer = Configuration(stack).only("api_gateway_authorizer")
    assert authorizer["authorizer_result_ttl_in_seconds"] == 3600
    assert authorizer["identity_source"] == "method.request.header.X-Token"
    assert authorizer["provider_arns"] == [POOL, OTHER_POOL]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            {"name": "my staff"},
            InvalidArgumentError,
            (
                "CognitoAuthorizer: name 'my staff' is not valid; use 1 to 128 letters, digits, '-' and '_', as in "
                "'staff'"
            ),
        ),
        (
            {"user_pools": POOL},
            InvalidArgumentError,
            f"CognitoAuthorizer 'staff': user_pools '{POOL}' is not a list; pass ['{POOL}']",
        ),
        (
            {"user_pools": []},
            LimitExceededError,
            "CognitoAuthorizer 'staff': the number of user_pools is 0; use 1 to 1000",
        ),
        (
            {"user_pools": ["us-east-1_Staff"]},
            InvalidArgumentError,
            (
                "CognitoAuthorizer 'staff': user_pools 'us-east-1_Staff' is not valid; pass the UserPool, "
                "or an ARN such as 'arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Ab1'"
            ),
        ),
        (
            {"user_pools": [7]},
            InvalidArgumentError,
            "CognitoAuthorizer 'staff': user_pools has a int; pass a UserPool, or its ARN",
        ),
        (
            {"user_pools": [POOL, POOL]},
            ConflictError,
            "CognitoAuthorizer 'staff': user_pools has a pool twice; remove one of the two",
        ),
        (
            {"scopes": ["orders read"]},
            InvalidArgumentError,
            (
                "CognitoAuthorizer 'staff': scopes 'orders read' is not valid; use OAuth scopes, such as 'orders/read'"
            ),
        ),
        (
            {"identity_header": "method.request.header.Token"},
            InvalidArgumentError,
            (
                "CognitoAuthorizer 'staff': identity_header 'method.request.header.Token' is not valid; use a header's "
                "name, such as 'Authorization'"
            ),
        ),
        (
            {"cache_ttl_seconds": 3601},
            LimitExceededError,
            "CognitoAuthorizer 'staff': cache_ttl_seconds is 3601; use 0 to 3600",
        ),
    ],
)
def test_cognito_authorizers_that_are_refused(
    arguments: dict[str, Any], kind: type[ConstructError], message: str
) -> None:
    assert refused(lambda: CognitoAuthorizer(**{"name": "staff", "user_pools": [POOL], **arguments})) == (
        kind,
        message,
    )


# --- Lambda


def test_a_token_authorizer_may_call_its_function_and_nothing_else_may(
    stack: AwsStack, api: RestApi, function: Function, guard: Function
) -> None:
    integration = LambdaIntegration(function)
    partners = LambdaAuthorizer(name="partners", function=guard)
    api.root.add_method("GET", integration, authorization=partners)
    api.root.add_method("PUT", integration, authorization=partners)
    configuration = Configuration(stack)
    rest_api = configuration.address("api_gateway_rest_api")
    address = configuration.address("api_gateway_authorizer")
    permission = next(
        body
        for body in configuration.all("lambda_permission").values()
        if "/authorizers/" in body["source_arn"]
    )
    assert api.authorizers["partners"].definition.targets == ("lambda:shop-guard:live",)
    guards = next(name for name in configuration.all("lambda_alias") if "guard" in name)
    assert configuration.only("api_gateway_authorizer") == {
        "authorizer_result_ttl_in_seconds": 0,
        "authorizer_uri": invoke_arn(configuration, "shop-guard"),
        "identity_source": "method.request.header.Authorization",
        "identity_validation_expression": BEARER,
        "name": "partners",
        "rest_api_id": f"${{{rest_api}.id}}",
        "type": "TOKEN",
    }
    assert permission["source_arn"] == f"${{{rest_api}.execution_arn}}/authorizers/${{{address}.id}}"
    assert permission["qualifier"] == f"${{{guards}.name}}"
    assert permission["principal"] == "apigateway.amazonaws.com"
    assert len(configuration.all("lambda_permission")) == 3
    for method in methods(configuration).values():
        assert (method["authorization"], method["authorizer_id"]) == ("CUSTOM", f"${{{address}.id}}")


def test_a_request_authorizer_sees_what_it_is_told(
    stack: AwsStack, api: RestApi, function: Function, guard: Function
) -> None:
    sources = [
        "method.request.header.X-Tenant",
        "method.request.querystring.key",
        "stageVariables.realm",
        "context.identity.sourceIp",
    ]
    callers = LambdaAuthorizer(
        name="callers", function=guard, kind="REQUEST", identity_sources=sources, cache_ttl_seconds=30
    )
    api.root.add_method("GET", LambdaIntegration(function), authorization=callers)
    authorizer = Configuration(stack).only("api_gateway_authorizer")
    assert authorizer["type"] == "REQUEST"
    assert authorizer["identity_source"] == ",".join(sources)
    assert authorizer["authorizer_result_ttl_in_seconds"] == 30
    assert "identity_validation_expression" not in authorizer


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {"function": "guard"},
            InvalidArgumentError,
            "function is of type str; pass a Function or an ExistingFunction",
        ),
        (
            {"kind": "COGNITO"},
            InvalidArgumentError,
            "kind 'COGNITO' is unknown; choose 'TOKEN' or 'REQUEST'",
        ),
        (
            {"identity_sources": "method.request.header.A"},
            InvalidArgumentError,
            "identity_sources 'method.request.header.A' is not a list; pass ['method.request.header.A']",
        ),
        (
            {"kind": "REQUEST", "identity_sources": [], "cache_ttl_seconds": 60},
            InvalidArgumentError,
            (
                "has no identity_sources, by which answers are cached; name what tells callers apart, such as "
                "'method.request.header.Authorization', or leave cache_ttl_seconds out"
            ),
        ),
        (
            {"identity_sources": []},
            InvalidArgumentError,
            (
                "has no identity_sources, and its token is in none; name what tells callers apart, such as "
                "'method.request.header.Authorization'"
            ),
        ),
        (
            {"kind": "REQUEST", "identity_sources": ["method.request.body.key"]},
            InvalidArgumentError,
            (
                "identity_sources 'method.request.body.key' is not valid; use 'method.request.header.NAME', "
                "'method.request.querystring.NAME', 'stageVariables.NAME' or 'context.NAME'"
            ),
        ),
        (
            {"kind": "REQUEST", "identity_sources": ["context.path", "context.path"]},
            ConflictError,
            "identity_sources has a source twice; remove one of the two",
        ),
        (
            {"identity_sources": ["method.request.querystring.token"]},
            ConflictError,
            (
                "kind 'TOKEN' takes one header as its identity, not method.request.querystring.token; pass "
                "['method.request.header.Authorization'], or kind='REQUEST'"
            ),
        ),
        (
            {"kind": "REQUEST", "identity_validation": "^Bearer .+$"},
            ConflictError,
            "API Gateway ignores identity_validation of kind 'REQUEST'; leave it out",
        ),
        (
            {"identity_validation": "("},
            InvalidArgumentError,
            (
                "identity_validation '(' is not a regular expression (missing ), unterminated subpattern at position 0); "
                "correct it"
            ),
        ),
        (
            {"cache_ttl_seconds": -1},
            LimitExceededError,
            "cache_ttl_seconds is -1; use 0 to 3600",
        ),
    ],
)
def test_lambda_authorizers_that_are_refused(
    guard: Function, arguments: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    assert refused(lambda: LambdaAuthorizer(**{"name": "callers", "function": guard, **arguments})) == (
        kind,
        f"LambdaAuthorizer 'callers': {problem}",
    )


def test_an_authorizer_answers_before_api_gateway_gives_up(stack: AwsStack, archive: FakeArchive) -> None:
    slow = Function(stack, "slow", archive=archive, timeout_seconds=29)
    assert refused(lambda: LambdaAuthorizer(name="callers", function=slow)) == (
        ConflictError,
        (
            "LambdaAuthorizer 'callers': function 'shop-slow' may run 29 s and API Gateway waits 29 s for it; lower "
            "its timeout_seconds; every request waits for it"
        ),
    )


# --- in an API


def test_the_nearest_default_decides(stack: AwsStack, function: Function, guard: Function) -> None:
    integration = LambdaIntegration(function)
    staff = CognitoAuthorizer(name="staff", user_pools=[POOL])
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    admin = api.root.add_resource("admin", default_authorization=staff)
    api.root.add_method("GET", integration)
    admin.add_method("GET", integration)
    admin.resource_for("/users/{id}").add_method("GET", integration)
    admin.add_resource(
        "guarded", default_authorization=LambdaAuthorizer(name="g", function=guard)
    ).add_method("GET", integration)
    admin.add_method("PUT", integration, authorization=Public())
    assert {route.key: route.authorization.type for route in api.definition.routes} == {
        ("/", "GET"): "AWS_IAM",
        ("/admin", "GET"): "COGNITO_USER_POOLS",
        ("/admin", "PUT"): "NONE",
        ("/admin/guarded", "GET"): "CUSTOM",
        ("/admin/users/{id}", "GET"): "COGNITO_USER_POOLS",
    }
    assert [one.name for one in api.definition.authorizers] == ["g", "staff"]


def test_a_method_for_options_is_open(stack: AwsStack, function: Function) -> None:
    integration = LambdaIntegration(function)
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    api.root.add_method("OPTIONS", integration)
    api.resource_for("/a").add_method("OPTIONS", integration, authorization=Public())
    assert {body["authorization"] for body in Configuration(stack).all("api_gateway_method").values()} == {
        "NONE"
    }
    assert refused(
        lambda: api.resource_for("/b").add_method("OPTIONS", integration, authorization=IamAuthorization())
    ) == (
        ConflictError,
        (
            "shop/api/b/OPTIONS: browsers send preflights without credentials, so all would be rejected; leave "
            "authorization out: a method for OPTIONS is open"
        ),
    )


def test_defaults_that_are_no_authorization(stack: AwsStack, api: RestApi) -> None:
    before = children(stack)
    wrong: Any = "AWS_IAM"
    remedy = "pass Public(), IamAuthorization(), a CognitoAuthorizer or a LambdaAuthorizer"
    assert refused(lambda: RestApi(stack, "other", name="other", default_authorization=wrong)) == (
        InvalidArgumentError,
        f"shop/other: default_authorization is of type str; {remedy}",
    )
    assert refused(lambda: api.root.add_resource("a", default_authorization=wrong)) == (
        InvalidArgumentError,
        f"shop/api/a: default_authorization is of type str; {remedy}",
    )
    assert children(stack) == before


def test_two_authorizers_of_one_name(stack: AwsStack, api: RestApi, function: Function) -> None:
    integration = LambdaIntegration(function)
    api.root.add_method("GET", integration, authorization=CognitoAuthorizer(name="staff", user_pools=[POOL]))
    before = children(stack)
    other = CognitoAuthorizer(name="staff", user_pools=[OTHER_POOL])
    assert refused(lambda: api.root.add_method("PUT", integration, authorization=other)) == (
        ConflictError,
        (
            "shop/api/PUT: the API has another authorizer 'staff' already; use that one, or give this one another name"
        ),
    )
    assert children(stack) == before
    same = CognitoAuthorizer(name="staff", user_pools=[POOL])
    api.root.add_method("PUT", integration, authorization=same)
    assert len(Configuration(stack).all("api_gateway_authorizer")) == 1


def test_10_authorizers_are_the_most(api: RestApi, function: Function) -> None:
    integration = LambdaIntegration(function)
    for number in range(10):
        staff = CognitoAuthorizer(name=f"staff{number}", user_pools=[POOL])
        api.resource_for(f"/{number}").add_method("GET", integration, authorization=staff)
    one_more = CognitoAuthorizer(name="guests", user_pools=[POOL])
    assert refused(lambda: api.root.add_method("GET", integration, authorization=one_more)) == (
        LimitExceededError,
        (
            "shop/api/GET: a REST API has at most 10 authorizers, and 'guests' would be one more; let one decide for "
            "several methods, or divide the API"
        ),
    )
    api.root.add_method("GET", integration, authorization=staff)


def test_a_refused_method_leaves_no_authorizer_behind(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    public_method(api, function)
    before = children(stack)
    staff = CognitoAuthorizer(name="staff", user_pools=[POOL])
    with pytest.raises(ConflictError):
        api.root.add_method("GET", LambdaIntegration(function), authorization=staff)
    assert children(stack) == before
    assert api.authorizers == {}


def test_an_authorizer_of_another_stack(
    app: App, api: RestApi, function: Function, archive: FakeArchive
) -> None:
    other = AwsStack(app, "other", region="us-east-1")
    for authorizer, place in (
        (
            CognitoAuthorizer(name="staff", user_pools=[CognitoUserPool(other, "pool", name="staff")]),
            "other/pool",
        ),
        (LambdaAuthorizer(name="staff", function=Function(other, "guard", archive=archive)), "other/guard"),
    ):
        assert refused(
            lambda one=authorizer: api.root.add_method("GET", LambdaIntegration(function), authorization=one)
        ) == (
            ConflictError,
            f"shop/api/GET: is in stack 'shop' and {place} in stack 'other'; create both in the same stack",
        )


def test_one_authorizer_serves_several_apis_and_a_path_may_have_its_name(
    stack: AwsStack, function: Function, guard: Function
) -> None:
    callers = LambdaAuthorizer(name="callers", function=guard)
    integration = LambdaIntegration(function)
    for name in ("one", "two"):
        api = RestApi(stack, name, name=name, default_authorization=callers)
        api.resource_for("/callers").add_method("GET", integration)
        api.resource_for("/authorizer/callers").add_method("GET", integration)
    configuration = Configuration(stack)
    assert len(configuration.all("api_gateway_authorizer")) == 2
    assert len(configuration.all("lambda_permission")) == 6


def test_authorizers_are_made_one_after_the_other(
    stack: AwsStack, api: RestApi, function: Function, guard: Function
) -> None:
    """API Gateway answers two changes at once with a ConflictException."""
    integration = LambdaIntegration(function)
    for name in ("a", "b", "c"):
        api.resource_for(f"/{name}").add_method(
            "GET", integration, authorization=LambdaAuthorizer(name=name, function=guard)
        )
    authorizer = Configuration(stack).all("api_gateway_authorizer")
    first, second, _ = authorizer
    assert [body.get("depends_on") for body in authorizer.values()] == [None, [first], [second]]


def test_a_deployment_waits_for_authorizers_and_a_stage_for_their_permissions(
    stack: AwsStack, api: RestApi, function: Function, guard: Function
) -> None:
    deployment = Deployment(stack, "deployment", api=api)
    Stage(stack, "stage", deployment=deployment, stage_name="prod", account=ExistingApiGatewayAccount())
    api.root.add_method(
        "GET", LambdaIntegration(function), authorization=LambdaAuthorizer(name="callers", function=guard)
    )
    configuration = Configuration(stack)
    assert set(configuration.only("api_gateway_deployment")["depends_on"]) == {
        *configuration.all("api_gateway_method"),
        *configuration.all("api_gateway_integration"),
        *configuration.all("api_gateway_authorizer"),
        *configuration.all("api_gateway_request_validator"),
    }
    assert set(configuration.all("lambda_permission")) < set(
        configuration.only("api_gateway_stage")["depends_on"]
    )


def test_another_user_pool_redeploys(stack: AwsStack, api: RestApi, function: Function) -> None:
    """A deployment verifies tokens with the pool that it was created with."""
    Deployment(stack, "deployment", api=api)
    pool = CognitoUserPool(stack, "pool", name="staff")
    integration = LambdaIntegration(function)
    for name, pools in (("staff", [pool, POOL]), ("readers", [pool])):
        api.resource_for(f"/{name}").add_method(
            "GET", integration, authorization=CognitoAuthorizer(name=name, user_pools=pools)
        )
    configuration = Configuration(stack)
    readers, staff = sorted(configuration.all("api_gateway_authorizer"))
    assert configuration.only("api_gateway_deployment")["lifecycle"] == {
        "create_before_destroy": True,
        "replace_triggered_by": [
            f"{staff}.id",
            f"{configuration.address('cognito_user_pool')}.id",
            f"{readers}.id",
        ],
    }


def with_cognito(**changes: Any) -> Callable[[AwsStack, FakeArchive], Any]:
    return lambda stack, archive: CognitoAuthorizer(
        **{"name": "staff", "user_pools": [POOL], "scopes": ["read"], **changes}
    )


def with_lambda(function_name: str = "guard", **changes: Any) -> Callable[[AwsStack, FakeArchive], Any]:
    return lambda stack, archive: LambdaAuthorizer(
        name="staff",
        function=Function(stack, "guard", archive=archive, function_name=function_name),
        **changes,
    )


DIFFERENT: dict[str, Callable[[AwsStack, FakeArchive], Any]] = {
    "public": lambda stack, archive: Public(),
    "iam": lambda stack, archive: IamAuthorization(),
    "cognito": with_cognito(),
    "cognito, another pool": with_cognito(user_pools=[OTHER_POOL]),
    "cognito, another name": with_cognito(name="people"),
    "cognito, other scopes": with_cognito(scopes=["write"]),
    "cognito, another header": with_cognito(identity_header="X-Token"),
    "cognito, cached": with_cognito(cache_ttl_seconds=1),
    "lambda": with_lambda(),
    "lambda, another function": with_lambda("watch"),
    "lambda, of requests": with_lambda(kind="REQUEST"),
    "lambda, another header": with_lambda(identity_sources=["method.request.header.X-Token"]),
    "lambda, another pattern": with_lambda(identity_validation="^.+$"),
    "lambda, cached": with_lambda(cache_ttl_seconds=1),
}


def test_every_field_of_an_authorizer_redeploys(app: App, archive: FakeArchive) -> None:
    triggers = {}
    for number, (name, make) in enumerate(DIFFERENT.items()):
        stack = AwsStack(app, f"shop{number}", region="us-east-1", allowed_account_ids=[f"{number:012}"])
        function = Function(stack, "chat", archive=archive, function_name="chat")
        api = RestApi(stack, "api", name="shop", default_authorization=make(stack, archive))
        api.root.add_method("GET", LambdaIntegration(function))
        triggers[name] = api.definition.digest()
    assert len(set(triggers.values())) == len(DIFFERENT)


@pytest.mark.parametrize("form", ["resources", "openapi"])
def test_a_request_authorizer_without_a_cache_needs_no_identity(
    stack: AwsStack, function: Function, form: Any
) -> None:
    api = RestApi(stack, "api", name="shop", definition=form)
    anybody = LambdaAuthorizer(name="anybody", function=function, kind="REQUEST", identity_sources=[])
    api.root.add_method("GET", LambdaIntegration(function), authorization=anybody)
    written = Configuration(stack)
    if form == "resources":
        assert written.only("api_gateway_authorizer")["identity_source"] == ""
    else:
        body = json.loads(written.only("api_gateway_rest_api")["body"])
        scheme = body["components"]["securitySchemes"]["anybody"]
        assert "identitySource" not in scheme["x-amazon-apigateway-authorizer"]
