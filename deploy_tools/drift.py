"""Functions and state machines that were changed in the local cloud without Terraform, as `dev` does.

The provider does not read a function's code back (`source_code_hash`), so that Terraform would not see the change. What is
found here is written into the state; Terraform then plans what it takes to return to the configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from deploy_tools.local_api import LocalApiError, call
from deploy_tools.terraform_state import TerraformState

_SHOWN: Final = 2


def record_drift(path: Path, endpoint_url: str) -> list[str]:
    """Write into a state what the local cloud runs; return the names of the functions and state machines that differed.

    Args:
        path: File of a state that was applied to the local cloud. No Terraform may run on it.
        endpoint_url: URL of the local cloud.

    Raises:
        DeploymentError: The local cloud does not answer, or the state cannot be read.
    """
    state = TerraformState.read(path)
    drifted = []
    for function in state.attributes("aws_lambda_function").values():
        found = _function(function, endpoint_url)
        if found is not None and found["CodeSha256"] != function["source_code_hash"]:
            function["source_code_hash"] = found["CodeSha256"]
            drifted.append(str(function["function_name"]))
    for machine in state.attributes("aws_sfn_state_machine").values():
        found = _machine(machine, endpoint_url)
        if found is not None and found["definition"] != machine["definition"]:
            machine["definition"] = found["definition"]
            drifted.append(str(machine["name"]))
    if drifted:
        state.save()
    return drifted


def in_words(drifted: Sequence[str]) -> str:
    """Return the names of what was changed, shortened to a line."""
    more = f" and {len(drifted) - _SHOWN} more" if drifted[_SHOWN:] else ""
    return ", ".join(drifted[:_SHOWN]) + more


def _function(function: dict[str, Any], endpoint_url: str) -> dict[str, Any] | None:
    """Return a function as Lambda describes it; None if it is gone, which Terraform sees by itself."""
    path = f"/2015-03-31/functions/{quote(function['function_name'])}/configuration"
    try:
        return call(endpoint_url, "lambda", path, region=_region(function))
    except LocalApiError as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise


def _machine(machine: dict[str, Any], endpoint_url: str) -> dict[str, Any] | None:
    """Return a state machine as Step Functions describes it; None if it is gone."""
    operation, body = "AWSStepFunctions.DescribeStateMachine", {"stateMachineArn": machine["arn"]}
    try:
        return call(
            endpoint_url, "states", "/", body, region=_region(machine), method="POST", target=operation
        )
    except LocalApiError as error:
        if error.code == "StateMachineDoesNotExist":
            return None
        raise


def _region(attributes: dict[str, Any]) -> str:
    return str(attributes["arn"].split(":")[3])
