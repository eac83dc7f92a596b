"""The small API in both of its renderings, deployed once for all tests that call it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from deploy_tools.errors import TerraformError
from deploy_tools.terraform import find_engine

if TYPE_CHECKING:
    from tests.support.small_api import Deployed


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    from tests.support.small_api import deployed

    try:
        find_engine()
    except TerraformError as missing:
        pytest.skip(f"Terraform is needed: {missing}")
    with deployed(tmp_path_factory.mktemp("small")) as stack:
        yield stack
