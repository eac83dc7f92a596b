"""HttpIntegration: requests to a web server, as a proxy and with mapped answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cdktf import App
from cdktf_cdktf_provider_aws.lb import Lb

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    Cors,
    Deployment,
    Environment,
    HttpIntegration,
    InvalidArgumentError,
    LimitExceededError,
    Public,
    RestApi,
    UnsafeSettingError,
)
from tests.support.synthesis import Configuration, refused

ORDERS = "https://orders.shop.example/v1/orders/{id}"


def add(api: RestApi, integration: HttpIntegration, path: str = "/orders/{id}", method: Any = "GET") -> Any:
    return api.resource_for(path).add_method(method, integration, authorization=Public())


@pytest.mark.parametrize("form", ["resources", "openapi"])
def test_a_proxy_fills_variables_and_headers(stack: AwsStack, form: Any) -> None:
    api = RestApi(stack, "api", name="shop", definition=form)
    headers = {"X-Request": "context.requestId", "X-Kind": "'web'", "Accept": "method.request.header.Accept"}
    add(api, HttpIntegration(ORDERS, headers=headers, timeout_ms=5000))
    parameters = {
        "integration.request.header.Accept": "method.request.header.Accept",
        "integration.request.header.X-Kind": "'web'",
        "integration.request.header.X-Request": "context.requestId",
        "integration.request.path.id": "method.request.path.id",
    }
    written = Configuration(stack)
    if form == "resources":
        integration = written.only("api_gateway_integration")
        assert (integration["type"], integration["uri"], integration["integration_http_method"]) == (
            "HTTP_PROXY",
            ORDERS,
            "GET",
        )
        assert (integration["request_parameters"], integration["timeout_milliseconds"]) == (parameters, 5000)
        declared = written.only("api_gateway_method")["request_parameters"]
        assert declared == {"method.request.header.Accept": False, "method.request.path.id": True}
        assert not written.all("api_gateway_integration_response")
    else:
        operation = json.loads(written.only("api_gateway_rest_api")["body"])["paths"]["/orders/{id}"]["get"]
        assert operation["x-amazon-apigateway-integration"] == {
            "httpMethod": "GET",
            "passthroughBehavior": "when_no_match",
            "requestParameters": parameters,
            "timeoutInMillis": 5000,
            "type": "http_proxy",
            "uri": ORDERS,
        }
        assert [(one["name"], one["in"], one["required"]) for one in operation["parameters"]] == [
            ("Accept", "header", False),
            ("id", "path", True),
        ]


@pytest.mark.parametrize("form", ["resources", "openapi"])
def test_mapped_answers_have_a_status_for_each_pattern_and_headers_of_cors(
    stack: AwsStack, form: Any
) -> None:
    api = RestApi(
        stack,
        "api",
        name="shop",
        definition=form,
        cors=Cors(origins=["https://a.example", "https://b.example"]),
    )
    add(api, HttpIntegration("https://orders.shop.example/orders", proxy=False), "/orders")
    written = Configuration(stack)
    if form == "resources":
        (integration,) = (
            one for one in written.all("api_gateway_integration").values() if one["type"] == "HTTP"
        )
        assert "request_templates" not in integration
        answers = [
            one
            for one in written.all("api_gateway_integration_response").values()
            if "OPTIONS" not in str(one)
        ]
        patterns = sorted(str(one.get("selection_pattern")) for one in answers)
        assert {"4\\d{2}", "5\\d{2}"} <= set(patterns)
        assert any(
            one.get("response_templates", {}).get("application/json", "").endswith("$input.body")
            for one in answers
        )
    else:
        body = json.loads(written.only("api_gateway_rest_api")["body"])
        answers_by = body["paths"]["/orders"]["get"]["x-amazon-apigateway-integration"]["responses"]
        assert {pattern: one["statusCode"] for pattern, one in answers_by.items()} == {
            "default": "200",
            "4\\d{2}": "400",
            "5\\d{2}": "502",
        }
        assert all(
            "method.response.header.Access-Control-Allow-Origin" in one["responseParameters"]
            for one in answers_by.values()
        )


def test_the_rest_of_a_path_any_method_and_a_variable_of_the_stage(stack: AwsStack, api: RestApi) -> None:
    method = add(
        api, HttpIntegration("https://${stageVariables.host}/v1/{proxy}"), "/legacy/{proxy+}", method="ANY"
    )
    assert method.definition.integration.http_method == "ANY"
    integration = Configuration(stack).only("api_gateway_integration")
    assert integration["uri"] == "https://$${stageVariables.host}/v1/{proxy}"
    assert integration["request_parameters"] == {
        "integration.request.path.proxy": "method.request.path.proxy"
    }


def test_a_url_with_a_reference_redeploys_with_its_value(stack: AwsStack, api: RestApi) -> None:
    balancer = Lb(stack, "balancer", name="orders")
    add(api, HttpIntegration(f"https://{balancer.dns_name}/orders/{{id}}"))
    Deployment(stack, "deployment", api=api)
    written = Configuration(stack)
    url = "https://${aws_lb.balancer.dns_name}/orders/{id}"
    assert written.only("api_gateway_integration")["uri"] == url
    assert [route.integration.target for route in api.definition.routes] == [url]
    assert written.only("api_gateway_deployment")["triggers"]["reference-1"] == url


REFUSED: dict[str, tuple[Callable[[RestApi], object], type[ConstructError], str]] = {
    "no URL": (
        lambda api: HttpIntegration("orders.shop.example"),
        InvalidArgumentError,
        (
            "HttpIntegration: url 'orders.shop.example' is not valid; write it as 'https://HOST/PATH', without a query: API "
            "Gateway passes the query of the request on"
        ),
    ),
    "a query": (
        lambda api: HttpIntegration("https://orders.shop.example/?page=1"),
        InvalidArgumentError,
        (
            "HttpIntegration: url 'https://orders.shop.example/?page=1' is not valid; write it as 'https://HOST/PATH', without "
            "a query: API Gateway passes the query of the request on"
        ),
    ),
    "a variable that the route lacks": (
        lambda api: add(api, HttpIntegration("https://orders.shop.example/{order}")),
        InvalidArgumentError,
        "shop/api/orders/{id}/GET: url has {order}, which is not a variable of '/orders/{id}'; use {id}",
    ),
    "a private address": (
        lambda api: add(api, HttpIntegration("http://10.0.0.7:8080/orders")),
        ConflictError,
        (
            "shop/api/orders/{id}/GET: url 'http://10.0.0.7:8080/orders' is at the private address '10.0.0.7', which API Gateway "
            "does not reach; use a public address; in the local cloud (ENVIRONMENT=local), addresses of this machine work"
        ),
    ),
    "a header without a source": (
        lambda api: HttpIntegration(ORDERS, headers={"X-Kind": "web"}),
        InvalidArgumentError,
        (
            "HttpIntegration: header X-Kind: 'web' is not valid; write text in single quotes, or a source such as "
            "'method.request.header.Accept' or 'context.requestId'"
        ),
    ),
    "statuses of a proxy": (
        lambda api: HttpIntegration(ORDERS, statuses={200: None}),
        ConflictError,
        "HttpIntegration: a proxy passes statuses on; leave statuses out, or pass proxy=False",
    ),
    "no status for all others": (
        lambda api: HttpIntegration(ORDERS, proxy=False, statuses={200: "2.."}),
        InvalidArgumentError,
        (
            "HttpIntegration: statuses has 0 statuses without a pattern; give one the pattern None: it is the answer where no "
            "pattern matches"
        ),
    ),
    "a timeout": (
        lambda api: HttpIntegration(ORDERS, timeout_ms=30_000),
        LimitExceededError,
        "HttpIntegration: timeout_ms is 30000; use 50 to 29000",
    ),
}


@pytest.mark.parametrize(("act", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_integrations_that_are_refused(
    api: RestApi, act: Callable[[RestApi], object], kind: type[ConstructError], message: str
) -> None:
    assert refused(lambda: act(api)) == (kind, message)


def test_a_secret_is_not_a_header() -> None:
    kind, message = refused(lambda: HttpIntegration(ORDERS, headers={"X-Key": "'AKIAIOSFODNN7EXAMPLE'"}))
    assert kind is UnsafeSettingError
    assert message.endswith(
        "API Gateway reads no secrets: pass client_certificate=True to the Stage, or put a function in between"
    )


@pytest.mark.parametrize(
    "host", ["localhost:8000", "127.0.0.1", "[::1]:80", "192.168.1.2", "orders.internal"]
)
def test_private_addresses_are_for_the_local_cloud(app: App, host: str) -> None:
    integration = HttpIntegration(f"http://{host}/orders")
    for name in ("local", "dev"):
        environment = Environment.from_variables({"ENVIRONMENT": name})
        api = RestApi(AwsStack(app, name, environment=environment), "api", name="shop")
        if name == "local":
            add(api, integration, "/orders")
        else:
            assert refused(lambda api=api: add(api, integration, "/orders"))[0] is ConflictError  # type: ignore[misc]
