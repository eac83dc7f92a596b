"""A stack whose resources are tainted, as after an apply that was interrupted: one apply, and the API is served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy_tools.plan_guard import API_PARTS
from deploy_tools.terraform import TerraformError, find_engine
from tests.support.healing_stack import Deployed, deployed

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

SERVED = {"/echo": 200, "/flow": 200, "/friends": 200, "/users": 401}


@pytest.fixture(scope="module")
def healing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with deployed(tmp_path_factory.mktemp("healing")) as stack:
        yield stack


def of_kind(stack: Deployed, *kinds: str) -> list[str]:
    return [address for address in stack.resources() if address.split(".")[0] in kinds]


def served(stack: Deployed) -> dict[str, int]:
    return {path: answer.status for path, answer in stack.said().items()}


def check_healed(stack: Deployed, *addresses: str) -> dict[str, list[str]]:
    """Taint resources, apply, and find the API served; a second plan may restore parts, and changes nothing served.

    Returns what the first plan would do with the resources, in its order.
    """
    stack.taint(*addresses)
    planned = stack.plan()
    assert all({"create", "delete"} == set(planned[address]) for address in addresses)
    stack.apply()
    assert served(stack) == SERVED, addresses
    again = stack.plan()
    assert {address.split(".")[0] for address in again} <= API_PARTS, again
    if again:
        stack.apply()
        assert (served(stack), stack.plan()) == (SERVED, {}), addresses
    return {address: planned[address] for address in addresses}


def test_functions_and_what_they_use_are_destroyed_before_they_are_created(healing: Deployed) -> None:
    assert served(healing) == SERVED
    kinds = ("aws_lambda_function", "aws_sfn_state_machine", "aws_cognito_user_pool", "aws_s3_object")
    addresses = of_kind(healing, *kinds)
    assert {address.split(".")[0] for address in addresses} == set(kinds)
    pool = of_kind(healing, "aws_cognito_user_pool")[0]
    assert check_healed(healing, *addresses) == {
        # API Gateway accepts a second pool of the same name.
        address: ["create", "delete"] if address == pool else ["delete", "create"]
        for address in addresses
    }


@pytest.mark.long
@pytest.mark.timeout(3600)  # three runs of Terraform for each of 20 kinds and more
def test_each_kind_in_turn(healing: Deployed) -> None:
    """Alone, a resource finds out which of those that depend on it should be replaced with it and are not."""
    kinds = sorted({address.split(".")[0] for address in healing.resources()} - API_PARTS)
    assert len(kinds) >= 20
    for kind in kinds:
        check_healed(healing, *of_kind(healing, kind))
