"""`main.py` under the real Terraform engine with the real AWS provider, against the local cloud."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deploy_tools.terraform import TerraformError
from tests.support.deployment import Deployed, Workspace
from tests.support.terraform import apply_at_once, check_unchanged


def changes(workspace: Workspace) -> dict[str, list[str]]:
    """Return the actions of a plan by address, without resources that stay and those that are only read."""
    workspace.terraform.run("plan", "-no-color", "-input=false", "-out=change.tfplan")
    shown = json.loads(workspace.terraform.run("show", "-json", "change.tfplan").stdout)
    return {
        change["address"]: change["change"]["actions"]
        for change in shown["resource_changes"]
        if change["change"]["actions"] not in (["no-op"], ["read"])
    }


def types(changed: dict[str, list[str]]) -> Counter[str]:
    return Counter(address.split(".")[0] for address in changed)


def test_a_second_plan_is_empty(deployed: Deployed) -> None:
    check_unchanged(deployed.workspace.terraform)


def test_the_outputs_are_the_ones_a_user_looks_for(deployed: Deployed) -> None:
    outputs = deployed.outputs
    assert set(outputs) >= {"invoke_url", "rest_api_id", "stage_name", "function_names", "workflow_arns"}
    assert outputs["invoke_url"] == (
        f"{deployed.workspace.cloud.url}/_aws/execute-api/{outputs['rest_api_id']}/{outputs['stage_name']}"
    )


def test_a_failing_terraform_command_says_what_it_printed(deployed: Deployed) -> None:
    with pytest.raises(TerraformError) as failed:
        deployed.workspace.terraform.run("output", "-no-color", "no_such_output")
    assert str(failed.value).startswith("terraform output ended with status 1:\n")
    assert "no_such_output" in str(failed.value)


def check_changed_handler(changed: dict[str, list[str]]) -> None:
    assert {address.split(".")[1].split("_")[0] for address in changed} == {"embeddings"}, changed
    assert set(types(changed)) <= {"aws_lambda_function", "aws_lambda_alias", "aws_s3_object"}, changed


def check_changed_route(changed: dict[str, list[str]]) -> None:
    assert [
        actions for address, actions in changed.items() if address.startswith("aws_api_gateway_deployment.")
    ] == [["create", "delete"]]
    # The service has its contract in its archive; dispatcher, MCP server and documentation page have the routes.
    functions = {address.split(".")[1] for address in changed if address.startswith("aws_lambda_function.")}
    assert {name.split("_")[0] for name in functions} == {"api", "language", "mcp", "orchestrator"}


@pytest.mark.long
def test_from_nothing_to_nothing_with_changes_in_between(workspace: Workspace) -> None:
    terraform = workspace.terraform
    workspace.synthesize()
    terraform.init()
    apply_at_once(terraform)
    before = deployment_of(workspace)

    append(workspace.project / "handlers" / "embeddings" / "app.py", "\n# A comment changes the archive.\n")
    workspace.synthesize()
    check_changed_handler(changes(workspace))
    terraform.apply("change.tfplan")
    assert deployment_of(workspace) == before
    assert changes(workspace) == {}

    contract = workspace.project / "handlers" / "language" / "contract.py"
    replace(contract, '"/language/analysis"', '"/language/insight"')
    workspace.synthesize()
    check_changed_route(changes(workspace))
    terraform.apply("change.tfplan")
    assert deployment_of(workspace) != before
    assert changes(workspace) == {}

    terraform.destroy()
    assert terraform.resources() == []
    assert left_behind(workspace) == {}


def deployment_of(workspace: Workspace) -> str:
    state = json.loads(workspace.terraform.run("show", "-json").stdout)
    stages = (r for r in resources(state["values"]["root_module"]) if r["type"] == "aws_api_gateway_stage")
    (stage,) = (stage for stage in stages if stage["name"].startswith("api_"))
    return str(stage["values"]["deployment_id"])


def resources(module: dict[str, Any]) -> list[dict[str, Any]]:
    return list(module["resources"])


def left_behind(workspace: Workspace) -> dict[str, Any]:
    """Return the resources that the local cloud still has, of the kinds that the stack creates."""
    import boto3

    session = boto3.Session("local", "local", region_name="us-east-1")
    clients = {
        name: session.client(name, endpoint_url=workspace.cloud.url)
        for name in (
            "apigateway",
            "cognito-idp",
            "dynamodb",
            "iam",
            "lambda",
            "logs",
            "s3",
            "sqs",
            "stepfunctions",
        )
    }
    found = {
        "rest APIs": clients["apigateway"].get_rest_apis()["items"],
        "functions": clients["lambda"].list_functions()["Functions"],
        "roles": clients["iam"].list_roles()["Roles"],
        "log groups": clients["logs"].describe_log_groups()["logGroups"],
        "buckets": clients["s3"].list_buckets()["Buckets"],
        "state machines": clients["stepfunctions"].list_state_machines()["stateMachines"],
        "tables": clients["dynamodb"].list_tables()["TableNames"],
        "queues": clients["sqs"].list_queues().get("QueueUrls", []),
        "user pools": clients["cognito-idp"].list_user_pools(MaxResults=10)["UserPools"],
        "usage plans": clients["apigateway"].get_usage_plans()["items"],
        "API keys": clients["apigateway"].get_api_keys()["items"],
    }
    return {kind: things for kind, things in found.items() if things}


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
