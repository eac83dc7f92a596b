"""Cors and GatewayResponses: preflights that are answered, and errors in one form that a page can read."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    Cors,
    Deployment,
    Function,
    GatewayResponses,
    IamAuthorization,
    InvalidArgumentError,
    LambdaIntegration,
    Public,
    RestApi,
)
from constructs_lib.api.gateway_responses import ResponseType
from tests.support.synthesis import Configuration, FakeArchive, children, public_method, refused

SHOP = "https://shop.example"
DESK = "https://desk.example:8443"


def test_a_preflight_is_answered_without_calling_anything(stack: AwsStack, function: Function) -> None:
    api = RestApi(
        stack,
        "api",
        name="shop",
        default_authorization=IamAuthorization(),
        cors=Cors(
            origins=[SHOP],
            methods=["GET", "POST"],
            headers=["X-A", "X-B"],
            max_age_seconds=60,
            allow_credentials=True,
        ),
    )
    api.resource_for("/a/b").add_method("GET", LambdaIntegration(function))
    configuration = Configuration(stack)
    (method,) = (
        address
        for address, body in configuration.all("api_gateway_method").items()
        if body["http_method"] == "OPTIONS"
    )
    rest_api = {"rest_api_id": f"${{{configuration.address('api_gateway_rest_api')}.id}}"}
    path = {"resource_id": configuration.all("api_gateway_method")[method]["resource_id"]}
    assert configuration.all("api_gateway_method")[method] == {
        "authorization": "NONE",
        "http_method": "OPTIONS",
        "request_validator_id": f"${{{configuration.address('api_gateway_request_validator')}.id}}",
        **path,
        **rest_api,
    }
    (integration,) = (
        address
        for address, body in configuration.all("api_gateway_integration").items()
        if body["type"] == "MOCK"
    )
    assert configuration.all("api_gateway_integration")[integration] == {
        "content_handling": "CONVERT_TO_TEXT",
        "http_method": f"${{{method}.http_method}}",
        "passthrough_behavior": "NEVER",
        "request_templates": {"application/json": '{"statusCode":204}'},
        "timeout_milliseconds": 29_000,
        "type": "MOCK",
        **path,
        **rest_api,
    }
    names = (
        "Access-Control-Allow-Credentials",
        "Access-Control-Allow-Headers",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Origin",
        "Access-Control-Max-Age",
        "Vary",
    )
    resource_id = f"${{{method}.resource_id}}"
    assert configuration.only("api_gateway_method_response") == {
        "http_method": f"${{{method}.http_method}}",
        "resource_id": resource_id,
        "response_parameters": {f"method.response.header.{name}": True for name in names},
        "status_code": "204",
        **rest_api,
    }
    declared = configuration.address("api_gateway_method_response")
    values = ("'true'", "'X-A,X-B'", "'GET,POST,OPTIONS'", f"'{SHOP}'", "'60'", "'Origin'")
    assert configuration.only("api_gateway_integration_response") == {
        "http_method": f"${{{integration}.http_method}}",
        "resource_id": resource_id,
        "response_parameters": {
            f"method.response.header.{name}": value for name, value in zip(names, values, strict=True)
        },
        "status_code": f"${{{declared}.status_code}}",
        "lifecycle": {"replace_triggered_by": [f"{integration}.id"]},
        **rest_api,
    }


def answered(cors: Cors) -> dict[str, str]:
    response = cors.preflight.response
    assert response is not None
    return dict(response.headers)


def test_what_a_preflight_says_where_nothing_else_is_said() -> None:
    assert answered(Cors(origins=["*"])) == {
        "Access-Control-Allow-Headers": (
            "'Authorization,Content-Type,X-Amz-Content-Sha256,X-Amz-Date,X-Amz-Security-Token,X-Api-Key'"
        ),
        "Access-Control-Allow-Methods": "'DELETE,GET,HEAD,PATCH,POST,PUT,OPTIONS'",
        "Access-Control-Allow-Origin": "'*'",
        "Access-Control-Max-Age": "'600'",
    }
    assert "Access-Control-Allow-Headers" not in answered(Cors(origins=[SHOP], headers=[]))


def test_several_origins_are_told_apart_by_the_template() -> None:
    cors = Cors(origins=[SHOP, DESK])
    assert answered(cors)["Access-Control-Allow-Origin"] == f"'{SHOP}'"
    assert answered(cors)["Vary"] == "'Origin'"
    response = cors.preflight.response
    assert response is not None
    assert response.template == (
        '#set($origin = $input.params().header.get("Origin"))\n'
        '#if(!$origin || $origin == "")#set($origin = $input.params().header.get("origin"))#end\n'
        f'#if($origin == "{SHOP}" || $origin == "{DESK}")'
        "#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end"
    )


def test_the_template_arrives(stack: AwsStack, function: Function) -> None:
    cors = Cors(origins=[SHOP, DESK])
    public_method(RestApi(stack, "api", name="shop", cors=cors), function)
    response = cors.preflight.response
    assert response is not None
    assert Configuration(stack).only("api_gateway_integration_response")["response_templates"] == {
        "application/json": response.template
    }


def test_each_path_with_a_method_has_one_preflight(stack: AwsStack, function: Function) -> None:
    api = RestApi(stack, "api", name="shop", cors=Cors(origins=[SHOP]))
    integration = LambdaIntegration(function)
    for http_method in ("ANY", "GET"):
        api.resource_for("/a/b").add_method(http_method, integration, authorization=Public())
    closed = api.root.add_resource("closed", cors="OFF")
    closed.add_method("GET", integration, authorization=Public())
    closed.resource_for("/below").add_method("GET", integration, authorization=Public())
    other = api.root.add_resource("other", cors=Cors(origins=[DESK]))
    other.resource_for("/below").add_method("GET", integration, authorization=Public())
    own = api.root.add_resource("own")
    own.add_method("OPTIONS", integration)
    own.add_method("GET", integration, authorization=Public())
    preflights = {
        route.path: dict(route.integration.response.headers)["Access-Control-Allow-Origin"]
        for route in api.definition.routes
        if route.http_method == "OPTIONS" and route.integration.response is not None
    }
    assert preflights == {"/a/b": f"'{SHOP}'", "/other/below": f"'{DESK}'"}
    assert [method.http_method for method in own.methods] == ["OPTIONS", "GET"]
    before = children(stack)
    assert refused(lambda: api.resource_for("/a/b").add_method("OPTIONS", integration)) == (
        ConflictError,
        (
            "shop/api/a/b/OPTIONS: '/a/b' answers preflights by its cors already; add this method before the others "
            "of the path, or make the path with cors='OFF'"
        ),
    )
    assert children(stack) == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"origins": SHOP}, f"origins '{SHOP}' is not a list of strings; pass at least one"),
        ({"origins": []}, "origins [] is not a list of strings; pass at least one"),
        ({"origins": [SHOP, SHOP]}, "origins names something twice; remove one of the two"),
        (
            {"origins": ["*", SHOP]},
            "origins has '*' and others, which '*' covers; name the origins, or only '*'",
        ),
        (
            {"origins": ["*"], "allow_credentials": True},
            (
                "origins ['*'] with allow_credentials would let any page act for the user who has it open; name the origins"
            ),
        ),
        (
            {"origins": ["https://shop.example/"]},
            (
                "origins 'https://shop.example/' is not valid; write it as browsers send it, without a path, such as "
                "'https://shop.example'"
            ),
        ),
        (
            {"origins": ["null"]},
            (
                "origins 'null' is not valid; write it as browsers send it, without a path, such as "
                "'https://shop.example'"
            ),
        ),
        (
            {"origins": ["https://*.shop.example"]},
            (
                "origins 'https://*.shop.example' is not valid; write it as browsers send it, without a path, such as "
                "'https://shop.example'"
            ),
        ),
        (
            {"origins": ["https://Shop.example"]},
            (
                "origins 'https://Shop.example' never arrives: browsers send lower case; use 'https://shop.example'"
            ),
        ),
        (
            {"origins": ["http://shop.example"]},
            (
                "origins 'http://shop.example' is not encrypted, so an attacker in the network can replace the page; use "
                "'https://shop.example'"
            ),
        ),
        (
            {"methods": ["OPTIONS"]},
            ("methods 'OPTIONS' is unknown; choose 'DELETE', 'GET', 'HEAD', 'PATCH', 'POST' or 'PUT'"),
        ),
        (
            {"headers": ["*"]},
            "headers '*' is not valid; name each header, such as 'Content-Type'",
        ),
        ({"max_age_seconds": 86_401}, "max_age_seconds is 86401; use 0 to 86400"),
    ],
)
def test_cors_that_is_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConstructError) as refusal:
        Cors(**{"origins": [SHOP], **arguments})
    assert str(refusal.value) == f"Cors: {problem}"


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080", "chrome-extension://abc", DESK],
)
def test_origins_that_browsers_send(origin: str) -> None:
    assert Cors(origins=[origin]).origins == (origin,)


# --- API Gateway's own errors


def test_api_gateways_own_errors_have_the_form_of_the_handlers(stack: AwsStack, function: Function) -> None:
    api = RestApi(stack, "api", name="shop", gateway_responses=GatewayResponses())
    public_method(api, function)
    configuration = Configuration(stack)
    created = {
        body["response_type"]: body for body in configuration.all("api_gateway_gateway_response").values()
    }
    assert set(created) == set(get_args(ResponseType))
    assert len(created) == 21
    assert created["THROTTLED"] == {
        "response_parameters": {
            "gatewayresponse.header.Cache-Control": "'no-store'",
            "gatewayresponse.header.Retry-After": "'1'",
        },
        "response_templates": {
            "application/json": (
                '{"code":"too_many_requests","message":"Too many requests at once; try again later.",'
                '"requestId":"$context.requestId"}'
            )
        },
        "response_type": "THROTTLED",
        "rest_api_id": f"${{{configuration.address('api_gateway_rest_api')}.id}}",
        "status_code": "429",
    }
    for response_type, body in created.items():
        (template,) = body["response_templates"].values()
        assert set(json.loads(template)) == {"code", "message", "requestId"}
        assert template.count("$") == 1, f"{response_type} sends back something of the request"
        assert ("status_code" in body) == (not response_type.startswith("DEFAULT_"))


@pytest.mark.parametrize(
    ("cors", "headers"),
    [
        (
            Cors(origins=[SHOP], allow_credentials=True),
            {
                "Access-Control-Allow-Credentials": "'true'",
                "Access-Control-Allow-Origin": f"'{SHOP}'",
                "Vary": "'Origin'",
            },
        ),
        (Cors(origins=["*"]), {"Access-Control-Allow-Origin": "'*'"}),
        (Cors(origins=[SHOP, DESK], allow_credentials=True), {"Access-Control-Allow-Origin": "'*'"}),
    ],
)
def test_a_page_can_read_them(
    stack: AwsStack, function: Function, cors: Cors, headers: dict[str, str]
) -> None:
    public_method(RestApi(stack, "api", name="shop", cors=cors), function)
    responses = Configuration(stack).all("api_gateway_gateway_response").values()
    assert len(responses) == 21
    expected = {f"gatewayresponse.header.{name}": value for name, value in headers.items()}
    for body in responses:
        assert expected.items() <= body["response_parameters"].items()
        credentials = "gatewayresponse.header.Access-Control-Allow-Credentials" in body["response_parameters"]
        assert credentials == ("Access-Control-Allow-Credentials" in headers)


def test_messages_and_headers_of_ones_own() -> None:
    responses = GatewayResponses(messages={"UNAUTHORIZED": "Log in."}, headers={"X-Frame-Options": "DENY"})
    (one,) = (one for one in responses.definitions() if one.response_type == "UNAUTHORIZED")
    assert json.loads(one.template)["message"] == "Log in."
    assert one.headers == (("Cache-Control", "'no-store'"), ("X-Frame-Options", "'DENY'"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            {"messages": {"THROTTLED": 'Slow "down"'}},
            "messages['THROTTLED'] 'Slow \"down\"' is not valid; use plain text, at most 200 characters",
        ),
        (
            {"messages": {"THROTTLED": "$context.authorizer.claims"}},
            (
                "messages['THROTTLED'] '$context.authorizer.claims' is not valid; use plain text, at most 200 characters"
            ),
        ),
        (
            {"headers": {"X A": "b"}},
            "headers 'X A' is not valid; name a header, such as 'X-Frame-Options'",
        ),
        (
            {"headers": {"X-A": "'"}},
            "headers['X-A'] \"'\" is not valid; use plain text without quotes",
        ),
        (
            {"headers": {"access-control-allow-origin": "*"}},
            "headers has 'access-control-allow-origin'; pass cors=Cors(...) to the API",
        ),
    ],
)
def test_gateway_responses_that_are_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConstructError) as refusal:
        GatewayResponses(**arguments)
    assert str(refusal.value) == f"GatewayResponses: {problem}"


def test_an_error_that_api_gateway_does_not_have() -> None:
    wrong: Any = {"TEAPOT": "I am one."}
    kind, message = refused(lambda: GatewayResponses(messages=wrong))
    assert kind is InvalidArgumentError
    assert message.startswith("GatewayResponses: messages 'TEAPOT' is unknown; choose 'ACCESS_DENIED', ")


def test_arguments_of_another_type(stack: AwsStack, api: RestApi) -> None:
    before = children(stack)
    wrong: Any = [SHOP]
    assert refused(lambda: RestApi(stack, "other", name="other", cors=wrong)) == (
        InvalidArgumentError,
        "shop/other: cors is of type list; pass Cors(...)",
    )
    assert refused(lambda: RestApi(stack, "other", name="other", gateway_responses=wrong)) == (
        InvalidArgumentError,
        "shop/other: gateway_responses is of type list; pass GatewayResponses(...)",
    )
    wrong = "ON"
    assert refused(lambda: api.root.add_resource("a", cors=wrong)) == (
        InvalidArgumentError,
        "shop/api/a: cors 'ON' is unknown; choose 'OFF'",
    )
    assert children(stack) == before


def test_a_deployment_waits_for_them_and_follows_each_change(app: App, archive: FakeArchive) -> None:
    digests = set()
    variants: list[dict[str, Any]] = [
        {},
        {"gateway_responses": GatewayResponses()},
        {"gateway_responses": GatewayResponses(messages={"THROTTLED": "Slow down."})},
        {"gateway_responses": GatewayResponses(headers={"X-A": "b"})},
        {"cors": Cors(origins=[SHOP])},
        {"cors": Cors(origins=[DESK])},
        {"cors": Cors(origins=[SHOP, DESK])},
        {"cors": Cors(origins=[SHOP], methods=["GET"])},
        {"cors": Cors(origins=[SHOP], headers=["X-A"])},
        {"cors": Cors(origins=[SHOP], max_age_seconds=0)},
        {"cors": Cors(origins=[SHOP], allow_credentials=True)},
    ]
    for number, arguments in enumerate(variants):
        stack = AwsStack(app, f"shop{number}", region="us-east-1", allowed_account_ids=[f"{number:012}"])
        api = RestApi(stack, "api", name="shop", **arguments)
        deployment = Deployment(stack, "deployment", api=api)
        public_method(api, Function(stack, "chat", archive=archive, function_name="chat"))
        digests.add(deployment.digest)
        configuration = Configuration(stack)
        kinds = {
            "api_gateway_method",
            "api_gateway_method_response",
            "api_gateway_integration",
            "api_gateway_integration_response",
            "api_gateway_gateway_response",
            "api_gateway_request_validator",
        }
        assert set(configuration.only("api_gateway_deployment")["depends_on"]) == {
            address for kind in kinds for address in configuration.all(kind)
        }
    assert len(digests) == len(variants)
