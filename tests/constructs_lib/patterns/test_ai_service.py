"""AiService: the function, its rights and its routes follow from the contract and the stack's defaults."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AiService,
    AwsStack,
    ConflictError,
    Cors,
    GatewayResponses,
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
from tests.support.streaming import WRAPPER, with_client
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
    assert operation["responses"]["4XX"] == {"$ref": "#/components/responses/Refused"}
    assert api.openapi_document["components"]["schemas"]["Error"]["required"] == ["error"]


def gateway_error(api: RestApi, response_type: str) -> tuple[int | None, dict[str, Any], dict[str, str]]:
    (found,) = (one for one in api.definition.gateway_responses if one.response_type == response_type)
    return found.status_code, json.loads(found.template), dict(found.headers)


def test_errors_of_the_gateway_have_the_format_of_the_contract(app: App, archive: FakeArchive) -> None:
    contract = Contract("greeting", error_format=OPENAI_ERROR)
    contract.post("/greetings", Greeting, Greeting, summary="Greet a person.")
    stack = stack_with(app, allowed_origins=[ORIGIN])
    api = RestApi(stack, "api", name="shop", default_authorization=Public())
    api.add_services(AiService(stack, contract, archive=archive))
    status, body, headers = gateway_error(api, "UNAUTHORIZED")
    assert (status, body) == (
        401,
        {
            "error": {
                "message": "Credentials are missing or not valid.",
                "type": "authentication_error",
                "param": None,
                "code": "unauthorized",
            }
        },
    )
    assert headers["x-request-id"] == "context.requestId"
    assert headers["x-should-retry"] == "'false'"
    assert headers["Access-Control-Allow-Origin"] == f"'{ORIGIN}'"
    types = {"ACCESS_DENIED": "permission_error", "DEFAULT_4XX": "invalid_request_error"}
    types |= {"RESOURCE_NOT_FOUND": "invalid_request_error", "DEFAULT_5XX": "server_error"}
    for name, kind in types.items():
        assert gateway_error(api, name)[1]["error"]["type"] == kind
    for name, retry in (
        ("THROTTLED", True),
        ("INTEGRATION_TIMEOUT", True),
        ("API_CONFIGURATION_ERROR", False),
    ):
        _, _, headers = gateway_error(api, name)
        assert ("x-should-retry" not in headers) == retry
    assert gateway_error(api, "THROTTLED")[2]["Retry-After"] == "'1'"


def test_errors_of_two_formats_behind_one_api_are_rejected_unless_one_is_chosen(
    app: App, archive: FakeArchive
) -> None:
    contract = Contract("other", error_format=OPENAI_ERROR)
    contract.post("/other", Greeting, Greeting, summary="Greet a person.")
    stack = stack_with(app)
    greets, other = (AiService(stack, one, archive=archive) for one in (greeting(), contract))
    api = RestApi(stack, "api", name="shop", default_authorization=Public())
    api.add_services(greets)
    assert refused(lambda: api.add_services(other)) == (
        ConflictError,
        (
            "shop/api: the errors of 'other' have another format than those of API Gateway; pass "
            "gateway_responses=GatewayResponses(error_format=contract.error_format), or add the service to another API"
        ),
    )
    chosen = RestApi(
        stack,
        "chosen",
        name="chosen",
        default_authorization=Public(),
        gateway_responses=GatewayResponses(error_format=OPENAI_ERROR),
    )
    chosen.add_services(greets, other)
    operations = chosen.openapi_document["paths"]
    either = operations["/greetings"]["post"]["responses"]["4XX"]["content"]["application/json"]["schema"]
    assert [one["required"] for one in either["anyOf"]] == [["code", "message", "requestId"], ["error"]]
    assert "$ref" in operations["/other"]["post"]["responses"]["4XX"]


def streaming_contract() -> Contract:
    contract = Contract("greeting")
    contract.post(
        "/greetings",
        Greeting,
        Greeting,
        name="greeting.greet",
        summary="Greet a person.",
        event_model=Greeting,
    )
    contract.get("/greetings/last", Greeting, name="greeting.last", summary="Return the last greeting.")
    contract.direct(Greeting, Greeting, name="greeting.direct", summary="Greet.")
    return contract


def test_an_operation_that_streams_has_a_function_of_its_own_from_the_same_archive(
    app: App, archive: FakeArchive
) -> None:
    with_client(archive)
    stack = stack_with(app, ai_backend="aws")
    service = AiService(stack, streaming_contract(), archive=archive, memory_mb=640)
    assert service.streaming_function is not None
    assert service.functions == (service, service.streaming_function)
    functions = {one["function_name"]: one for one in Configuration(stack).all("lambda_function").values()}
    buffered, streaming = functions["shop-greeting"], functions["shop-greeting-stream"]
    assert (buffered["handler"], buffered["timeout"]) == ("chat.handler", 25)
    assert (streaming["handler"], streaming["timeout"]) == ("chat.streaming_handler", 240)
    variables = buffered["environment"]["variables"]
    assert streaming["environment"]["variables"] == {**variables, **WRAPPER}
    for name in ("filename", "memory_size", "source_code_hash"):
        assert buffered[name] == streaming[name]
    api = RestApi(stack, "api", name="shop", default_authorization=Public(), definition="openapi")
    api.add_services(service)
    streamed = {route.key: route.integration.streamed for route in api.definition.routes}
    assert streamed == {("/greetings", "POST"): True, ("/greetings/last", "GET"): False}
    document = api.openapi_document["paths"]["/greetings"]["post"]["responses"]["200"]["content"]
    assert set(document) == {"application/json", "text/event-stream"}
