"""One jsii kernel serves all tests of the constructs; each test has an App of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from cdktf import App

from constructs_lib import AwsStack, Function, RestApi
from tests.support.synthesis import FakeArchive


@pytest.fixture(scope="session", autouse=True)
def kernel(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Start jsii and load the provider bindings once, so that the first test is not the one that waits."""
    stack = AwsStack(App(outdir=str(tmp_path_factory.mktemp("kernel"))), "kernel", region="us-east-1")
    RestApi(stack, "api", name="kernel")


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(outdir=str(tmp_path / "cdktf.out"))


@pytest.fixture
def stack(app: App) -> AwsStack:
    return AwsStack(app, "shop", region="us-east-1")


@pytest.fixture
def archive(tmp_path: Path) -> FakeArchive:
    return FakeArchive.make(tmp_path)


@pytest.fixture
def function(stack: AwsStack, archive: FakeArchive) -> Function:
    return Function(stack, "chat", archive=archive)


@pytest.fixture
def api(stack: AwsStack) -> RestApi:
    return RestApi(stack, "api", name="shop")
