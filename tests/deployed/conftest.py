"""A local cloud for one test, which deploys to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy_tools.cloud import Cloud, ensure_cloud, stop_cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    started, _ = ensure_cloud(tmp_path / "cloud", 0)
    try:
        yield started
    finally:
        stop_cloud(started.directory)
