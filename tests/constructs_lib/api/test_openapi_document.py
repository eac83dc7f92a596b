"""The OpenAPI document that each synth writes: valid, complete for callers, without anything of AWS's, the same bytes."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cdktf import App
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, Field

from constructs_lib import (
    AwsStack,
    CognitoAuthorizer,
    Cors,
    Function,
    GatewayResponses,
    IamAuthorization,
    InvalidArgumentError,
    LambdaAuthorizer,
    LambdaIntegration,
    Public,
    RestApi,
    RouteDocumentation,
)
from tests.support.synthesis import FakeArchive, public_method, refused

POOL = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Staff"


class Order(BaseModel):
    """Order of a product."""

    sku: str = Field(examples=["tea-pot"])
    note: str | None = None
    amount: int = Field(1, gt=0)


class Receipt(BaseModel):
    order: Order


class Error(BaseModel):
    reason: str


def written(app: App) -> dict[str, Any]:
    app.synth()
    text = (Path(app.outdir) / "stacks" / "shop" / "api.openapi.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    OpenAPIV31SpecValidator(document).validate()
    assert "amazon" not in text
    assert "TfToken" not in text
    assert "${" not in text
    return document


def test_a_synth_writes_the_document(app: App, api: RestApi, function: Function) -> None:
    api.resource_for("/orders/{id}").add_method(
        "POST",
        LambdaIntegration(function),
        authorization=Public(),
        request_model=Order,
        response_model=Receipt,
        request_parameters={"querystring.page": True, "header.Authorization": False, "header.X-Trace": False},
        documentation=RouteDocumentation(description="Changes an order."),
    )
    document = written(app)
    assert document == api.openapi_document
    assert document["info"] == {"title": "shop", "version": api.definition.digest()[:12]}
    operation = document["paths"]["/orders/{id}"]["post"]
    not_blank = {"type": "string", "pattern": r"\S"}
    assert {name: operation[name] for name in ("operationId", "description", "parameters")} == {
        "operationId": "postOrdersId",
        "description": "Changes an order.",
        "parameters": [
            {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "page", "in": "query", "required": True, "schema": not_blank},
        ],
    }
    assert operation["requestBody"] == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
    }
    assert operation["responses"] == {
        "200": {
            "description": "The answer.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}},
        },
        "400": {"$ref": "#/components/responses/BadRequest"},
        "429": {"$ref": "#/components/responses/TooManyRequests"},
        "4XX": {"$ref": "#/components/responses/Refused"},
        "5XX": {"$ref": "#/components/responses/Failed"},
    }
    schemas = document["components"]["schemas"]
    assert schemas["Order"]["properties"]["note"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert schemas["Order"]["properties"]["sku"]["examples"] == ["tea-pot"]
    assert set(schemas) == {"Order", "Receipt", "Error"}
    assert schemas["Receipt"]["properties"]["order"] == {"$ref": "#/components/schemas/Order"}


def test_the_document_has_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    texts = set()
    for number, paths in enumerate((["/a", "/b"], ["/b", "/a"])):
        app = App(outdir=str(tmp_path / str(number)))
        stack = AwsStack(app, "shop", region="us-east-1")
        function = Function(stack, "chat", archive=FakeArchive.make(tmp_path))
        api = RestApi(stack, "api", name="shop")
        for path in paths:
            public_method(api, function, "ANY", path)
        written(app)
        texts.add((tmp_path / str(number) / "stacks" / "shop" / "api.openapi.json").read_bytes())
    assert len(texts) == 1


def test_a_change_of_the_documentation_redeploys_nothing(stack: AwsStack, function: Function) -> None:
    digests = set()
    for number, description in enumerate(
        ({}, {"documentation": RouteDocumentation(summary="List."), "response_model": Receipt})
    ):
        api = RestApi(stack, f"api{number}", name="shop")
        api.root.add_method("GET", LambdaIntegration(function), authorization=Public(), **description)  # type: ignore[arg-type]
        digests.add(api.definition.digest())
    assert len(digests) == 1


def test_errors_have_the_form_that_the_api_gives_them(app: App, stack: AwsStack, function: Function) -> None:
    own = RestApi(stack, "api", name="shop", gateway_responses=GatewayResponses())
    public_method(own, function)
    plain = RestApi(stack, "plain", name="plain")
    public_method(plain, function)
    plain.root.add_method("POST", LambdaIntegration(function), authorization=Public(), response_model=Error)
    error = written(app)["components"]["schemas"]["Error"]
    assert error["required"] == ["code", "message", "requestId"]
    schemas = plain.openapi_document["components"]["schemas"]
    assert (set(schemas), schemas["Error2"]["required"]) == ({"Error", "Error2"}, ["message"])


def test_any_is_every_method_without_one_of_its_own(app: App, api: RestApi, function: Function) -> None:
    public_method(api, function, "ANY", "/files/{path+}")
    public_method(api, function, "GET", "/files/{path+}")
    document = written(app)
    (item,) = document["paths"].values()
    assert (list(document["paths"]), set(item)) == (
        ["/files/{path}"],
        {"delete", "get", "patch", "post", "put"},
    )
    assert item["put"]["requestBody"] == {"content": {"*/*": {}}}
    assert item["put"]["parameters"][0]["description"] == "The rest of the path, which may hold slashes."
    identifiers = [operation["operationId"] for operation in item.values()]
    assert sorted(identifiers) == [f"{name}FilesPath" for name in ("delete", "get", "patch", "post", "put")]


def test_what_a_caller_must_show_is_said(app: App, stack: AwsStack, function: Function) -> None:
    api = RestApi(stack, "api", name="shop", cors=Cors(origins=["*"]))
    partners = LambdaAuthorizer(
        name="partners",
        function=function,
        kind="REQUEST",
        identity_sources=[
            "method.request.header.X-Partner",
            "method.request.querystring.key",
            "context.stage",
        ],
    )
    for path, allowed in {
        "/friends": LambdaAuthorizer(name="friends", function=function),
        "/partners": partners,
        "/staff": CognitoAuthorizer(name="staff", user_pools=[POOL]),
        "/signed": IamAuthorization(),
        "/open": Public(),
    }.items():
        api.resource_for(path).add_method(
            "GET", LambdaIntegration(function), authorization=allowed, api_key_required=path == "/signed"
        )
    document = api.openapi_document
    OpenAPIV31SpecValidator(document).validate()
    operations = {path: item["get"] for path, item in document["paths"].items()}
    assert {path: one.get("security") for path, one in operations.items()} == {
        "/friends": [{"friends": []}],
        "/partners": [{"partners-X-Partner": [], "partners-key": []}],
        "/staff": [{"staff": []}],
        "/signed": [{"signature": [], "apiKey": []}],
        "/open": None,
    }
    assert {
        path: set(one["responses"]) - {"2XX", "429", "4XX", "5XX"} for path, one in operations.items()
    } == {
        "/friends": {"401", "403"},
        "/partners": {"401", "403"},
        "/staff": {"401", "403"},
        "/signed": {"403"},
        "/open": set(),
    }
    schemes = document["components"]["securitySchemes"]
    assert schemes["friends"] == {"type": "http", "scheme": "bearer"}
    assert schemes["partners-key"] == {"type": "apiKey", "in": "query", "name": "key"}
    # Preflights are between the browser and API Gateway.
    assert all(set(item) == {"get"} for item in document["paths"].values())


def test_a_response_that_cannot_be_written_down_is_refused(api: RestApi, function: Function) -> None:
    class Odd(BaseModel):
        call: type

    kind, message = refused(
        lambda: api.root.add_method(
            "GET", LambdaIntegration(function), authorization=Public(), response_model=Odd
        )
    )
    assert (kind, message.split(": ")[0]) == (InvalidArgumentError, "shop/api/GET")
    assert "call" in message
    assert api.definition.routes == ()


@pytest.mark.parametrize("form", ["resources", "openapi"])
def test_the_document_is_the_same_in_both_renderings(stack: AwsStack, function: Function, form: Any) -> None:
    api = RestApi(stack, "api", name="shop", definition=form)
    public_method(api, function, "GET", "/orders")
    assert list(api.openapi_document["paths"]) == ["/orders"]


class Stamp(BaseModel):
    value: Decimal = Decimal(1)


class Letter(BaseModel):
    stamp: Stamp


def test_a_model_that_differs_in_an_answer_has_a_name_of_its_own_there(
    api: RestApi, function: Function
) -> None:
    api.root.add_method(
        "POST",
        LambdaIntegration(function),
        authorization=Public(),
        request_model=Letter,
        response_model=Letter,
    )
    document = api.openapi_document
    OpenAPIV31SpecValidator(document).validate()
    schemas = document["components"]["schemas"]
    assert set(schemas) == {"Letter", "LetterOutput", "Stamp", "StampOutput", "Error"}
    assert schemas["LetterOutput"]["properties"]["stamp"] == {"$ref": "#/components/schemas/StampOutput"}
    assert schemas["Letter"]["properties"]["stamp"] == {"$ref": "#/components/schemas/Stamp"}
    assert schemas["StampOutput"] != schemas["Stamp"]
