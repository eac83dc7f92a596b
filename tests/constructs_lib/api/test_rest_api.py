"""RestApi, Resource and Method: routes become resources, or are refused."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    Environment,
    Function,
    IamAuthorization,
    InvalidArgumentError,
    LambdaIntegration,
    LimitExceededError,
    Public,
    RestApi,
    Throttle,
)
from tests.support.synthesis import (
    Configuration,
    FakeArchive,
    children,
    invoke_arn,
    public_method,
    refused,
)


def test_an_api_with_one_route(stack: AwsStack, api: RestApi, function: Function) -> None:
    method = public_method(api, function, "POST", "/vision/text")
    configuration = Configuration(stack)
    rest_api = configuration.address("api_gateway_rest_api")
    assert configuration.only("api_gateway_rest_api") == {
        "api_key_source": "HEADER",
        "binary_media_types": [],
        "description": "",
        "endpoint_configuration": {"types": ["REGIONAL"]},
        "lifecycle": {"create_before_destroy": True},
        "minimum_compression_size": "-1",
        "name": "shop",
    }
    vision, text = configuration.all("api_gateway_resource")
    assert configuration.all("api_gateway_resource") == {
        vision: {
            "parent_id": f"${{{rest_api}.root_resource_id}}",
            "path_part": "vision",
            "rest_api_id": f"${{{rest_api}.id}}",
        },
        text: {
            "parent_id": f"${{{vision}.id}}",
            "path_part": "text",
            "rest_api_id": f"${{{rest_api}.id}}",
        },
    }
    assert configuration.only("api_gateway_method") == {
        "authorization": "NONE",
        "http_method": "POST",
        "request_validator_id": f"${{{configuration.address('api_gateway_request_validator')}.id}}",
        "resource_id": f"${{{text}.id}}",
        "rest_api_id": f"${{{rest_api}.id}}",
    }
    assert configuration.only("api_gateway_integration") == {
        "http_method": f"${{{configuration.address('api_gateway_method')}.http_method}}",
        "integration_http_method": "POST",
        "resource_id": f"${{{text}.id}}",
        "rest_api_id": f"${{{rest_api}.id}}",
        "timeout_milliseconds": 29_000,
        "type": "AWS_PROXY",
        "uri": invoke_arn(configuration, "shop-chat"),
    }
    assert configuration.only("lambda_permission") == {
        "action": "lambda:InvokeFunction",
        "function_name": f"${{{configuration.address('lambda_function')}.function_name}}",
        "lifecycle": {"replace_triggered_by": [f"{configuration.address('lambda_alias')}.id"]},
        "principal": "apigateway.amazonaws.com",
        "qualifier": f"${{{configuration.address('lambda_alias')}.name}}",
        "source_arn": f"${{{rest_api}.execution_arn}}/*/POST/vision/text",
        "statement_id_prefix": "shop-api-vision-text-POST-",
    }
    assert (method.path, method.http_method) == ("/vision/text", "POST")
    assert method.resource is not None
    assert method.integration_resource is not None


def test_every_argument_arrives(stack: AwsStack) -> None:
    RestApi(
        stack,
        "api",
        name="the shop's"[:8],
        description="Sells",
        endpoint_type="EDGE",
        binary_media_types=["image/png", "*/*"],
        minimum_compression_bytes=0,
        api_key_source="AUTHORIZER",
    )
    assert Configuration(stack).only("api_gateway_rest_api") == {
        "api_key_source": "AUTHORIZER",
        "binary_media_types": ["image/png", "*/*"],
        "description": "Sells",
        "endpoint_configuration": {"types": ["EDGE"]},
        "lifecycle": {"create_before_destroy": True},
        "minimum_compression_size": "0",
        "name": "the shop",
    }


@pytest.mark.parametrize(
    ("path", "http_method", "source"),
    [
        ("/", "GET", "/*/GET/"),
        ("/orders/{id}", "DELETE", "/*/DELETE/orders/*"),
        ("/{proxy+}", "ANY", "/*/*/*"),
        ("/ai-service", "ANY", "/*/*/ai-service"),
    ],
)
def test_a_permission_is_for_one_method_of_one_path(
    stack: AwsStack, api: RestApi, function: Function, path: str, http_method: Any, source: str
) -> None:
    public_method(api, function, http_method, path)
    configuration = Configuration(stack)
    rest_api = configuration.address("api_gateway_rest_api")
    assert configuration.only("lambda_permission")["source_arn"] == f"${{{rest_api}.execution_arn}}{source}"


def test_one_integration_serves_several_methods_with_a_permission_each(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    integration = LambdaIntegration(function, timeout_ms=20_000)
    for path in ("/a", "/b"):
        api.resource_for(path).add_method("GET", integration, authorization=Public())
    configuration = Configuration(stack)
    sources = [
        permission["source_arn"].rpartition("}")[2]
        for permission in configuration.all("lambda_permission").values()
    ]
    assert sorted(sources) == ["/*/GET/a", "/*/GET/b"]
    assert {
        body["timeout_milliseconds"] for body in configuration.all("api_gateway_integration").values()
    } == {20_000}
    assert (integration.function, integration.timeout_ms) == (function, 20_000)


def test_paths_are_made_once_however_they_are_asked_for(stack: AwsStack, api: RestApi) -> None:
    orders = api.root.add_resource("orders")
    order = orders.add_resource("{id}")
    assert api.resource_for("/orders") is orders
    assert api.resource_for("/orders/{id}") is order
    assert orders.resource_for("/{id}") is order
    assert api.resource_for("/") is api.root
    assert [resource.path for resource in (api.root, orders, order)] == ["/", "/orders", "/orders/{id}"]
    assert api.root.resources == (orders,)
    assert api.root.resource is None
    assert order.resource is not None
    assert len(Configuration(stack).all("api_gateway_resource")) == 2


@pytest.mark.parametrize("part", ["GET", "ANY", "Resource", "Default", "root", "permission", "integration"])
def test_a_path_may_have_the_name_of_anything_else(
    stack: AwsStack, api: RestApi, function: Function, part: str
) -> None:
    public_method(api, function, "ANY", "/")
    public_method(api, function, "GET", f"/{part}")
    public_method(api, function, "GET", f"/{part}/{part}")
    configuration = Configuration(stack)
    assert [body["path_part"] for body in configuration.all("api_gateway_resource").values()] == [part, part]
    assert len(configuration.all("api_gateway_method")) == 3


def test_a_variable_keeps_its_address_when_it_is_renamed(app: App, archive: FakeArchive) -> None:
    """API Gateway refuses a second variable beside the first, so Terraform must not make one."""
    addresses = []
    for name, variable in (("one", "{id}"), ("two", "{number}"), ("three", "{proxy+}")):
        stack = AwsStack(app, name, region="us-east-1")
        function = Function(stack, "chat", archive=archive)
        public_method(RestApi(stack, "api", name="shop"), function, "GET", f"/orders/{variable}")
        configuration = Configuration(stack)
        assert configuration.only("lambda_permission")["source_arn"].endswith("/*/GET/orders/*")
        addresses.append(
            [*configuration.all("api_gateway_resource"), configuration.address("api_gateway_method")]
        )
    assert addresses[0] == addresses[1] == addresses[2]


def test_the_routes_are_kept_as_data(api: RestApi, function: Function) -> None:
    api.resource_for("/orders/{id}").add_method(
        "GET",
        LambdaIntegration(function),
        authorization=IamAuthorization(),
        request_parameters={"method.request.querystring.page": False, "method.request.path.id": True},
    )
    method = public_method(api, function)
    root, order = api.definition.routes
    assert root is method.definition
    assert (order.path, order.http_method, order.authorization.type) == ("/orders/{id}", "GET", "AWS_IAM")
    assert order.integration.target == "lambda:shop-chat:live"
    assert order.request_parameters == (
        ("method.request.path.id", True),
        ("method.request.querystring.page", False),
    )
    assert api.root.methods == (method,)


def test_request_parameters_arrive(stack: AwsStack, api: RestApi, function: Function) -> None:
    parameters = {"method.request.querystring.page": False, "method.request.path.id": True}
    api.resource_for("/{id}").add_method(
        "GET", LambdaIntegration(function), authorization=Public(), request_parameters=parameters
    )
    assert Configuration(stack).only("api_gateway_method")["request_parameters"] == parameters


# --- authorization


def test_nobody_said_who_may_call_it(api: RestApi, function: Function) -> None:
    before = children(AwsStack.of(api))
    assert refused(lambda: api.root.add_method("GET", LambdaIntegration(function))) == (
        InvalidArgumentError,
        (
            "shop/api/GET: no authorization is set; pass authorization=IamAuthorization(), or authorization=Public() for an open method"
        ),
    )
    assert children(AwsStack.of(api)) == before
    assert api.definition.routes == ()


def test_the_default_authorization_is_for_methods_that_do_not_say_it(
    stack: AwsStack, function: Function
) -> None:
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    api.root.add_method("GET", LambdaIntegration(function))
    api.root.add_method("HEAD", LambdaIntegration(function), authorization=Public())
    methods = Configuration(stack).all("api_gateway_method").values()
    assert {body["http_method"]: body["authorization"] for body in methods} == {
        "GET": "AWS_IAM",
        "HEAD": "NONE",
    }


# --- what is refused


def test_the_rules_of_paths_name_the_construct(api: RestApi) -> None:
    api.resource_for("/orders/{id}")
    before = children(AwsStack.of(api))
    assert refused(lambda: api.resource_for("/orders/{number}")) == (
        ConflictError,
        (
            "shop/api/orders/{number}: '/orders' has the variable '{id}' already, and API Gateway allows one; use "
            "'{id}' for both, or tell '{number}' apart by a fixed part before it"
        ),
    )
    assert refused(lambda: api.root.add_resource("a/b")) == (
        InvalidArgumentError,
        ("shop/api/a/b: path_part 'a/b' has a '/'; add one resource per path segment, or use resource_for"),
    )
    assert refused(lambda: api.root.add_resource("orders")) == (
        ConflictError,
        "shop/api/orders: '/orders' exists already; use resource_for('/orders')",
    )
    assert refused(lambda: api.resource_for("orders")) == (
        InvalidArgumentError,
        "shop/api: path 'orders' does not start with '/'; write it as '/orders/{id}'",
    )
    assert children(AwsStack.of(api)) == before


def test_methods_that_are_refused(api: RestApi, function: Function) -> None:
    integration = LambdaIntegration(function)
    public_method(api, function)
    before = children(AwsStack.of(api))
    wrong: Any = function
    cases: list[tuple[Any, type[ConstructError], str]] = [
        (
            lambda: api.root.add_method("GET", integration, authorization=Public()),
            ConflictError,
            "shop/api/GET: '/' has a method GET already; remove one of the two",
        ),
        (
            lambda: api.root.add_method("FETCH", integration, authorization=Public()),  # type: ignore[arg-type]
            InvalidArgumentError,
            (
                "shop/api/FETCH: http_method 'FETCH' is unknown; choose 'ANY', 'DELETE', 'GET', 'HEAD', "
                "'OPTIONS', 'PATCH', 'POST' or 'PUT'"
            ),
        ),
        (
            lambda: api.root.add_method("PUT", wrong, authorization=Public()),
            InvalidArgumentError,
            "shop/api/PUT: integration is of type Function; pass LambdaIntegration(function)",
        ),
        (
            lambda: api.root.add_method("PUT", integration, authorization="NONE"),  # type: ignore[arg-type]
            InvalidArgumentError,
            (
                "shop/api/PUT: authorization is of type str; pass Public(), IamAuthorization(), a CognitoAuthorizer or a "
                "LambdaAuthorizer"
            ),
        ),
    ]
    for act, kind, message in cases:
        assert refused(act) == (kind, message)
    assert children(AwsStack.of(api)) == before
    assert len(api.definition.routes) == 1


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {"name": "shop/api"},
            InvalidArgumentError,
            "name 'shop/api' is not valid; use 1 to 128 letters, digits, spaces and '._-'",
        ),
        (
            {"endpoint_type": "PRIVATE"},
            InvalidArgumentError,
            "endpoint_type 'PRIVATE' is unknown; choose 'REGIONAL' or 'EDGE'",
        ),
        (
            {"binary_media_types": "image/png"},
            InvalidArgumentError,
            "binary_media_types 'image/png' is not a list of strings; pass ['image/png']",
        ),
        (
            {"binary_media_types": ["png"]},
            InvalidArgumentError,
            "binary_media_types 'png' is not valid; use content types, such as 'image/png'",
        ),
        (
            {"binary_media_types": ["image/png", "image/png"]},
            ConflictError,
            "binary_media_types has a content type twice; remove one of the two",
        ),
        (
            {"minimum_compression_bytes": 10_485_761},
            LimitExceededError,
            "minimum_compression_bytes is 10485761; use 0 to 10485760",
        ),
    ],
)
def test_apis_that_are_refused(
    stack: AwsStack, arguments: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    before = children(stack)
    assert refused(lambda: RestApi(stack, "api", **{"name": "shop", **arguments})) == (
        kind,
        f"shop/api: {problem}",
    )
    assert children(stack) == before


def test_deploy_creates_deployment_stage_and_the_role_for_logs(stack: AwsStack, function: Function) -> None:
    api = RestApi(stack, "api", name="shop")
    first = api.deploy("prod", throttle=Throttle(7, 9))
    api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
    second = api.deploy("test")
    assert second.deployment is first.deployment
    configuration = Configuration(stack)
    assert {body["stage_name"] for body in configuration.all("api_gateway_stage").values()} == {
        "prod",
        "test",
    }
    configuration.only("api_gateway_account")
    configuration.only("api_gateway_deployment")
    limits = {
        (one["settings"]["throttling_rate_limit"], one["settings"]["throttling_burst_limit"])
        for one in configuration.all("api_gateway_method_settings").values()
    }
    assert limits == {(7, 9), (100, 200)}
    logged = [
        body["access_log_settings"]["format"] for body in configuration.all("api_gateway_stage").values()
    ]
    assert all('"caller":"$context.authorizer.caller"' in line for line in logged)


@pytest.mark.parametrize(("role", "logs"), [("existing", True), ("none", False)])
def test_deploy_without_a_role_of_its_own(
    stack: AwsStack, function: Function, recwarn: pytest.WarningsRecorder, role: Any, logs: bool
) -> None:
    api = RestApi(stack, "api", name="shop")
    api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
    api.deploy("prod", cloudwatch_role=role)
    configuration = Configuration(stack)
    assert configuration.all("api_gateway_account") == {}
    assert ("access_log_settings" in configuration.only("api_gateway_stage")) == logs
    assert list(recwarn) == []


def test_the_url_of_a_stack_for_the_local_cloud_is_there(app: App, archive: FakeArchive) -> None:
    for name, url in (
        ("local", "http://127.0.0.1:4566/_aws/execute-api/"),
        ("dev", "${aws_api_gateway_stage."),
    ):
        environment = Environment.from_variables({"ENVIRONMENT": name})
        stack = AwsStack(app, f"shop-{name}", environment=environment)
        api = RestApi(stack, "api", name="shop")
        function = Function(stack, "chat", archive=archive)
        api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
        stack.output(invoke_url=api.deploy("prod").invoke_url)
        assert Configuration(stack).json["output"]["invoke_url"]["value"].startswith(url)
