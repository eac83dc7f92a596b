"""PutRestApi and ImportRestApi: what an OpenAPI document makes of an API in the local cloud."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.moto_gaps.openapi_document import read_document
from local_cloud.moto_gaps.openapi_forms import DocumentError
from tests.support.cloud_in_thread import CloudInThread

ARN = "arn:aws:lambda:us-east-1:123456789012:function:shop"
URI = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}/invocations"
PROXY = {"type": "aws_proxy", "httpMethod": "POST", "uri": URI}


def operation(**more: Any) -> dict[str, Any]:
    return {"responses": {}, "x-amazon-apigateway-integration": PROXY, **more}


def document(paths: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"openapi": "3.0.1", "info": {"title": "shop", "version": "7"}, "paths": paths, **more}


WHOLE = document(
    {
        "/orders/{id}": {
            "get": operation(
                parameters=[
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "lang", "in": "query", "schema": {"type": "string"}},
                ],
                security=[{"friends": []}, {"api_key": []}],
            ),
            "x-amazon-apigateway-any-method": operation(security=[{"pool": ["orders/read"]}]),
        },
        "/orders": {
            "post": operation(
                requestBody={
                    "required": True,
                    "content": {"$default": {"schema": {"$ref": "#/components/schemas/Order"}}},
                },
                security=[{"sigv4": []}],
                **{"x-amazon-apigateway-request-validator": "all"},
            ),
            "options": {
                "responses": {
                    "204": {"description": "", "headers": {"Vary": {"schema": {"type": "string"}}}}
                },
                "x-amazon-apigateway-integration": {
                    "type": "mock",
                    "passthroughBehavior": "never",
                    "requestTemplates": {"application/json": '{"statusCode":204}'},
                    "responses": {
                        "default": {
                            "statusCode": "204",
                            "responseParameters": {"method.response.header.Vary": "'Origin'"},
                            "responseTemplates": {"application/json": ""},
                        }
                    },
                },
            },
        },
    },
    components={
        "schemas": {
            "Order": {
                "type": "object",
                "properties": {
                    "nullable": {"type": "string", "nullable": True},
                    "tea": {"type": ["string", "null"]},
                },
            }
        },
        "securitySchemes": {
            "friends": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "x-amazon-apigateway-authtype": "custom",
                "x-amazon-apigateway-authorizer": {
                    "type": "token",
                    "authorizerUri": URI,
                    "identityValidationExpression": "^Bearer .+$",
                    "authorizerResultTtlInSeconds": 0,
                },
            },
            "pool": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "x-amazon-apigateway-authtype": "cognito_user_pools",
                "x-amazon-apigateway-authorizer": {
                    "type": "cognito_user_pools",
                    "providerARNs": ["arn:pool"],
                },
            },
            "sigv4": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "x-amazon-apigateway-authtype": "awsSigv4",
            },
            "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
        },
    },
    **{
        "x-amazon-apigateway-api-key-source": "AUTHORIZER",
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "x-amazon-apigateway-minimum-compression-size": 1000,
        "x-amazon-apigateway-request-validators": {
            "all": {"validateRequestBody": True, "validateRequestParameters": True}
        },
        "x-amazon-apigateway-gateway-responses": {
            "THROTTLED": {"statusCode": "429", "responseTemplates": {"application/json": "{}"}}
        },
    },
)


@pytest.fixture
def client(cloud: CloudInThread) -> Any:
    return cloud.client("apigateway")


def put(client: Any, api: str, document: dict[str, Any], mode: str = "overwrite") -> dict[str, Any]:
    answer: dict[str, Any] = client.put_rest_api(restApiId=api, mode=mode, body=json.dumps(document).encode())
    return answer


def routes(client: Any, api: str) -> dict[tuple[str, str], dict[str, Any]]:
    items = client.get_resources(restApiId=api, embed=["methods"], limit=500)["items"]
    return {
        (item["path"], name): method
        for item in items
        for name, method in item.get("resourceMethods", {}).items()
    }


def test_everything_that_a_document_says_is_there(client: Any) -> None:
    created = client.create_rest_api(name="other", description="gone after the import")
    api = created["id"]
    response = put(client, api, WHOLE)
    assert (response["name"], response.get("description", ""), response["binaryMediaTypes"]) == (
        "shop",
        "",
        ["image/png"],
    )
    assert (response["minimumCompressionSize"], response["rootResourceId"]) == (
        1000,
        created["rootResourceId"],
    )

    found = routes(client, api)
    assert set(found) == {
        ("/orders", "OPTIONS"),
        ("/orders", "POST"),
        ("/orders/{id}", "ANY"),
        ("/orders/{id}", "GET"),
    }
    friends, pool = sorted(client.get_authorizers(restApiId=api)["items"], key=lambda one: str(one["name"]))
    assert friends["identitySource"] == "method.request.header.Authorization"
    assert (friends["type"], friends["identityValidationExpression"]) == ("TOKEN", "^Bearer .+$")
    assert friends["authorizerResultTtlInSeconds"] == 0
    assert "authorizerResultTtlInSeconds" not in pool
    assert (pool["type"], pool["providerARNs"]) == ("COGNITO_USER_POOLS", ["arn:pool"])

    get = found["/orders/{id}", "GET"]
    assert (get["authorizationType"], get["authorizerId"], get["apiKeyRequired"]) == (
        "CUSTOM",
        friends["id"],
        True,
    )
    assert get["requestParameters"] == {
        "method.request.path.id": True,
        "method.request.querystring.lang": False,
    }
    integration = get["methodIntegration"]
    assert (integration["type"], integration["uri"], integration["timeoutInMillis"]) == (
        "AWS_PROXY",
        URI,
        29000,
    )
    scoped = found["/orders/{id}", "ANY"]
    assert (scoped["authorizationType"], scoped["authorizationScopes"]) == (
        "COGNITO_USER_POOLS",
        ["orders/read"],
    )

    post = found["/orders", "POST"]
    (validator,) = client.get_request_validators(restApiId=api)["items"]
    assert (post["authorizationType"], post["requestModels"]) == ("AWS_IAM", {"$default": "Order"})
    assert (post["requestValidatorId"], validator["validateRequestBody"]) == (validator["id"], True)
    schema = json.loads(client.get_model(restApiId=api, modelName="Order")["schema"])
    assert schema == {
        "type": "object",
        # As API Gateway does: what OpenAPI 3.0 has no word for, or API Gateway ignores, is left out.
        "properties": {"nullable": {"type": "string"}, "tea": {}},
    }

    mock = found["/orders", "OPTIONS"]
    assert mock["authorizationType"] == "NONE"
    assert mock["methodResponses"]["204"]["responseParameters"] == {"method.response.header.Vary": False}
    (answer,) = mock["methodIntegration"]["integrationResponses"].values()
    assert (answer["statusCode"], answer["responseParameters"]) == (
        "204",
        {"method.response.header.Vary": "'Origin'"},
    )
    throttled = client.get_gateway_response(restApiId=api, responseType="THROTTLED")
    assert throttled["statusCode"] == "429"


def test_overwriting_deletes_what_is_gone_and_keeps_the_ids_of_what_stays(client: Any) -> None:
    api = client.create_rest_api(name="shop")["id"]
    put(client, api, WHOLE)
    before = {item["path"]: item["id"] for item in client.get_resources(restApiId=api)["items"]}
    put(client, api, document({"/orders": {"get": operation()}}))
    after = {item["path"]: item["id"] for item in client.get_resources(restApiId=api)["items"]}
    assert after == {path: before[path] for path in ("/", "/orders")}
    assert set(routes(client, api)) == {("/orders", "GET")}
    for listed in (
        client.get_authorizers(restApiId=api)["items"],
        client.get_request_validators(restApiId=api)["items"],
        client.get_models(restApiId=api)["items"],
        [
            item
            for item in client.get_gateway_responses(restApiId=api)["items"]
            if not item["defaultResponse"]
        ],
    ):
        assert listed == []
    response = client.get_rest_api(restApiId=api)
    assert (response.get("binaryMediaTypes", []), response.get("minimumCompressionSize")) == ([], None)
    assert response["apiKeySource"] == "HEADER"


def test_merging_keeps_what_the_document_does_not_say(client: Any) -> None:
    api = client.import_rest_api(body=json.dumps(WHOLE).encode())["id"]
    put(client, api, document({"/orders": {"post": operation()}, "/more": {"get": operation()}}), "merge")
    found = routes(client, api)
    assert {("/orders/{id}", "GET"), ("/orders", "OPTIONS"), ("/more", "GET")} < set(found)
    assert found["/orders", "POST"]["authorizationType"] == "NONE"
    merged = client.get_rest_api(restApiId=api)
    assert (merged["binaryMediaTypes"], merged["apiKeySource"], merged["minimumCompressionSize"]) == (
        ["image/png"],
        "AUTHORIZER",
        1000,
    )


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            {"openapi": "3.1.0", "info": {"title": "shop"}, "paths": {}},
            "The local cloud imports OpenAPI 3.0 and Swagger 2.0, and this is another version",
        ),
        (document({"/a": {"get": operation(security=[{"friends": []}])}},
                  components={"securitySchemes": {"friends": {"type": "apiKey", "x-amazon-apigateway-authtype": "custom"}}}),
         ("GET /a: Unable to create authorizer from security definition: 'friends'. Extension "
          "x-amazon-apigateway-authorizer is required.")),
        (document({"/a": {"get": operation(security=[{"frends": []}])}}),
         "GET /a: there is no security scheme 'frends'"),
        (document({"/a": {"get": operation(**{"x-amazon-apigateway-request-validator": "all"})}}),
         "GET /a: there is no request validator 'all'"),
        (document({}, **{"x-amazon-apigateway-unknown": "1"}),
         "document: 'x-amazon-apigateway-unknown' is not supported"),
        (document({"/a": {"get": operation(**{"x-amazon-apigateway-none": {}})}}),
         "GET /a: 'x-amazon-apigateway-none' is not supported"),
        (document({"/a": {"get": {"x-amazon-apigateway-integration": {"type": "aws_proxy"}}}}),
         "GET /a: an integration of type 'AWS_PROXY' needs a uri and an httpMethod"),
        (document({"/a": {"get": {"x-amazon-apigateway-integration": {**PROXY, "payloadFormat": "2"}}}}),
         "GET /a: the integration has 'payloadFormat', which is not supported"),
        (document({"/a": {"trace": operation()}}), "Path '/a' has 'trace', which is not supported"),
        (document({}, components={"schemas": {"my-order": {}}}), "Model name must be alphanumeric: my-order"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_refused(found: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read_document(found)
    assert str(refused.value) == message


def test_a_refused_document_changes_nothing(client: Any) -> None:
    api = client.import_rest_api(body=json.dumps(WHOLE).encode())["id"]
    before = routes(client, api)
    with pytest.raises(ClientError) as refused:
        put(client, api, document({"/a": {"trace": operation()}}))
    assert refused.value.response["Error"]["Code"] == "BadRequestException"
    assert "Path '/a' has 'trace', which is not supported" in str(refused.value)
    assert routes(client, api) == before


@pytest.mark.parametrize("paths", [{"/a": "text"}, {"/a": {"get": []}}, ["/a"]])
def test_members_of_another_type_are_refused(client: Any, paths: Any) -> None:
    api = client.create_rest_api(name="n")["id"]
    with pytest.raises(ClientError) as refused:
        put(client, api, document(paths))
    assert refused.value.response["Error"] == {
        "Code": "BadRequestException",
        "Message": "Invalid OpenAPI input.",
    }


def test_what_aws_ignores_in_documents_of_its_samples(client: Any) -> None:
    schemes = {"oauth": {"type": "oauth2", "flows": {}}, "bearer": {"type": "http", "scheme": "bearer"}}
    empty = {"application/json": {"schema": {"$ref": "#/components/schemas/Empty"}}}
    found = document(
        {
            "/a": {
                "get": operation(
                    security=[{"NONE": []}, {"oauth": ["a"]}, {"bearer": []}],
                    responses={"200": {"content": empty}},
                )
            }
        },
        components={"securitySchemes": schemes},
        servers={"variables": {"basePath": {"default": "/v1"}}},
        **{"x-amazon-apigateway-cors": {}, "x-amazon-apigateway-importexport-version": "1.0"},
    )
    api = client.create_rest_api(name="n")["id"]
    with pytest.raises(ClientError, match="Warnings found during import"):
        client.put_rest_api(restApiId=api, body=json.dumps(found).encode(), failOnWarnings=True)
    assert ("/a", "GET") not in routes(client, api)
    answer = client.put_rest_api(restApiId=api, body=json.dumps(found).encode())
    assert answer["warnings"] == [
        "GET /a: security scheme 'oauth' has no authorizer and is ignored",
        "GET /a: security scheme 'bearer' has no authorizer and is ignored",
    ]
    method = routes(client, api)["/a", "GET"]
    assert method["authorizationType"] == "NONE"
    assert method["methodResponses"]["200"]["responseModels"] == {"application/json": "Empty"}
