"""Functions and state machines that were changed without Terraform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy_tools.drift import in_words, record_drift
from deploy_tools.terraform_state import TerraformState
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread, cloud, make_function, role_arn

__all__ = ["cloud", "make_function", "role_arn"]

DEFINITION = {"StartAt": "end", "States": {"end": {"Type": "Succeed"}}}


def state_of(file: Path, kind: str, attributes: dict[str, Any]) -> Path:
    resource = {"mode": "managed", "type": kind, "name": "x", "instances": [{"attributes": attributes}]}
    file.write_text(json.dumps({"version": 4, "serial": 1, "resources": [resource]}), encoding="utf-8")
    return file


def attribute(file: Path, kind: str, name: str) -> object:
    return TerraformState.read(file).lookup(f"{kind}.x", name)


def test_code_that_differs_is_written_into_the_state(
    cloud: CloudInThread, make_function: Any, tmp_path: Path
) -> None:
    arn = make_function(lambda event: event)
    name = arn.rpartition(":")[2]
    hashed = cloud.client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"]
    attributes = {"arn": arn, "function_name": name, "source_code_hash": "other"}
    file = state_of(tmp_path / "terraform.tfstate", "aws_lambda_function", attributes)
    assert record_drift(file, cloud.cloud.url) == [name]
    assert attribute(file, "aws_lambda_function", "source_code_hash") == hashed
    before = file.read_bytes()
    assert record_drift(file, cloud.cloud.url) == []
    assert file.read_bytes() == before


def test_a_definition_that_differs_is_written_into_the_state(
    cloud: CloudInThread, role_arn: str, tmp_path: Path
) -> None:
    definition = json.dumps(DEFINITION)
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    cloud.client("iam").update_assume_role_policy(
        RoleName=role_arn.rpartition("/")[2],
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    created = cloud.client("stepfunctions").create_state_machine(
        name="flow", definition=definition, roleArn=role_arn
    )
    attributes = {"arn": created["stateMachineArn"], "name": "flow", "definition": "{}"}
    file = state_of(tmp_path / "terraform.tfstate", "aws_sfn_state_machine", attributes)
    assert record_drift(file, cloud.cloud.url) == ["flow"]
    assert attribute(file, "aws_sfn_state_machine", "definition") == definition


def test_what_is_gone_is_left_to_terraform(cloud: CloudInThread, tmp_path: Path) -> None:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gone"
    attributes = {"arn": arn, "function_name": "gone", "source_code_hash": "x"}
    file = state_of(tmp_path / "terraform.tfstate", "aws_lambda_function", attributes)
    assert record_drift(file, cloud.cloud.url) == []
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:gone"
    attributes = {"arn": arn, "name": "gone", "definition": "{}"}
    file = state_of(tmp_path / "terraform.tfstate", "aws_sfn_state_machine", attributes)
    assert record_drift(file, cloud.cloud.url) == []


def test_names_fit_a_line() -> None:
    assert in_words(["a", "b"]) == "a, b"
    assert in_words(["a", "b", "c", "d"]) == "a, b and 2 more"
