"""Warnings and advice of the plan guard, under the real Terraform."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from deploy_tools.plan_guard import PlanRefused, check_plan
from deploy_tools.terraform import TerraformError, find_engine
from tests.support.deleted_routes import configuration, shop

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)


def advised(refused: PlanRefused) -> list[list[str]]:
    """The options of the `terraform apply` commands in a refusal."""
    commands = [line for line in str(refused).replace("\\\n", "").splitlines() if "  terraform apply" in line]
    return [shlex.split(command)[2:] for command in commands]


@pytest.mark.long
def test_the_advice_deletes_what_a_plain_apply_would_leave(tmp_path: Path) -> None:
    routes = [("/", "GET"), ("/orders", "GET"), ("/basket", "GET"), ("/basket", "POST")]
    with shop(tmp_path) as api:
        api.write(configuration(routes))
        api.apply_at_once()
        assert api.answers("/orders")
        assert api.answers("/basket", "POST")

        # Against the guard: the deleted route is still served, and Terraform has nothing left to do.
        api.write(configuration([route for route in routes if route[0] != "/orders"]))
        api.plan()
        with pytest.raises(PlanRefused) as refused:
            check_plan(api.shown())
        api.apply()
        assert api.answers("/orders")
        assert not api.has_changes()

        # The way out of that.
        *_, once_more = advised(refused.value)
        api.apply_at_once(*once_more)
        assert not api.answers("/orders")

        # The two steps: the first changes nothing for clients, the second deletes.
        api.write(configuration([("/", "GET")]))
        api.plan()
        with pytest.raises(PlanRefused) as refused:
            check_plan(api.shown())
        first, second, _ = advised(refused.value)
        api.plan(*first)
        check_plan(api.shown())
        api.apply()
        assert api.answers("/basket", "GET")
        assert api.answers("/basket", "POST")
        api.apply_at_once(*second)
        assert not api.answers("/basket", "GET")
        assert not api.answers("/basket", "POST")
        assert api.answers("/")
