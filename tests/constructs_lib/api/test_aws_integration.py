"""AwsIntegration: one operation of an AWS service for each request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from constructs_lib import (
    AwsIntegration,
    AwsStack,
    ConstructError,
    InvalidArgumentError,
    PolicyStatement,
    Public,
    RestApi,
    Table,
)
from tests.support.synthesis import Configuration, refused, statements

TEMPLATE = '{"TableName": "shop-orders", "Key": {"id": {"S": "$util.escapeJavaScript(${id})"}}}'


@pytest.mark.parametrize("form", ["resources", "openapi"])
def test_a_role_calls_the_operation_and_nothing_else(stack: AwsStack, form: Any) -> None:
    orders = Table(stack, "orders", partition_key="id")
    read = PolicyStatement(actions=["dynamodb:GetItem"], resources=[orders.arn])
    api = RestApi(stack, "api", name="shop", definition=form)
    get = AwsIntegration(
        "dynamodb",
        "GetItem",
        permissions=[read],
        request_template=TEMPLATE,
        response_template="$input.json('$.Item')",
    )
    api.resource_for("/orders/{id}").add_method("GET", get, authorization=Public())
    written = Configuration(stack)
    (role,) = written.all("iam_role")
    (policy,) = (statements(one["policy"]) for one in written.all("iam_role_policy").values())
    table = written.address("dynamodb_table")
    assert policy == [{"Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": [f"${{{table}.arn}}"]}]
    uri = "arn:aws:apigateway:us-east-1:dynamodb:action/GetItem"
    error = (
        '{"code":"invalid_request","message":"The request is not valid.","requestId":"$context.requestId"}'
    )
    if form == "resources":
        integration = written.only("api_gateway_integration")
        assert (integration["type"], integration["uri"], integration["credentials"]) == (
            "AWS",
            uri,
            f"${{{role}.arn}}",
        )
        assert integration["request_templates"] == {"application/json": TEMPLATE.replace("${", "$${")}
        answers = written.all("api_gateway_integration_response").values()
        assert {
            one.get("selection_pattern"): one["response_templates"]["application/json"] for one in answers
        } == {
            None: "$input.json('$.Item')",
            r"4\d{2}": error,
            r"5\d{2}": error.replace("invalid_request", "backend_error").replace(
                "The request is not valid.", "The service failed."
            ),
        }
    else:
        body = json.loads(written.only("api_gateway_rest_api")["body"])
        integration = body["paths"]["/orders/{id}"]["get"]["x-amazon-apigateway-integration"]
        assert (integration["type"], integration["uri"], integration["credentials"]) == (
            "aws",
            uri,
            f"${{{role}.arn}}",
        )
        assert integration["requestTemplates"] == {"application/json": TEMPLATE.replace("${", "$${")}
        assert integration["responses"][r"4\d{2}"]["responseTemplates"] == {"application/json": error}


@pytest.mark.parametrize("form", ["resources", "openapi"])
def test_an_operation_has_a_path_with_variables_of_the_route(stack: AwsStack, form: Any) -> None:
    read = PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::shop-exports/*"])
    api = RestApi(stack, "api", name="shop", definition=form)
    get = AwsIntegration(
        "s3",
        path="shop-exports/{key}",
        headers={"Accept": "method.request.header.Accept"},
        permissions=[read],
    )
    api.resource_for("/exports/{key}").add_method("GET", get, authorization=Public())
    written = Configuration(stack)
    uri = "arn:aws:apigateway:us-east-1:s3:path/shop-exports/{key}"
    parameters = {
        "integration.request.path.key": "method.request.path.key",
        "integration.request.header.Accept": "method.request.header.Accept",
    }
    if form == "resources":
        integration = written.only("api_gateway_integration")
        assert (
            integration["uri"],
            integration["integration_http_method"],
            integration["request_parameters"],
        ) == (
            uri,
            "GET",
            parameters,
        )
        assert "request_templates" not in integration
    else:
        body = json.loads(written.only("api_gateway_rest_api")["body"])
        integration = body["paths"]["/exports/{key}"]["get"]["x-amazon-apigateway-integration"]
        assert (integration["uri"], integration["httpMethod"], integration["requestParameters"]) == (
            uri,
            "GET",
            parameters,
        )


def test_a_variable_that_the_route_does_not_have(stack: AwsStack) -> None:
    api = RestApi(stack, "api", name="shop")
    get = AwsIntegration("s3", path="shop-exports/{key}", permissions=[READ])
    kind, message = refused(
        lambda: api.resource_for("/exports/{id}").add_method("GET", get, authorization=Public())
    )
    assert kind is InvalidArgumentError
    assert message.endswith("path has {key}, which is not a variable of '/exports/{id}'; use {id}")


READ = PolicyStatement(
    actions=["dynamodb:GetItem"], resources=["arn:aws:dynamodb:us-east-1:123456789012:table/x"]
)

REFUSED: dict[str, tuple[Callable[[Table], object], str]] = {
    "no permission": (
        lambda table: AwsIntegration("dynamodb", "GetItem", permissions=[], request_template=TEMPLATE),
        (
            "AwsIntegration: no permission allows dynamodb:GetItem; pass permissions=[PolicyStatement(...)] with what it "
            "needs"
        ),
    ),
    "neither an action nor a path": (
        lambda table: AwsIntegration("s3", permissions=[READ]),
        "AwsIntegration: neither of action and path is set; pass action='GetItem', or path='shop-exports/{key}'",
    ),
    "an action without a template": (
        lambda table: AwsIntegration("dynamodb", "GetItem", permissions=[READ]),
        (
            "AwsIntegration: dynamodb:GetItem has its input from request_template alone; pass request_template=…, and "
            "neither http_method nor headers"
        ),
    ),
    "a path with a slash in front": (
        lambda table: AwsIntegration("s3", path="/shop-exports/{key}", permissions=[READ]),
        (
            "AwsIntegration: path '/shop-exports/{key}' is not valid; write it without a slash in front and without a "
            "query"
        ),
    ),
    "an action in small letters": (
        lambda table: AwsIntegration("dynamodb", "getItem", permissions=[READ], request_template=TEMPLATE),
        "AwsIntegration: action 'getItem' is not valid; use the operation's name, such as 'GetItem'",
    ),
    "a reference in the template": (
        lambda table: AwsIntegration(
            "dynamodb", "GetItem", permissions=[READ], request_template=f'{{"TableName": "{table.arn}"}}'
        ),
        (
            "AwsIntegration: request_template is a reference, which only Terraform can resolve; use names that are known "
            "at synth, such as table.table_name"
        ),
    ),
}


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=REFUSED)
def test_integrations_that_are_refused(stack: AwsStack, act: Callable[[Table], object], message: str) -> None:
    table = Table(stack, "orders", partition_key="id")
    kind, text = refused(lambda: act(table))
    assert issubclass(kind, ConstructError)
    assert (kind, text) == (InvalidArgumentError, message)
