"""Tests that deploy by Terraform, and a local cloud for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy_tools.cloud import Cloud, ensure_cloud, stop_cloud

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that deploy a stack of their own. `make test` deploys `main.py` only."""
    for item in items:
        if HERE in item.path.parents and HERE / "main" not in item.path.parents:
            item.add_marker("deployed")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    started, _ = ensure_cloud(tmp_path / "cloud", 0)
    try:
        yield started
    finally:
        stop_cloud(started.directory, forget=True)
