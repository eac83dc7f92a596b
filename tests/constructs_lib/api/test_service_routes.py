"""Routes of a service: what API Gateway and the OpenAPI document get from a contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    CognitoAuthorizer,
    ConflictError,
    Cors,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    IamAuthorization,
    InvalidArgumentError,
    LambdaIntegration,
    Public,
    RestApi,
    Stage,
    Throttle,
    UsagePlan,
    UserPool,
)
from handlers.common.contract import Contract
from handlers.common.models import Base64Data, RequestModel, ResponseModel
from tests.support.synthesis import Configuration


class Picture(RequestModel):
    picture: Base64Data


class Text(ResponseModel):
    text: str


@pytest.fixture
def contract() -> Contract:
    pictures = Contract(
        "pictures",
        summary="Texts of pictures.",
        raw_bodies={"image/png": "picture"},
        max_body_bytes=1_000_000,
    )
    pictures.post(
        "/pictures/text",
        Picture,
        Text,
        name="pictures.text",
        summary="Read the text.",
        status=202,
        request_headers={"Idempotency-Key": True},
        request_example={"picture": "QUJD"},
    )
    pictures.get("/pictures/{id}", Text, name="pictures.get", summary="Return the text.")
    pictures.direct(Picture, Text, name="pictures.train", summary="Train the model.")
    return pictures


def test_each_operation_with_a_route_becomes_a_method(
    stack: AwsStack, function: Function, contract: Contract
) -> None:
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    methods = api.add_service(
        contract, LambdaIntegration(function), authorization={"/pictures/{id}": Public()}
    )
    assert [(method.http_method, method.path) for method in methods] == [
        ("POST", "/pictures/text"),
        ("GET", "/pictures/{id}"),
    ]
    text, read = (method.definition for method in methods)
    assert (text.authorization.type, read.authorization.type) == ("AWS_IAM", "NONE")
    assert text.request_models == (("application/json", "Picture"),)
    assert text.request_parameters == (("method.request.header.Idempotency-Key", True),)
    assert api.definition.binary_media_types == ("image/png",)
    written = Configuration(stack).only("api_gateway_rest_api")
    assert written["binary_media_types"] == ["image/png"]


def test_the_document_has_what_the_contract_says(
    stack: AwsStack, function: Function, contract: Contract
) -> None:
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    api.add_service(contract, LambdaIntegration(function))
    document = api.openapi_document
    assert document["tags"] == [{"name": "pictures", "description": "Texts of pictures."}]
    post: dict[str, Any] = document["paths"]["/pictures/text"]["post"]
    assert {name: post[name] for name in ("operationId", "tags", "summary", "description")} == {
        "operationId": "pictures_text",
        "tags": ["pictures"],
        "summary": "Read the text.",
        "description": "Largest body: 1,000,000 bytes.",
    }
    assert post["requestBody"]["content"] == {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/Picture"},
            "example": {"picture": "QUJD"},
        },
        "image/png": {"schema": {"type": "string", "format": "binary"}},
    }
    assert post["responses"]["202"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Text"}}
    }
    assert "200" not in post["responses"]
    get = document["paths"]["/pictures/{id}"]["get"]
    assert (get["operationId"], "description" in get) == ("pictures_get", False)


def test_a_path_that_is_not_the_service_s_is_rejected(
    stack: AwsStack, function: Function, contract: Contract
) -> None:
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    for arguments, argument in (
        ({"authorization": {"/picture": Public()}}, "authorization"),
        ({"api_key_required": ["/picture"]}, "api_key_required"),
    ):
        with pytest.raises(InvalidArgumentError) as refused:
            api.add_service(contract, LambdaIntegration(function), **arguments)  # type: ignore[arg-type]
        assert str(refused.value) == (
            f"shop/api: {argument} names '/picture', which is not a route of 'pictures'; use one of "
            "/pictures/text, /pictures/{id}"
        )


def preflight_headers(api: RestApi, path: str) -> list[str]:
    (route,) = (one for one in api.definition.routes if (one.http_method, one.path) == ("OPTIONS", path))
    assert route.integration.response is not None
    return dict(route.integration.response.headers)["Access-Control-Allow-Headers"].strip("'").split(",")


def test_pages_may_send_the_headers_that_a_contract_names(
    stack: AwsStack, function: Function, contract: Contract
) -> None:
    cors = Cors(origins=["https://a.b"], headers=["Authorization", "idempotency-key"])
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization(), cors=cors)
    contract.post(
        "/pictures/{id}",
        Picture,
        Text,
        name="pictures.replace",
        summary="Replace it.",
        request_headers={"If-Match": False},
    )
    api.add_service(contract, LambdaIntegration(function))
    assert preflight_headers(api, "/pictures/text") == ["Authorization", "idempotency-key"]
    assert preflight_headers(api, "/pictures/{id}") == ["Authorization", "idempotency-key", "If-Match"]
    below = api.resource_for("/pictures/{id}/tags").add_method("GET", LambdaIntegration(function))
    assert preflight_headers(api, below.path) == ["Authorization", "idempotency-key"]
    late = Contract("late")
    late.post(below.path, Picture, Text, summary="Add a tag.", request_headers={"If-Match": True})
    with pytest.raises(
        ConflictError, match=r"/tags: its preflights do not allow the header If-Match, as its"
    ):
        api.add_service(late, LambdaIntegration(function))


def test_a_synth_writes_the_routes_of_all_apis(
    app: App, stack: AwsStack, function: Function, contract: Contract
) -> None:
    api = RestApi(
        stack,
        "api",
        name="shop",
        default_authorization=IamAuthorization(),
        cors=Cors(origins=["https://a.b"]),
    )
    api.add_service(contract, LambdaIntegration(function))
    api.resource_for("/keyed").add_method("PUT", LambdaIntegration(function), api_key_required=True)
    stage = Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "deployment", api=api),
        stage_name="prod",
        throttle=Throttle(rate_limit=50, burst_limit=100),
        account=ExistingApiGatewayAccount(),
    )
    UsagePlan(stack, "plan", name="plan", stages=[stage])
    other = RestApi(stack, "other", name="other")
    staff = CognitoAuthorizer(name="staff", user_pools=[UserPool(stack, "staff")])
    other.root.add_method("GET", LambdaIntegration(function), authorization=staff)
    other.root.add_method("POST", LambdaIntegration(function), authorization=Public())
    app.synth()
    written = (Path(app.outdir) / "stacks" / "shop" / "routes.md").read_text(encoding="utf-8")
    assert written == f"{api.routes_document}\n{other.routes_document}"
    assert api.routes_document == (
        "# Routes of shop\n"
        "\n"
        "Stage `prod`: 50 requests a second, bursts of 100.\n"
        "\n"
        "| Method | Path | Callers | Service | Largest body | Timeout | Summary |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| PUT | `/keyed` | IAM (SigV4), API key | `lambda:shop-chat:live` | - | 29 s | - |\n"
        "| POST | `/pictures/text` | IAM (SigV4) | pictures | 1,000,000 bytes | 29 s | Read the text. |\n"
        "| GET | `/pictures/{id}` | IAM (SigV4) | pictures | - | 29 s | Return the text. |\n"
    )
    assert other.routes_document.splitlines()[-2:] == [
        "| GET | `/` | staff (Cognito) | `lambda:shop-chat:live` | - | 29 s | - |",
        "| POST | `/` | anyone | `lambda:shop-chat:live` | - | 29 s | - |",
    ]
