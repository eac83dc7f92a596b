"""One API in both of its renderings, deployed by the real Terraform and called: the same requests, the same answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.small_api import FORMS, Deployed, call, deployed

ORDER = {"sku": "tea-pot", "amount": 2}
JSON = {"Content-Type": "application/json"}
PREFLIGHT = {"Origin": "https://other.example", "Access-Control-Request-Method": "POST"}

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/", {}),
    ("DELETE", "/", {}),
    ("GET", "/nowhere", {}),
    ("GET", "/orders", {}),
    ("GET", "/orders/17", {}),
    ("GET", "/orders/17?lang=de&lang=fr", {}),
    ("GET", "/orders/a%20b", {}),
    ("GET", "/orders/%20", {}),
    ("POST", "/orders", {"headers": JSON, "body": json.dumps(ORDER)}),
    ("POST", "/orders", {"headers": {"Content-Type": "text/plain"}, "body": json.dumps(ORDER)}),
    ("POST", "/orders", {"headers": JSON, "body": json.dumps({"sku": "tea-pot"})}),
    ("POST", "/orders", {"headers": JSON, "body": json.dumps({**ORDER, "amount": 1000})}),
    ("POST", "/orders", {"headers": JSON, "body": json.dumps({**ORDER, "more": 1})}),
    ("POST", "/orders", {"headers": JSON, "body": json.dumps({**ORDER, "sku": "${}%-"})}),
    ("POST", "/orders", {"headers": JSON, "body": json.dumps({**ORDER, "sku": "TEA"})}),
    ("POST", "/orders", {"headers": {"Content-Type": "text/plain"}, "body": "no order"}),
    ("POST", "/orders", {"headers": JSON, "body": "{"}),
    ("POST", "/orders", {"headers": JSON}),
    ("GET", "/search", {}),
    ("GET", "/search?q=tea", {}),
    ("GET", "/private", {}),
    ("GET", "/private", {"headers": {"Authorization": "letmein"}}),
    ("GET", "/private", {"headers": {"Authorization": "Bearer letmein"}}),
    ("GET", "/private", {"headers": {"Authorization": "Bearer other"}}),
    ("GET", "/partners", {}),
    ("GET", "/partners", {"headers": {"X-Partner": "partner-1"}}),
    ("GET", "/partners", {"headers": {"X-Partner": "partner-2"}}),
    ("GET", "/signed", {}),
    ("GET", "/signed", {"headers": {"Authorization": "AWS4-HMAC-SHA256 nothing"}}),
    ("GET", "/keyed", {}),
    ("GET", "/keyed", {"headers": {"x-api-key": "guessed-guessed-guessed"}}),
    ("GET", "/files/a/b.png", {}),
    ("PUT", "/files/a/b.png", {"headers": {"Content-Type": "image/png"}, "body": b"\x89PNG"}),
    ("OPTIONS", "/orders", {"headers": PREFLIGHT}),
    ("OPTIONS", "/orders/17", {"headers": {**PREFLIGHT, "Origin": "https://evil.example"}}),
    ("OPTIONS", "/private", {"headers": PREFLIGHT}),
    ("OPTIONS", "/files/a", {"headers": PREFLIGHT}),
]


def test_the_same_calls_get_the_same_answers(small: Deployed) -> None:
    resources, openapi = (small.invoke_url(form) for form in FORMS)
    statuses = {}
    with_key = {"headers": {"x-api-key": small.api_key()}}
    for method, path, options in [*CALLS, ("GET", "/keyed", with_key)]:
        description = f"{method} {path} {options}"
        answer = call(openapi, method, path, **options)
        assert answer == call(resources, method, path, **options), description
        statuses[description] = answer.status
    assert {200, 204, 400, 401, 403} <= set(statuses.values()), statuses
    assert 501 not in statuses.values(), statuses


@pytest.mark.long
def test_a_second_plan_is_empty_and_a_deleted_route_is_gone_with_one_apply(tmp_path: Path) -> None:
    with deployed(tmp_path, forms=("openapi",)) as small:
        delete_a_route(small)


def delete_a_route(small: Deployed) -> None:
    assert small.planned() == {}
    url = small.invoke_url("openapi")
    assert call(url, "GET", "/orders/17").status == 200

    small.synthesize(left_out=("/orders/{id}",), forms=("openapi",))
    permission = "aws_lambda_permission.openapi_orders_variable_GET_permission"
    assert {address.rpartition("_")[0]: actions for address, actions in small.planned().items()} == {
        "aws_api_gateway_rest_api.openapi": ["update"],
        "aws_api_gateway_deployment.openapi-deployment": ["create", "delete"],
        "aws_api_gateway_stage.openapi-stage": ["update"],
        permission: ["delete"],
    }
    small.terraform.apply("change.tfplan")

    gone = call(url, "GET", "/orders/17")
    assert (gone.status, json.loads(gone.body)["code"]) == (403, "forbidden")
    assert call(url, "GET", "/private", headers={"Authorization": "Bearer letmein"}).status == 200
    assert small.planned() == {}
