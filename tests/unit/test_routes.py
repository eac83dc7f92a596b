"""The hash of a REST API's definition: it changes with the API, and with nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from constructs_lib.routes import (
    ApiDefinition,
    AuthorizationDefinition,
    IntegrationDefinition,
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
)
OTHER_ROUTE = replace(ROUTE, http_method="PUT")
API = ApiDefinition(
    routes=(ROUTE, OTHER_ROUTE),
    binary_media_types=("image/png", "image/jpeg"),
    minimum_compression_bytes=1024,
)


def with_route(**changes: object) -> ApiDefinition:
    return replace(API, routes=(replace(ROUTE, **changes), OTHER_ROUTE))  # type: ignore[arg-type]


def with_integration(**changes: object) -> ApiDefinition:
    return with_route(integration=replace(ROUTE.integration, **changes))  # type: ignore[arg-type]


def with_authorization(**changes: object) -> ApiDefinition:
    return with_route(authorization=replace(ROUTE.authorization, **changes))  # type: ignore[arg-type]


CHANGES: dict[str, ApiDefinition] = {
    "ApiDefinition.routes": replace(API, routes=(ROUTE,)),
    "ApiDefinition.binary_media_types": replace(API, binary_media_types=("image/png",)),
    "ApiDefinition.minimum_compression_bytes": replace(API, minimum_compression_bytes=None),
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
MODEL = (ApiDefinition, RouteDefinition, AuthorizationDefinition, IntegrationDefinition)


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
        "request_parameters": [["method.request.path.id", True], ["method.request.querystring.page", False]],
    }


def test_a_release_that_changes_the_hash_of_an_unchanged_api_redeploys_every_api() -> None:
    assert ApiDefinition(routes=(ROUTE,)).digest() == (
        "3e0c4043b8e0f155edd0608e599aebf3993f9fc124c1b36551e223bf6c4cbd8d"
    )
