"""Validation from types: a pydantic model becomes what API Gateway checks bodies by, and parameters are required."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cdktf import App
from jsonschema import Draft4Validator
from pydantic import BaseModel, ConfigDict, Field

from constructs_lib import (
    AwsStack,
    ConflictError,
    Deployment,
    Function,
    InvalidArgumentError,
    LambdaIntegration,
    Public,
    RestApi,
)
from constructs_lib.routes.definitions import HttpMethod
from constructs_lib.validation.model_schema import model_schema
from tests.support.synthesis import Configuration, FakeArchive, children, public_method, refused


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: str = Field(min_length=1)
    amount: int = Field(gt=0)


class Item(BaseModel):
    name: str


def another_order() -> type[BaseModel]:
    class Order(BaseModel):
        number: int

    return Order


def post(
    api: RestApi,
    function: Function,
    path: str = "/orders",
    model: type[BaseModel] | None = Order,
    http_method: HttpMethod = "POST",
    **parameters: bool,
) -> None:
    api.resource_for(path).add_method(
        http_method,
        LambdaIntegration(function),
        authorization=Public(),
        request_model=model,
        request_parameters=parameters,
    )


def test_a_pydantic_model_is_what_bodies_are_checked_by(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    post(api, function)
    configuration = Configuration(stack)
    rest_api = f"${{{configuration.address('api_gateway_rest_api')}.id}}"
    model = configuration.only("api_gateway_model")
    schema = json.loads(model.pop("schema"))
    assert model == {"content_type": "application/json", "name": "Order", "rest_api_id": rest_api}
    assert schema["$schema"] == "http://json-schema.org/draft-04/schema#"
    assert schema["required"] == ["sku", "amount"]
    assert schema["properties"]["amount"] == {"exclusiveMinimum": True, "minimum": 0, "type": "integer"}
    assert configuration.only("api_gateway_request_validator") == {
        "name": "body-and-parameters",
        "rest_api_id": rest_api,
        "validate_request_body": True,
        "validate_request_parameters": True,
    }
    method = configuration.only("api_gateway_method")
    name = f"${{{configuration.address('api_gateway_model')}.name}}"
    assert method["request_models"] == {"$default": name, "application/json": name}
    assert method["request_validator_id"] == (
        f"${{{configuration.address('api_gateway_request_validator')}.id}}"
    )


def test_models_and_the_validator_are_made_once(stack: AwsStack, api: RestApi, function: Function) -> None:
    post(api, function)
    post(api, function, http_method="PUT")
    post(api, function, "/items", Item)
    post(api, function, "/orders/{id}/archive", None, **{"querystring.reason": True})
    post(api, function, "/model", None)
    configuration = Configuration(stack)
    assert sorted(body["name"] for body in configuration.all("api_gateway_model").values()) == [
        "Item",
        "Order",
    ]
    assert len(configuration.all("api_gateway_request_validator")) == 1
    validated = ["request_validator_id" in body for body in configuration.all("api_gateway_method").values()]
    assert validated == [True] * 5
    assert [model.name for model in api.definition.models] == ["Item", "Order"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"querystring.q": True},
        {"method.request.querystring.q": True},
        {"header.X-Tenant": True, "querystring.q": False},
        {"querystring.q": False},
        {"path.id": True},
        {},
    ],
    ids=str,
)
def test_parameters_are_validated(
    stack: AwsStack, api: RestApi, function: Function, parameters: dict[str, bool]
) -> None:
    post(api, function, "/{id}", None, "GET", **parameters)
    method = Configuration(stack).only("api_gateway_method")
    assert method.get("request_parameters", {}) == {
        f"method.request.{name.removeprefix('method.request.')}": required
        for name, required in parameters.items()
    }
    assert "request_validator_id" in method
    assert "api_gateway_request_validator" in Configuration(stack).types()
    assert "request_models" not in method


@pytest.mark.parametrize("http_method", ["ANY", "DELETE", "GET", "HEAD", "OPTIONS"])
def test_methods_without_a_body(api: RestApi, function: Function, http_method: HttpMethod) -> None:
    before = children(AwsStack.of(api))
    assert refused(
        lambda: api.root.add_method(
            http_method, LambdaIntegration(function), authorization=Public(), request_model=Order
        )
    ) == (
        ConflictError,
        (
            f"shop/api/{http_method}: {http_method} requests have no body, so a request_model would reject all of them; leave request_model out, or add the method as POST, PUT or PATCH"
        ),
    )
    assert children(AwsStack.of(api)) == before


def test_what_cannot_be_a_model_names_the_method_and_the_field(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    class Tree(BaseModel):
        children: list[Tree]

    Tree.model_rebuild(_types_namespace={"Tree": Tree})
    resource = api.resource_for("/trees")
    before = children(stack)
    for model in (Tree, dict):
        wrong: Any = model
        kind, message = refused(
            lambda one=wrong: resource.add_method(
                "POST", LambdaIntegration(function), authorization=Public(), request_model=one
            )
        )
        assert kind is InvalidArgumentError
    kind, message = refused(
        lambda: resource.add_method(
            "POST", LambdaIntegration(function), authorization=Public(), request_model=Tree
        )
    )
    assert message.startswith("shop/api/trees/POST: ")
    assert "children" in message
    assert children(stack) == before
    assert api.definition.models == ()


def test_two_models_of_one_name(stack: AwsStack, api: RestApi, function: Function) -> None:
    post(api, function)
    api.resource_for("/others")
    before = children(stack)
    assert refused(lambda: post(api, function, "/others", another_order())) == (
        ConflictError,
        (
            "shop/api/others/POST: the API has another model 'Order' already; give one of the two classes another name"
        ),
    )
    assert children(stack) == before


def test_a_parameter_twice(api: RestApi, function: Function) -> None:
    parameters = {"querystring.q": True, "method.request.querystring.q": False}
    assert refused(lambda: post(api, function, "/", None, **parameters)) == (
        ConflictError,
        "shop/api/POST: request parameter 'method.request.querystring.q' is there twice; remove one of the two",
    )


def test_a_refused_method_leaves_no_model_behind(stack: AwsStack, api: RestApi, function: Function) -> None:
    public_method(api, function, "POST")
    before = children(stack)
    with pytest.raises(ConflictError):
        post(api, function, "/")
    assert children(stack) == before
    assert api.definition.models == ()


def test_a_deployment_waits_for_models_and_the_validator_and_follows_each_change(
    app: App, archive: FakeArchive
) -> None:
    digests = set()
    variants: list[tuple[type[BaseModel] | None, dict[str, bool]]] = [
        (None, {}),
        (Order, {}),
        (Item, {}),
        (another_order(), {}),
        (None, {"querystring.q": False}),
        (None, {"querystring.q": True}),
    ]
    for number, (model, parameters) in enumerate(variants):
        stack = AwsStack(app, f"shop{number}", region="us-east-1", allowed_account_ids=[f"{number:012}"])
        api = RestApi(stack, "api", name="shop")
        deployment = Deployment(stack, "deployment", api=api)
        post(
            api,
            Function(stack, "chat", archive=archive, function_name="chat"),
            "/orders",
            model,
            **parameters,
        )
        digests.add(deployment.digest)
        configuration = Configuration(stack)
        kinds = {
            "api_gateway_method",
            "api_gateway_model",
            "api_gateway_request_validator",
            "api_gateway_integration",
        }
        assert set(configuration.only("api_gateway_deployment")["depends_on"]) == {
            address for kind in kinds for address in configuration.all(kind)
        }
    assert len(digests) == len(variants)


def test_bodies_that_are_no_json_are_left_to_what_answers(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    class Picture(BaseModel):
        image: str

    api.root.add_method(
        "POST",
        LambdaIntegration(function),
        authorization=Public(),
        request_model=Picture,
        other_media_types=["image/png"],
    )
    method = Configuration(stack).only("api_gateway_method")
    assert set(method["request_models"]) == {"application/json"}
    content = api.openapi_document["paths"]["/"]["post"]["requestBody"]["content"]
    assert content["image/png"] == {"schema": {"type": "string", "format": "binary"}}
    assert set(content) == {"application/json", "image/png"}


def test_other_media_types_that_change_nothing_are_refused(api: RestApi, function: Function) -> None:
    class Picture(BaseModel):
        image: str

    def add(**options: Any) -> Callable[[], object]:
        return lambda: api.root.add_method(
            "POST", LambdaIntegration(function), authorization=Public(), **options
        )

    assert refused(add(other_media_types=["image/png"])) == (
        ConflictError,
        "shop/api/POST: other_media_types has no effect: without a request_model all bodies pass; leave it out",
    )
    for wrong in (["application/json"], ["png"]):
        _, message = refused(add(request_model=Picture, other_media_types=wrong))
        assert message.endswith("is not valid; use content types that are not JSON, such as 'image/png'")
    _, message = refused(add(request_model=Picture, other_media_types="image/png"))
    assert message == (
        "shop/api/POST: other_media_types 'image/png' is not a list of strings; pass ['image/png']"
    )


@pytest.mark.parametrize("name", ["Empty", "Error"])
def test_the_models_that_every_api_has_are_taken(stack: AwsStack, function: Function, name: str) -> None:
    model = type(name, (BaseModel,), {"__annotations__": {"text": str}})
    api = RestApi(stack, "api", name="shop")
    assert refused(
        lambda: api.root.add_method(
            "POST", LambdaIntegration(function), authorization=Public(), request_model=model
        )
    ) == (
        ConflictError,
        (
            f"shop/api/POST: model '{name}' exists in every REST API, and API Gateway rejects a second one; rename the "
            "pydantic class"
        ),
    )
    body = RestApi(stack, "body", name="shop", definition="openapi")
    body.root.add_method("POST", LambdaIntegration(function), authorization=Public(), request_model=model)


def test_a_list_that_repeats_items_of_a_set_is_accepted() -> None:
    class Order(BaseModel):
        tags: set[str] = Field(max_length=1)

    assert Order.model_validate({"tags": ["a", "a"]}).tags == {"a"}
    Draft4Validator(model_schema(Order)).validate({"tags": ["a", "a"]})
