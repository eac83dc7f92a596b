"""Plans that the guard rejects, and its messages; the plans were recorded from the real Terraform.

`python -m tests.support.deleted_routes` records them anew.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from deploy_tools.plan_guard import (
    Leftover,
    NotAPlan,
    PlanRefused,
    StaleSnapshot,
    check_plan,
    main,
    stale_snapshots,
    tainted_parts,
)

PLANS = Path(__file__).parent / "plans"
DEPLOYMENT = "aws_api_gateway_deployment.shop"
REFUSED = {
    "deleted_routes": [
        ("aws_api_gateway_method.basket_GET", "GET /basket"),
        ("aws_api_gateway_integration.basket_GET", "GET /basket, its integration"),
        ("aws_api_gateway_method.basket_POST", "POST /basket"),
        ("aws_api_gateway_integration.basket_POST", "POST /basket, its integration"),
    ],
    "changed_method": [
        ("aws_api_gateway_method.basket_GET", "GET /basket"),
        ("aws_api_gateway_integration.basket_GET", "GET /basket, its integration"),
    ],
    "deleted_gateway_response": [
        ("aws_api_gateway_gateway_response.throttled", "gateway response THROTTLED")
    ],
}
ACCEPTED = {
    "first": "nothing is deleted",
    "added_route": "nothing is deleted",
    "changed_path": "the path changes in place",
    "deleted_routes_first_step": "no deployment is made",
    "deleted_routes_second_step": "what is deleted is gone already",
    "replaced_api": "the deployment is another API's",
    "destroyed": "no deployment is made",
}


def recorded(name: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((PLANS / f"{name}.json").read_text(encoding="utf-8"))
    return plan


def change(kind: str, name: str, *actions: str, **before: Any) -> dict[str, Any]:
    created = actions[0] == "create"
    return {
        "address": f"{kind}.{name}",
        "type": kind,
        "change": {
            "actions": list(actions),
            "before": None if actions == ("create",) else {"rest_api_id": "shop", **before},
            "after": {"rest_api_id": "shop", **before} if created else None,
        },
    }


def plan_of(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"format_version": "1.2", "planned_values": {}, "resource_changes": list(changes)}


ORDERS = change("aws_api_gateway_resource", "orders", "no-op", id="r1", path="/orders")
ROOT = change("aws_api_gateway_rest_api", "shop", "no-op", id="shop", root_resource_id="r0")
NEW_DEPLOYMENT = change("aws_api_gateway_deployment", "shop", "create", "delete")


def test_every_recorded_plan_is_in_these_tests() -> None:
    assert {path.stem for path in PLANS.glob("*.json")} == {*REFUSED, *ACCEPTED}


@pytest.mark.parametrize("name", REFUSED)
def test_a_plan_whose_snapshot_keeps_what_it_deletes_is_refused(name: str) -> None:
    leftovers = tuple(Leftover(address, called) for address, called in REFUSED[name])
    assert stale_snapshots(recorded(name)) == (StaleSnapshot(DEPLOYMENT, leftovers),)
    with pytest.raises(PlanRefused):
        check_plan(recorded(name))


@pytest.mark.parametrize("name", ACCEPTED)
def test_any_other_plan_is_accepted(name: str) -> None:
    assert stale_snapshots(recorded(name)) == ()
    check_plan(recorded(name))


def test_the_refusal_says_what_and_what_to_do() -> None:
    with pytest.raises(PlanRefused) as refused:
        check_plan(recorded("deleted_routes"))
    assert str(refused.value) == (
        """\
This plan makes a new deployment without waiting until what it deletes is gone. The snapshot would still hold
these, they would still be served, and the next plan would find nothing to do:

  in aws_api_gateway_deployment.shop
    GET /basket                    aws_api_gateway_method.basket_GET
    GET /basket, its integration   aws_api_gateway_integration.basket_GET
    POST /basket                   aws_api_gateway_method.basket_POST
    POST /basket, its integration  aws_api_gateway_integration.basket_POST

Apply it in two steps, where its cdk.tf.json is. First what is deleted; clients notice nothing of it:

  terraform apply \\
    -target=aws_api_gateway_integration.basket_GET \\
    -target=aws_api_gateway_integration.basket_POST \\
    -target=aws_api_gateway_method.basket_GET \\
    -target=aws_api_gateway_method.basket_POST

Then the rest, with a new deployment of what is left:

  terraform apply

Where such a plan was applied as it is, this makes the deployment once more:

  terraform apply -replace=aws_api_gateway_deployment.shop"""
    )


@pytest.mark.parametrize(
    ("deleted", "called"),
    [
        (change("aws_api_gateway_method", "x", "delete", resource_id="r0", http_method="ANY"), "ANY /"),
        (change("aws_api_gateway_method", "x", "delete", "create", resource_id="r1", http_method="GET"), "GET /orders"),
        (change("aws_api_gateway_method", "x", "delete", resource_id="r9", http_method="GET"), "GET r9"),
        (change("aws_api_gateway_integration", "x", "delete", resource_id="r1", http_method="GET"), "GET /orders, its integration"),
        (change("aws_api_gateway_method_response", "x", "delete", resource_id="r1", http_method="GET", status_code="200"), "GET /orders, its response 200"),
        (change("aws_api_gateway_integration_response", "x", "delete", resource_id="r1", http_method="GET", status_code="400"), "GET /orders, its integration's response 400"),
        (change("aws_api_gateway_gateway_response", "x", "delete", response_type="DEFAULT_4XX"), "gateway response DEFAULT_4XX"),
        (change("aws_api_gateway_rest_api_policy", "x", "delete"), "resource policy"),
    ],
)  # fmt: skip
def test_what_is_left_over_is_called_what_people_call_it(deleted: dict[str, Any], called: str) -> None:
    (snapshot,) = stale_snapshots(plan_of(NEW_DEPLOYMENT, ROOT, ORDERS, deleted))
    assert snapshot.leftovers == (Leftover(deleted["address"], called),)


@pytest.mark.parametrize(
    "kind", ["resource", "authorizer", "model", "request_validator", "documentation_part"]
)
def test_what_has_no_effect_in_a_snapshot_may_be_left_there(kind: str) -> None:
    """To destroy it first would fail, or take with it what still refers to it."""
    deleted = change(f"aws_api_gateway_{kind}", "x", "delete", id="r1", path="/orders")
    assert stale_snapshots(plan_of(NEW_DEPLOYMENT, ROOT, deleted)) == ()


def test_a_deployment_under_a_new_name_is_a_new_deployment_too() -> None:
    deleted = change("aws_api_gateway_method", "x", "delete", resource_id="r1", http_method="GET")
    renamed = (
        change("aws_api_gateway_deployment", "old", "delete"),
        change("aws_api_gateway_deployment", "new", "create"),
    )
    (snapshot,) = stale_snapshots(plan_of(*renamed, ORDERS, deleted))
    assert snapshot.deployment == "aws_api_gateway_deployment.new"


def test_each_api_is_judged_by_itself() -> None:
    other = change(
        "aws_api_gateway_method", "x", "delete", rest_api_id="other", resource_id="r5", http_method="GET"
    )
    assert stale_snapshots(plan_of(NEW_DEPLOYMENT, other)) == ()


def test_an_address_with_an_index_can_be_pasted_into_a_shell() -> None:
    deleted = change("aws_api_gateway_method", 'x["a b"]', "delete", resource_id="r1", http_method="GET")
    with pytest.raises(PlanRefused) as refused:
        check_plan(plan_of(NEW_DEPLOYMENT, ORDERS, deleted))
    assert """    '-target=aws_api_gateway_method.x["a b"]'\n""" in str(refused.value)


def test_a_plan_without_changes_is_accepted() -> None:
    assert stale_snapshots({"format_version": "1.2", "planned_values": {}}) == ()


@pytest.mark.parametrize("read", [{"format_version": "1.0", "values": {}}, {}, []])
def test_what_is_no_plan_is_said_to_be_none(read: Any) -> None:
    with pytest.raises(NotAPlan) as wrong:
        check_plan(read)
    assert str(wrong.value) == (
        "That is not a plan. Make one with `terraform plan -out=plan.tfplan`, and pass on what `terraform show -json "
        "plan.tfplan` prints."
    )


def test_the_command_line_reads_a_file_or_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(PLANS / "first.json")]) == 0
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(recorded("deleted_routes"))))
    assert main(["-"]) == 1
    assert capsys.readouterr().err.startswith("This plan makes a new deployment without waiting")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("plan", "holds no JSON (Expecting value: line 1 column 1 (char 0)). Pass on what `terraform show -json PLAN` prints.\n"),
        ("{}", "That is not a plan. Make one with `terraform plan -out=plan.tfplan`, and pass on what `terraform show -json plan.tfplan` prints.\n"),
    ],
)  # fmt: skip
def test_the_command_line_says_what_it_needs(
    content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.json").write_text(content, encoding="utf-8")
    assert main([str(tmp_path / "plan.json")]) == 2
    assert capsys.readouterr().err.endswith(message)
    assert main([str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none.json'} cannot be read: No such file or directory\n"
    assert main([]) == 2
    assert "python -m deploy_tools.plan_guard PLAN.json" in capsys.readouterr().err


def tainted(kind: str, name: str, **before: Any) -> dict[str, Any]:
    return {
        **change(kind, name, "create", "delete", **before),
        "action_reason": "replace_because_tainted",
    }


def test_tainted_parts_of_an_api_are_untainted_and_not_replaced() -> None:
    method = tainted("aws_api_gateway_method", "get", resource_id="r", http_method="GET")
    function = tainted("aws_lambda_function", "chat")
    with pytest.raises(PlanRefused) as refused:
        check_plan({"resource_changes": [method, function]})
    assert str(refused.value) == (
        "This plan replaces parts of an API that an interrupted apply has left tainted. AWS has room for one of each, so "
        "that it\nrejects the new one, or deletes it with the old one. They are complete: where cdk.tf.json is, remove the "
        "mark and plan\nagain. Terraform then corrects what differs.\n\n  terraform untaint aws_api_gateway_method.get"
    )


@pytest.mark.parametrize(
    "changes",
    [
        [tainted("aws_lambda_function", "chat")],
        [
            change(
                "aws_api_gateway_integration", "get", "create", "delete", resource_id="r", http_method="GET"
            )
        ],
        [
            tainted("aws_api_gateway_method", "get", resource_id="r", http_method="GET"),
            change("aws_api_gateway_rest_api", "shop", "create", "delete", id="shop", root_resource_id="r"),
        ],
    ],
    ids=["another kind", "replaced for an attribute", "in an API that is replaced too"],
)
def test_what_is_no_tainted_part(changes: list[dict[str, Any]]) -> None:
    assert tainted_parts({"resource_changes": changes}) == ()
