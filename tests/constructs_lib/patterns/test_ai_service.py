"""AiService: the function, its rights and its routes follow from the contract and the stack's defaults."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AiService,
    AwsStack,
    CallerLimit,
    Cors,
    IamAuthorization,
    InvalidArgumentError,
    LambdaIntegration,
    Public,
    RestApi,
    StackDefaults,
)
from handlers.common.contract import Contract
from handlers.common.error_format import OPENAI_ERROR
from tests.support.contracts import Greeting, greeting
from tests.support.synthesis import Configuration, FakeArchive, refused, statements

ORIGIN = "https://shop.example"


def stack_with(app: App, **defaults: Any) -> AwsStack:
    return AwsStack(app, "shop", region="us-east-1", defaults=StackDefaults(**defaults))


def policies(stack: AwsStack) -> dict[str, list[dict[str, Any]]]:
    return {
        body["name"]: statements(body["policy"])
        for body in Configuration(stack).all("iam_role_policy").values()
    }


def test_a_service_is_a_function_with_the_contract_s_name(app: App, archive: FakeArchive) -> None:
    stack = stack_with(app, allowed_origins=[ORIGIN])
    AiService(stack, greeting(), archive=archive, memory_mb=256, environment={"MODE": "short"})
    function = Configuration(stack).only("lambda_function")
    assert (function["function_name"], function["memory_size"], function["timeout"]) == (
        "shop-greeting",
        256,
        25,
    )
    assert function["environment"]["variables"] == {
        "AI_BACKEND": "local",
        "CORS_ALLOWED_ORIGINS": ORIGIN,
        "MODE": "short",
    }


@pytest.mark.parametrize("backend", ["local", "aws"])
def test_only_with_the_aws_backend_it_may_call_what_the_contract_names(
    app: App, archive: FakeArchive, backend: str
) -> None:
    stack = stack_with(app, ai_backend=backend)
    service = AiService(stack, greeting(), archive=archive)
    granted = policies(stack).get("ai")
    if backend == "local":
        assert granted is None
        assert service.paid_calls == {}
        return
    assert granted is not None
    actions, models = granted
    assert actions["Action"] == ["rekognition:DetectText", "comprehend:DetectSentiment"]
    assert models["Resource"] == ["arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"]
    assert sorted(service.paid_calls) == [
        "shop-bedrock-amazon.nova-lite-v1:0",
        "shop-comprehend",
        "shop-rekognition-DetectText",
    ]


def test_models_are_those_of_the_stack_s_partition(app: App, archive: FakeArchive) -> None:
    stack = AwsStack(app, "shop", region="us-gov-west-1", defaults=StackDefaults(ai_backend="aws"))
    AiService(stack, greeting(), archive=archive)
    _, models = policies(stack)["ai"]
    assert models["Resource"] == [
        "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-lite-v1:0"
    ]


def test_requests_are_counted_with_a_limit(app: App, archive: FakeArchive) -> None:
    stack = stack_with(app)
    AiService(
        stack,
        greeting(),
        archive=archive,
        caller_limit=CallerLimit(stack, "callers", requests_per_minute=7),
    )
    variables = Configuration(stack).only("lambda_function")["environment"]["variables"]
    assert variables["CALLER_REQUESTS_PER_MINUTE"] == "7"
    assert policies(stack)["table-shop-callers"][0]["Action"] == ["dynamodb:UpdateItem"]


def test_its_routes_are_those_of_the_contract(app: App, archive: FakeArchive) -> None:
    stack = stack_with(app, allowed_origins=[ORIGIN])
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    methods = api.add_services(
        AiService(stack, greeting(), archive=archive), authorization={"/greetings/last": Public()}
    )
    assert [(*method.definition.key, method.definition.authorization.type) for method in methods] == [
        ("/greetings", "POST", "AWS_IAM"),
        ("/greetings/last", "GET", "NONE"),
    ]
    preflights = [route.path for route in api.definition.routes if route.http_method == "OPTIONS"]
    assert preflights == ["/greetings", "/greetings/last"]
    assert api.definition.gateway_responses, "API Gateway's own errors have the form of the service's"


def test_an_api_may_have_other_origins_than_the_stack(app: App, archive: FakeArchive) -> None:
    stack = stack_with(app, allowed_origins=[ORIGIN])
    for number, cors in enumerate(("OFF", Cors(origins=["https://other.example"]))):
        api = RestApi(stack, f"api-{number}", name="shop", default_authorization=Public(), cors=cors)  # type: ignore[arg-type]
        api.add_service(greeting(), LambdaIntegration(AiService(api, greeting(), archive=archive)))
        preflights = [route for route in api.definition.routes if route.http_method == "OPTIONS"]
        assert len(preflights) == 2 * number


def test_a_path_that_no_service_has_is_rejected(app: App, archive: FakeArchive) -> None:
    stack = stack_with(app)
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    service = AiService(stack, greeting(), archive=archive)
    assert refused(lambda: api.add_services(service, authorization={"/greeting": Public()})) == (
        InvalidArgumentError,
        (
            "shop/api: authorization names '/greeting', which is not a route of 'greeting'; use one of /greetings, "
            "/greetings/last"
        ),
    )
    assert api.definition.routes == ()
    integrations = {"greeting.greet": service.integration}
    assert refused(lambda: api.add_service(greeting(), integrations)) == (
        InvalidArgumentError,
        (
            "shop/api: integration has no entry for 'greeting.last'; pass one integration for each of greeting.greet, "
            "greeting.last"
        ),
    )


def test_bodies_of_a_contract_with_errors_of_its_own_are_left_to_the_function(
    app: App, archive: FakeArchive
) -> None:
    contract = Contract("greeting", error_format=OPENAI_ERROR)
    contract.post("/greetings", Greeting, Greeting, summary="Greet a person.")
    stack = stack_with(app)
    api = RestApi(stack, "api", name="shop", default_authorization=Public())
    api.add_services(AiService(stack, contract, archive=archive))
    assert "request_models" not in Configuration(stack).only("api_gateway_method")
    operation = api.openapi_document["paths"]["/greetings"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Greeting"
    }
    for status in ("429", "4XX", "5XX"):
        either = operation["responses"][status]["content"]["application/json"]["schema"]["anyOf"]
        assert [one["required"] for one in either] == [["error"], ["code", "message", "requestId"]]
