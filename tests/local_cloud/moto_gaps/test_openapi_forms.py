"""Swagger 2.0, references, base paths and harmless members of documents that are imported."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.moto_gaps.openapi_document import read_document
from local_cloud.moto_gaps.openapi_forms import DocumentError
from tests.support.cloud_in_thread import CloudInThread

MOCK = {"x-amazon-apigateway-integration": {"type": "mock"}, "responses": {}}


def document(paths: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"openapi": "3.0.1", "info": {"title": "shop"}, "paths": paths, **more}


def test_references_are_resolved_wherever_they_stand() -> None:
    common = {"parameters": [{"$ref": "#/components/parameters/Lang"}]}
    operation = {
        **MOCK,
        "parameters": [{"$ref": "#/components/parameters/Page"}],
        "requestBody": {"$ref": "#/components/requestBodies/Order"},
        "responses": {"200": {"$ref": "#/components/responses/Done"}},
        "x-amazon-apigateway-request-validator": "all",
    }
    components = {
        "parameters": {
            "Lang": {"name": "lang", "in": "query", "required": True},
            "Page": {"$ref": "#/components/parameters/Number"},
            "Number": {"name": "page", "in": "header"},
        },
        "requestBodies": {
            "Order": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}
        },
        "responses": {"Done": {"description": "", "headers": {"X-Id": {"schema": {"type": "string"}}}}},
        "schemas": {"Order": {"type": "array", "minItems": 1, "description": "What is ordered"}},
    }
    imported = read_document(
        document(
            {"/a": {**common, "post": operation}, "/b": {"$ref": "#/paths/~1a"}},
            components=components,
            **{"x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": True}}},
        )
    )
    for path in ("/a", "/b"):
        method = imported.methods[path, "POST"]
        assert method.request_parameters == {
            "method.request.querystring.lang": True,
            "method.request.header.page": False,
        }
        assert method.request_models == {"application/json": "Order"}
        assert method.get_response("200").response_parameters == {"method.response.header.X-Id": False}
    assert json.loads(imported.models["Order"].schema)["minItems"] == 1


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (
            {"$ref": "#/components/parameters/None"},
            "The reference #/components/parameters/None leads nowhere",
        ),
        (
            {"$ref": "other.yaml#/P"},
            "The reference other.yaml#/P leads out of the document, which is not supported",
        ),
        ({"$ref": "#/components/parameters/A"}, "The reference #/components/parameters/A leads to itself"),
    ],
)
def test_references_that_lead_nowhere(parameter: dict[str, Any], message: str) -> None:
    components = {"parameters": {"A": {"$ref": "#/components/parameters/A"}}}
    with pytest.raises(DocumentError) as refused:
        read_document(document({"/a": {"get": {**MOCK, "parameters": [parameter]}}}, components=components))
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("mode", "path"), [("ignore", "/test"), ("prepend", "/base-url/part/test"), ("split", "/part/test")]
)
@pytest.mark.parametrize(
    "base",
    [
        {"servers": [{"url": "https://h.example/base-url/part/"}]},
        {
            "servers": [
                {
                    "url": "https://h.example/{basePath}",
                    "variables": {"basePath": {"default": "base-url/part"}},
                }
            ]
        },
        {"swagger": "2.0", "basePath": "/base-url/part"},
    ],
)
def test_base_paths(mode: str, path: str, base: dict[str, Any]) -> None:
    imported = read_document({**document({"/test": {"get": MOCK}}), **base}, mode)
    assert [path for path, _ in imported.methods] == [path]


SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "pets", "version": "1"},
    "consumes": ["application/json", "application/x-pets"],
    "paths": {
        "/pets": {
            "parameters": [{"name": "lang", "in": "query", "type": "string"}],
            "post": {
                **MOCK,
                "parameters": [
                    {"in": "body", "name": "Pet", "required": True, "schema": {"$ref": "#/definitions/Pet"}}
                ],
                "security": [{"sigv4": []}],
                "responses": {"200": {"description": "", "headers": {"X-A": {"type": "string"}}}},
            },
        }
    },
    "definitions": {
        "Pet": {"type": "object", "properties": {"owner": {"$ref": "#/definitions/Owner"}}},
        "Owner": {},
    },
    "securityDefinitions": {
        "sigv4": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "x-amazon-apigateway-authtype": "awsSigv4",
        }
    },
}


def test_swagger(cloud: CloudInThread) -> None:
    imported = read_document(SWAGGER)
    method = imported.methods["/pets", "POST"]
    assert method.authorization_type == "AWS_IAM"
    assert method.get_response("200").response_parameters == {"method.response.header.X-A": False}
    assert method.request_models == {"application/json": "Pet", "application/x-pets": "Pet"}
    assert method.request_parameters == {"method.request.querystring.lang": False}
    assert "/models/Owner" in imported.models["Pet"].schema
    aws = cloud.client("apigateway")
    created = aws.import_rest_api(body=json.dumps(SWAGGER).encode(), parameters={"basepath": "prepend"})
    assert (created["name"], created["ResponseMetadata"]["HTTPStatusCode"]) == ("pets", 201)


def test_harmless_members_are_accepted(cloud: CloudInThread) -> None:
    integration = {"type": "mock", "payloadFormatVersion": "1.0"}
    operation = {
        "responses": {},
        "x-amazon-apigateway-integration": integration,
        "x-amazon-apigateway-auth": {"type": "AWS_IAM"},
    }
    more = {"x-amazon-apigateway-documentation": {"version": "1"}}
    content = document({"/a": {"get": operation}}, **more)
    assert read_document(content).methods["/a", "GET"].authorization_type == "AWS_IAM"
    del content["info"]
    aws = cloud.client("apigateway")
    api = aws.create_rest_api(name="kept")["id"]
    assert (
        aws.put_rest_api(restApiId=api, mode="overwrite", body=json.dumps(content).encode())["name"] == "kept"
    )


@pytest.mark.parametrize("path", ["/a{b}", "/{a}b", "/{", "/a//b", "/{p+}/b", "/a b", "a"])
def test_paths_that_no_resource_can_have(path: str) -> None:
    with pytest.raises(DocumentError):
        read_document(document({path: {"get": MOCK}}))


@pytest.mark.parametrize("body", [b"{", b"a: [", b"[]", b"text", b'{"openapi": "3.0.1", "paths": {"x": {}}}'])
def test_a_broken_document_is_a_bad_request(cloud: CloudInThread, body: bytes) -> None:
    aws = cloud.client("apigateway")
    api = aws.create_rest_api(name="a")["id"]
    for call in (lambda: aws.import_rest_api(body=body), lambda: aws.put_rest_api(restApiId=api, body=body)):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "BadRequestException"


def test_a_gateway_response_of_an_unknown_type() -> None:
    more = {"x-amazon-apigateway-gateway-responses": {"FOO": {}}}
    with pytest.raises(DocumentError, match="Unsupported response type 'FOO'"):
        read_document(document({}, **more))
