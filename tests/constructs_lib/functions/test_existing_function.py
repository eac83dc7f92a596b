"""ExistingFunction: by name or by ARN, behind a route and as an authorizer, with permissions and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    ExistingFunction,
    InvalidArgumentError,
    LambdaAuthorizer,
    LambdaIntegration,
    LimitExceededError,
    Public,
    RestApi,
)
from tests.support.synthesis import Configuration, refused

ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders"


def test_a_name_is_looked_up_and_invoked_by_its_alias(stack: AwsStack, api: RestApi) -> None:
    orders = ExistingFunction(stack, "orders", function_name="orders", qualifier="live")
    api.resource_for("/orders").add_method("GET", LambdaIntegration(orders), authorization=Public())
    configuration = Configuration(stack)
    (found,) = configuration.json["data"]["aws_lambda_function"].values()
    assert (found["function_name"], found["qualifier"]) == ("orders", "live")
    permission = configuration.only("lambda_permission")
    assert permission["function_name"].endswith(".function_name}")
    assert (permission["qualifier"], permission["principal"]) == ("live", "apigateway.amazonaws.com")
    uri = configuration.only("api_gateway_integration")["uri"]
    assert uri.startswith("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:")
    assert uri.endswith(":function:orders:live/invocations")
    assert "aws_lambda_function" not in configuration.json["resource"]


@pytest.mark.parametrize(("arn", "qualifier"), [(ARN, None), (f"{ARN}:live", "live"), (f"{ARN}:7", "7")])
def test_an_arn_is_not_looked_up(stack: AwsStack, api: RestApi, arn: str, qualifier: str | None) -> None:
    orders = ExistingFunction(stack, "orders", arn=arn)
    assert (orders.function_name, orders.qualified_arn) == ("orders", arn)
    guard = LambdaAuthorizer(name="guard", function=orders)
    api.resource_for("/orders").add_method("GET", LambdaIntegration(orders), authorization=guard)
    configuration = Configuration(stack)
    assert "aws_lambda_function" not in configuration.json.get("data", {})
    permissions = configuration.all("lambda_permission").values()
    assert len(permissions) == 2
    assert {(one["function_name"], one.get("qualifier")) for one in permissions} == {(ARN, qualifier)}
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    assert configuration.only("api_gateway_integration")["uri"] == uri
    assert configuration.only("api_gateway_authorizer")["authorizer_uri"] == uri


def test_another_accounts_owner_adds_the_permissions(stack: AwsStack, api: RestApi) -> None:
    orders = ExistingFunction(stack, "orders", arn=ARN, add_permissions=False)
    guard = LambdaAuthorizer(name="guard", function=orders)
    api.resource_for("/orders").add_method("GET", LambdaIntegration(orders), authorization=guard)
    assert Configuration(stack).all("lambda_permission") == {}


def test_another_function_is_another_definition(stack: AwsStack) -> None:
    digests = set()
    for number, arn in enumerate([ARN, f"{ARN}:live", f"{ARN}s"]):
        api = RestApi(stack, f"api{number}", name="shop")
        function = ExistingFunction(stack, f"orders{number}", arn=arn)
        api.resource_for("/orders").add_method("GET", LambdaIntegration(function), authorization=Public())
        digests.add(api.definition.digest())
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda stack: ExistingFunction(stack, "orders"),
            InvalidArgumentError,
            "shop/orders: needs either function_name or arn; pass either function_name or arn",
        ),
        (
            lambda stack: ExistingFunction(stack, "orders", function_name="orders", arn=ARN),
            InvalidArgumentError,
            "shop/orders: needs either function_name or arn; pass either function_name or arn",
        ),
        (
            lambda stack: ExistingFunction(stack, "orders", arn="orders"),
            InvalidArgumentError,
            (
                "shop/orders: arn 'orders' is not the ARN of a Lambda function; pass one such as "
                "'arn:aws:lambda:eu-central-1:123456789012:function:orders:live'"
            ),
        ),
        (
            lambda stack: ExistingFunction(stack, "orders", arn=ARN, qualifier="live"),
            ConflictError,
            "shop/orders: arn and qualifier are both set; append the qualifier to the ARN and leave qualifier out",
        ),
        (
            lambda stack: ExistingFunction(stack, "orders", arn=ARN.replace("us-east-1", "eu-west-1")),
            ConflictError,
            (
                "shop/orders: the function is in eu-west-1 and the stack in us-east-1; API Gateway invokes functions of its own "
                "region; use a function of the stack's region"
            ),
        ),
        (
            lambda stack: ExistingFunction(stack, "orders", function_name=ARN),
            InvalidArgumentError,
            f"shop/orders: function_name '{ARN}' is not valid; use the name without its ARN",
        ),
        (
            lambda stack: LambdaIntegration(
                ExistingFunction(stack, "orders", function_name="orders", timeout_seconds=60)
            ),
            ConflictError,
            (
                "shop/orders (LambdaIntegration): the function may run 60 s and API Gateway waits 29000 ms, so callers get a 504 while it runs on; lower the function's timeout_seconds below 29, or do the work in the background"
            ),
        ),
        (
            lambda stack: ExistingFunction(stack, "orders", function_name="orders", timeout_seconds=0),
            LimitExceededError,
            "shop/orders: timeout_seconds is 0; use 1 to 900",
        ),
    ],
)
def test_arguments_that_are_not_valid(
    stack: AwsStack, make: Callable[[AwsStack], object], kind: type[ConstructError], message: str
) -> None:
    assert refused(lambda: make(stack)) == (kind, message)
