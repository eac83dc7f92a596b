"""The hash of a REST API's definition: it changes with the API, and with nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from constructs_lib.routes.definitions import (
    ApiDefinition,
    AuthorizationDefinition,
    AuthorizerDefinition,
    GatewayResponseDefinition,
    IntegrationDefinition,
    ModelDefinition,
    ResponseDefinition,
    RouteDefinition,
)

ROUTE = RouteDefinition(
    path="/orders/{id}",
    http_method="GET",
    authorization=AuthorizationDefinition(
        type="COGNITO_USER_POOLS", authorizer="staff", scopes=("read", "list")
    ),
    integration=IntegrationDefinition(
        type="AWS_PROXY", target="lambda:orders:live", http_method="POST", timeout_ms=29_000
    ),
    request_parameters=(("method.request.path.id", True), ("method.request.querystring.page", False)),
    request_models=(("application/json", "Order"), ("$default", "Order")),
)
RESPONSE = ResponseDefinition(
    status_code=204, headers=(("Vary", "'Origin'"), ("Allow", "'GET'")), template="#set($a = 1)"
)
AUTHORIZER = AuthorizerDefinition(
    name="staff",
    type="REQUEST",
    targets=("lambda:guard:live", "lambda:watch:live"),
    identity_sources=("method.request.header.A", "context.httpMethod"),
    identity_validation="^.+$",
    cache_ttl_seconds=0,
)
OTHER_AUTHORIZER = replace(AUTHORIZER, name="customers")
MODEL_OF_ORDER = ModelDefinition(name="Order", schema='{"type":"object"}')
OTHER_MODEL = replace(MODEL_OF_ORDER, name="Item")
REFUSAL = GatewayResponseDefinition(
    response_type="UNAUTHORIZED", status_code=401, headers=(("B", "'b'"), ("A", "'a'")), template="{}"
)
OTHER_REFUSAL = replace(REFUSAL, response_type="THROTTLED")
OTHER_ROUTE = replace(ROUTE, http_method="PUT")
API = ApiDefinition(
    routes=(ROUTE, OTHER_ROUTE),
    binary_media_types=("image/png", "image/jpeg"),
    minimum_compression_bytes=1024,
    authorizers=(AUTHORIZER, OTHER_AUTHORIZER),
    models=(MODEL_OF_ORDER, OTHER_MODEL),
    gateway_responses=(REFUSAL, OTHER_REFUSAL),
)


def with_route(**changes: object) -> ApiDefinition:
    return replace(API, routes=(replace(ROUTE, **changes), OTHER_ROUTE))  # type: ignore[arg-type]


def with_integration(**changes: object) -> ApiDefinition:
    return with_route(integration=replace(ROUTE.integration, **changes))  # type: ignore[arg-type]


def with_authorization(**changes: object) -> ApiDefinition:
    return with_route(authorization=replace(ROUTE.authorization, **changes))  # type: ignore[arg-type]


def with_authorizer(**changes: object) -> ApiDefinition:
    return replace(API, authorizers=(replace(AUTHORIZER, **changes), OTHER_AUTHORIZER))  # type: ignore[arg-type]


def with_model(**changes: object) -> ApiDefinition:
    return replace(API, models=(replace(MODEL_OF_ORDER, **changes), OTHER_MODEL))  # type: ignore[arg-type]


def with_refusal(**changes: object) -> ApiDefinition:
    return replace(API, gateway_responses=(replace(REFUSAL, **changes), OTHER_REFUSAL))  # type: ignore[arg-type]


def with_response(**changes: object) -> ApiDefinition:
    return with_integration(response=replace(RESPONSE, **changes))  # type: ignore[arg-type]


CHANGES: dict[str, ApiDefinition] = {
    "ApiDefinition.routes": replace(API, routes=(ROUTE,)),
    "ApiDefinition.binary_media_types": replace(API, binary_media_types=("image/png",)),
    "ApiDefinition.minimum_compression_bytes": replace(API, minimum_compression_bytes=None),
    "ApiDefinition.authorizers": replace(API, authorizers=(AUTHORIZER,)),
    "ApiDefinition.models": replace(API, models=(MODEL_OF_ORDER,)),
    "ApiDefinition.gateway_responses": replace(API, gateway_responses=(REFUSAL,)),
    "ApiDefinition.endpoint_closed": replace(API, endpoint_closed=True),
    "ApiDefinition.authorizers_name_keys": replace(API, authorizers_name_keys=True),
    "AuthorizerDefinition.name": with_authorizer(name="guests"),
    "AuthorizerDefinition.type": with_authorizer(type="TOKEN"),
    "AuthorizerDefinition.targets": with_authorizer(targets=("lambda:guard:live",)),
    "AuthorizerDefinition.identity_sources": with_authorizer(identity_sources=("context.httpMethod",)),
    "AuthorizerDefinition.identity_validation": with_authorizer(identity_validation=None),
    "AuthorizerDefinition.cache_ttl_seconds": with_authorizer(cache_ttl_seconds=1),
    "ModelDefinition.name": with_model(name="Book"),
    "ModelDefinition.schema": with_model(schema='{"type":"array"}'),
    "GatewayResponseDefinition.response_type": with_refusal(response_type="ACCESS_DENIED"),
    "GatewayResponseDefinition.status_code": with_refusal(status_code=403),
    "GatewayResponseDefinition.headers": with_refusal(headers=(("A", "'a'"),)),
    "GatewayResponseDefinition.template": with_refusal(template="[]"),
    "ResponseDefinition.status_code": with_response(status_code=200),
    "ResponseDefinition.headers": with_response(headers=()),
    "ResponseDefinition.template": with_response(template=None),
    "ResponseDefinition.selection_pattern": with_response(selection_pattern="4.."),
    "RouteDefinition.request_models": with_route(request_models=(("application/json", "Order"),)),
    "RouteDefinition.validated": with_route(validated=True),
    "RouteDefinition.api_key_required": with_route(api_key_required=True),
    "IntegrationDefinition.request_template": with_integration(request_template="{}"),
    "IntegrationDefinition.request_parameters": with_integration(
        request_parameters=(("integration.request.path.id", "method.request.path.id"),)
    ),
    "IntegrationDefinition.response": with_integration(response=RESPONSE),
    "IntegrationDefinition.streamed": with_integration(streamed=True),
    "IntegrationDefinition.further_responses": with_integration(further_responses=(RESPONSE,)),
    "RouteDefinition.path": with_route(path="/orders/{number}"),
    "RouteDefinition.http_method": with_route(http_method="POST"),
    "RouteDefinition.authorization": with_route(authorization=AuthorizationDefinition(type="NONE")),
    "RouteDefinition.integration": with_route(integration=replace(ROUTE.integration, type="MOCK")),
    "RouteDefinition.request_parameters": with_route(request_parameters=(("method.request.path.id", False),)),
    "AuthorizationDefinition.type": with_authorization(type="AWS_IAM"),
    "AuthorizationDefinition.authorizer": with_authorization(authorizer="customers"),
    "AuthorizationDefinition.scopes": with_authorization(scopes=("read",)),
    "IntegrationDefinition.type": with_integration(type="AWS"),
    "IntegrationDefinition.target": with_integration(target="lambda:orders:next"),
    "IntegrationDefinition.http_method": with_integration(http_method="GET"),
    "IntegrationDefinition.timeout_ms": with_integration(timeout_ms=28_999),
}
MODEL = (
    ApiDefinition,
    AuthorizationDefinition,
    AuthorizerDefinition,
    GatewayResponseDefinition,
    IntegrationDefinition,
    ModelDefinition,
    ResponseDefinition,
    RouteDefinition,
)


def test_every_field_of_the_model_is_changed_by_a_case() -> None:
    assert set(CHANGES) == {f"{record.__name__}.{field.name}" for record in MODEL for field in fields(record)}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_every_field_changes_the_hash(changed: ApiDefinition) -> None:
    assert changed.digest() != API.digest()


def test_no_two_changes_have_the_same_hash() -> None:
    digests = [changed.digest() for changed in CHANGES.values()]
    assert len(set(digests)) == len(digests)


SAME: dict[str, Callable[[], ApiDefinition]] = {
    "routes in another order": lambda: replace(API, routes=(OTHER_ROUTE, ROUTE)),
    "media types in another order": lambda: replace(API, binary_media_types=("image/jpeg", "image/png")),
    "parameters in another order": lambda: with_route(request_parameters=ROUTE.request_parameters[::-1]),
    "scopes in another order": lambda: with_authorization(scopes=("list", "read")),
    "authorizers in another order": lambda: replace(API, authorizers=(OTHER_AUTHORIZER, AUTHORIZER)),
    "targets in another order": lambda: with_authorizer(targets=AUTHORIZER.targets[::-1]),
    "models in another order": lambda: replace(API, models=(OTHER_MODEL, MODEL_OF_ORDER)),
    "gateway responses in another order": lambda: replace(API, gateway_responses=(OTHER_REFUSAL, REFUSAL)),
    "headers in another order": lambda: with_refusal(headers=REFUSAL.headers[::-1]),
    "content types in another order": lambda: with_route(request_models=ROUTE.request_models[::-1]),
}


@pytest.mark.parametrize("same", SAME.values(), ids=SAME)
def test_what_has_no_meaning_does_not_change_the_hash(same: Callable[[], ApiDefinition]) -> None:
    assert same() == API
    assert same().digest() == API.digest()


def test_the_canonical_json_is_sorted_and_complete() -> None:
    text = API.canonical_json()
    document = json.loads(text)
    assert text == json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert document["routes"][0] == {
        "authorization": {"authorizer": "staff", "scopes": ["list", "read"], "type": "COGNITO_USER_POOLS"},
        "http_method": "GET",
        "integration": {
            "http_method": "POST",
            "target": "lambda:orders:live",
            "timeout_ms": 29000,
            "type": "AWS_PROXY",
        },
        "path": "/orders/{id}",
        "request_models": [["$default", "Order"], ["application/json", "Order"]],
        "request_parameters": [["method.request.path.id", True], ["method.request.querystring.page", False]],
    }
    assert document["gateway_responses"][1] == {
        "headers": [["A", "'a'"], ["B", "'b'"]],
        "response_type": "UNAUTHORIZED",
        "status_code": 401,
        "template": "{}",
    }
    assert document["authorizers"][1]["identity_sources"] == ["method.request.header.A", "context.httpMethod"]


def test_what_an_api_does_not_use_is_not_in_its_canonical_json() -> None:
    """So that a release that can do more does not redeploy the APIs that do not use it."""
    plain = replace(ROUTE, request_models=())
    document = json.loads(ApiDefinition(routes=(plain,)).canonical_json())
    assert set(document) == {"binary_media_types", "minimum_compression_bytes", "routes"}
    (route,) = document["routes"]
    assert set(route) == {"authorization", "http_method", "integration", "path", "request_parameters"}
    assert set(route["integration"]) == {"http_method", "target", "timeout_ms", "type"}


def test_a_release_that_changes_the_hash_of_an_unchanged_api_redeploys_every_api() -> None:
    assert ApiDefinition(routes=(replace(ROUTE, request_models=()),)).digest() == (
        "3e0c4043b8e0f155edd0608e599aebf3993f9fc124c1b36551e223bf6c4cbd8d"
    )
