"""An API as one body: what it says, that Terraform fills in the references in it and nothing else, and what it refuses."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from cdktf import App
from pydantic import BaseModel, Field

from constructs_lib import (
    AwsStack,
    CognitoAuthorizer,
    ConflictError,
    Cors,
    Deployment,
    Function,
    GatewayResponses,
    IamAuthorization,
    InvalidArgumentError,
    LambdaAuthorizer,
    LambdaIntegration,
    Public,
    RestApi,
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


class Order(BaseModel):
    sku: str = Field(pattern=r"^[a-z]+${0,1}%{1}\"?$")
    amount: int = Field(ge=1)


@pytest.fixture
def body_api(stack: AwsStack) -> RestApi:
    return RestApi(stack, "api", name="shop", definition="openapi")


def body(configuration: Configuration) -> dict[str, Any]:
    """The body as Terraform will send it, but for the references, which are left as `<address>`."""
    text = str(configuration.only("api_gateway_rest_api")["body"])
    for sign in "$%":
        text = re.sub(rf"(?<!{re.escape(sign)}){re.escape(sign)}{{([^}}]*)}}", r"<\1>", text)
        text = text.replace(f"{sign}{sign}{{", f"{sign}{{")
    document: dict[str, Any] = json.loads(text)
    return document


def test_one_resource_holds_all_routes(stack: AwsStack, body_api: RestApi, function: Function) -> None:
    method = public_method(body_api, function, "GET", "/orders/{id}")
    public_method(body_api, function, "ANY", "/files/{path+}")
    Deployment(stack, "deployment", api=body_api)
    configuration = Configuration(stack)
    assert configuration.types() >= {"api_gateway_rest_api", "api_gateway_deployment", "lambda_permission"}
    assert not configuration.types() & {
        "api_gateway_integration",
        "api_gateway_method",
        "api_gateway_resource",
    }
    assert configuration.only("api_gateway_rest_api")["put_rest_api_mode"] == "overwrite"
    uri = invoke_arn(configuration, "shop-chat").replace("${", "<").replace("}", ">")
    assert body(configuration) == {
        "openapi": "3.0.1",
        "info": {"title": "shop", "version": body_api.definition.digest()[:12]},
        "paths": {
            "/orders/{id}": {"get": _proxy(uri)},
            "/files/{path+}": {"x-amazon-apigateway-any-method": _proxy(uri)},
        },
        "x-amazon-apigateway-binary-media-types": [],
        "x-amazon-apigateway-request-validators": {
            "body-and-parameters": {"validateRequestBody": True, "validateRequestParameters": True}
        },
    }
    assert (method.resource, method.integration_resource) == (None, None)
    assert body_api.root.resource_for("/orders").resource is None


def _proxy(uri: str) -> dict[str, Any]:
    return {
        "responses": {},
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": uri,
            "timeoutInMillis": 29000,
            "passthroughBehavior": "when_no_match",
        },
        "x-amazon-apigateway-request-validator": "body-and-parameters",
    }


def test_the_deployment_depends_on_the_api_alone_and_hashes_the_definition(
    stack: AwsStack, function: Function
) -> None:
    apis = {
        form: RestApi(stack, form, name=form, definition=form)  # type: ignore[arg-type]
        for form in ("openapi", "resources")
    }
    for api in apis.values():
        Deployment(stack, f"{api.name}-deployment", api=api)
        public_method(api, function)
    configuration = Configuration(stack)
    deployments = configuration.all("api_gateway_deployment")
    (one,) = (deployment for address, deployment in deployments.items() if "openapi" in address)
    assert "depends_on" not in one
    assert len({deployment["triggers"]["redeployment"] for deployment in deployments.values()}) == 1


def test_authorization_is_in_the_body(stack: AwsStack, body_api: RestApi, function: Function) -> None:
    guard = LambdaAuthorizer(name="friends", function=function, cache_ttl_seconds=60)
    partners = LambdaAuthorizer(
        name="sigv4",
        function=function,
        kind="REQUEST",
        identity_sources=["method.request.header.X-Partner", "method.request.querystring.key"],
    )
    staff = CognitoAuthorizer(name="staff", user_pools=[POOL])
    for path, allowed in {
        "/friends": guard,
        "/partners": partners,
        "/staff": staff.with_scopes("orders/read"),
        "/signed": IamAuthorization(),
        "/open": Public(),
    }.items():
        body_api.resource_for(path).add_method(
            "GET", LambdaIntegration(function), authorization=allowed, api_key_required=path == "/signed"
        )
    document = body(Configuration(stack))
    security = {path: item["get"].get("security") for path, item in document["paths"].items()}
    assert security == {
        "/friends": [{"friends": []}],
        "/partners": [{"sigv4": []}],
        "/staff": [{"staff": ["orders/read"]}],
        "/signed": [{"sigv4_": []}, {"api_key": []}],
        "/open": None,
    }
    schemes = document["components"]["securitySchemes"]
    assert schemes["friends"] == {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "token",
            "authorizerUri": schemes["friends"]["x-amazon-apigateway-authorizer"]["authorizerUri"],
            "authorizerResultTtlInSeconds": 60,
            "identitySource": "method.request.header.Authorization",
            "identityValidationExpression": "^Bearer [A-Za-z0-9._~+/-]+=*$",
        },
    }
    assert schemes["sigv4"]["x-amazon-apigateway-authorizer"]["identitySource"] == (
        "method.request.header.X-Partner,method.request.querystring.key"
    )
    assert schemes["staff"]["x-amazon-apigateway-authtype"] == "cognito_user_pools"
    assert schemes["staff"]["x-amazon-apigateway-authorizer"]["providerARNs"] == [POOL]
    assert schemes["sigv4_"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    assert schemes["api_key"] == {"type": "apiKey", "name": "x-api-key", "in": "header"}


def test_an_authorizers_permission_is_for_the_authorizers_of_the_api(
    stack: AwsStack, body_api: RestApi, function: Function
) -> None:
    guard = LambdaAuthorizer(name="friends", function=function)
    body_api.root.add_method("GET", LambdaIntegration(function), authorization=guard)
    sources = {str(one["source_arn"]) for one in Configuration(stack).all("lambda_permission").values()}
    assert {source.partition("}/")[2] for source in sources} == {"*/GET/", "authorizers/*"}


def test_models_errors_and_preflights_are_in_the_body(stack: AwsStack, function: Function) -> None:
    api = RestApi(
        stack,
        "api",
        name="shop",
        description="A $${shop}",
        definition="openapi",
        minimum_compression_bytes=1024,
        binary_media_types=["image/png"],
        cors=Cors(origins=["https://shop.example"]),
        gateway_responses=GatewayResponses(messages={"THROTTLED": "Slow down."}),
    )
    api.resource_for("/orders").add_method(
        "POST",
        LambdaIntegration(function),
        authorization=Public(),
        request_model=Order,
        request_parameters={"querystring.page": True, "header.X-Trace": False},
    )
    document = body(Configuration(stack))
    assert document["info"]["description"] == "A ${shop}"
    assert document["x-amazon-apigateway-minimum-compression-size"] == 1024
    assert document["x-amazon-apigateway-binary-media-types"] == ["image/png"]
    schema = document["components"]["schemas"]["Order"]
    assert "$schema" not in schema
    assert schema["properties"]["sku"]["pattern"] == r"^[a-z]+${0,1}%{1}\"?$"
    post = document["paths"]["/orders"]["post"]
    model = {"schema": {"$ref": "#/components/schemas/Order"}}
    assert post["requestBody"] == {
        "required": True,
        "content": {"$default": model, "application/json": model},
    }
    assert post["parameters"] == [
        {"name": "X-Trace", "in": "header", "required": False, "schema": {"type": "string"}},
        {"name": "page", "in": "query", "required": True, "schema": {"type": "string"}},
    ]
    throttled = document["x-amazon-apigateway-gateway-responses"]["THROTTLED"]
    assert throttled["statusCode"] == "429"
    assert throttled["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    assert json.loads(throttled["responseTemplates"]["application/json"])["message"] == "Slow down."
    assert "statusCode" not in document["x-amazon-apigateway-gateway-responses"]["DEFAULT_4XX"]
    preflight = document["paths"]["/orders"]["options"]
    headers = preflight["responses"]["204"]["headers"]
    assert "security" not in preflight
    mock = preflight["x-amazon-apigateway-integration"]
    assert (mock["type"], mock["passthroughBehavior"], mock["contentHandling"]) == (
        "mock",
        "never",
        "CONVERT_TO_TEXT",
    )
    answer = mock["responses"]["default"]
    assert {f"method.response.header.{name}" for name in headers} == set(answer["responseParameters"])
    assert answer["responseParameters"]["method.response.header.Access-Control-Allow-Origin"] == (
        "'https://shop.example'"
    )


def test_a_closed_endpoint_is_closed_by_the_body_itself(
    stack: AwsStack, body_api: RestApi, function: Function
) -> None:
    public_method(body_api, function)
    body_api.close_execute_api_endpoint()
    configuration = Configuration(stack)
    assert configuration.only("api_gateway_rest_api")["disable_execute_api_endpoint"] is True
    document = body(configuration)["x-amazon-apigateway-endpoint-configuration"]
    assert document == {"disableExecuteApiEndpoint": True}


def test_the_body_does_not_depend_on_the_order_of_the_routes(app: App, archive: FakeArchive) -> None:
    bodies = set()
    for number, paths in enumerate((["/a", "/b"], ["/b", "/a"])):
        stack = AwsStack(app, f"shop{number}", region="us-east-1", allowed_account_ids=[f"{number:012}"])
        function = Function(stack, "chat", archive=archive, function_name="chat")
        api = RestApi(stack, "api", name="shop", definition="openapi")
        for path in paths:
            public_method(api, function, "GET", path)
        bodies.add(Configuration(stack).only("api_gateway_rest_api")["body"])
    assert len(bodies) == 1


class Nullable(BaseModel):
    note: str | None = None


class Exclusive(BaseModel):
    order: list[Order] = Field(min_length=1)


@pytest.mark.parametrize(
    ("model", "lost"),
    [(Nullable, 'type ["string", "null"] at \'/note\''), (Exclusive, "'minItems' at '/order'")],
)
def test_a_model_that_an_import_would_change_is_refused(
    stack: AwsStack, body_api: RestApi, function: Function, model: type[BaseModel], lost: str
) -> None:
    resource = body_api.root
    before = children(stack)
    kind, message = refused(
        lambda: resource.add_method(
            "POST", LambdaIntegration(function), authorization=Public(), request_model=model
        )
    )
    assert kind is ConflictError
    assert message == (
        f"shop/api/POST: model '{model.__name__}' says {lost}, which API Gateway ignores in an OpenAPI body, so requests would pass that the model does not allow; pass definition='resources' to the API, or leave "
        "that rule to the handler"
    )
    assert children(stack) == before


def test_another_form_is_refused(stack: AwsStack) -> None:
    assert refused(lambda: RestApi(stack, "api", name="shop", definition="swagger")) == (  # type: ignore[arg-type]
        InvalidArgumentError,
        "shop/api: definition 'swagger' is unknown; choose 'resources' or 'openapi'",
    )


_LOADED = """
import sys
from cdktf import App
from constructs_lib import AwsStack, RestApi
RestApi(AwsStack(App(outdir={outdir!r}), "shop", region="us-east-1"), "api", name="shop", definition={form!r})
wanted = ("cdktf_cdktf_provider_aws.api_gateway_", "constructs_lib.api.body_", "constructs_lib.api.openapi_body")
print(" ".join(name for name in sys.modules if name.startswith(wanted) and not name.endswith("._private")))
"""


@pytest.mark.parametrize(
    ("form", "modules"),
    [
        ("resources", set()),
        ("openapi", {"constructs_lib.api.body_rendering", "constructs_lib.api.openapi_body"}),
    ],
)
def test_a_form_loads_nothing_of_the_other(
    run_python: Any, tmp_path: Any, form: str, modules: set[str]
) -> None:
    loaded = set(run_python(_LOADED.format(outdir=str(tmp_path), form=form)).split())
    parts = (
        "_method",
        "_integration",
        "_resource",
        "_model",
        "_request_validator",
        "body_rendering",
        "_body",
    )
    assert {name for name in loaded if name.endswith(parts)} == modules
