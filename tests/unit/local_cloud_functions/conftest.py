from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from tests.unit.local_cloud_functions.harness import Cloud


@pytest.fixture
def make_cloud(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    clouds: list[Cloud] = []

    def make(**options: Any) -> Cloud:
        clouds.append(Cloud(tmp_path / f"cloud{len(clouds)}", **options))
        return clouds[-1]

    with mock_aws():
        yield make
        for cloud in clouds:
            cloud.close()


@pytest.fixture
def cloud(make_cloud: Callable[..., Cloud]) -> Cloud:
    return make_cloud()
