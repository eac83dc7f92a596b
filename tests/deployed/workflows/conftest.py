"""The small stack with workflows, deployed once for all tests that call it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from deploy_tools.terraform import TerraformError, find_engine

if TYPE_CHECKING:
    from tests.support.small_workflows import Flows


@pytest.fixture(scope="session")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flows]:
    """The workflows and jobs of `workflow_stack.py`, on a local cloud of their own."""
    from tests.support.small_workflows import deployed

    try:
        find_engine()
    except TerraformError as missing:
        pytest.skip(f"Terraform is needed: {missing}")
    with deployed(tmp_path_factory.mktemp("flows")) as stack:
        yield stack
