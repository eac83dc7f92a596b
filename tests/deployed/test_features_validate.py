"""Terraform and the real provider accept what the constructs write: names of arguments, types, expressions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    Canary,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    Gradual,
    LambdaIntegration,
    Public,
    RestApi,
    Stage,
)
from deploy_tools.terraform import Terraform, TerraformError, environment_for, find_engine
from tests.support.synthesis import FakeArchive
from tools.scan_all_on import STACK, AllOn

pytestmark = pytest.mark.long

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)


def half_way(app: App, archives: Path) -> AwsStack:
    """A stack in the middle of two changes: of its API, and of its function."""
    stack = AwsStack(app, "shop", region="eu-central-1")
    function = Function(
        stack,
        "chat",
        archive=FakeArchive.make(archives),
        gradual=Gradual(stable_version="7", percent=10),
    )
    api = RestApi(stack, "api", name="shop")
    api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
    Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "live", api=api, pinned_digest="9f86d081" * 8),
        stage_name="prod",
        account=ExistingApiGatewayAccount(),
        canary=Canary(percent=10, deployment=Deployment(stack, "tried", api=api)),
    )
    return stack


@pytest.mark.parametrize("kind", ["resources", "openapi", "half way"])
def test_the_configuration_is_valid(tmp_path: Path, kind: str) -> None:
    app = App(outdir=str(tmp_path / "cdktf.out"))
    if kind == "half way":
        half_way(app, tmp_path)
    else:
        AllOn(app, tmp_path, definition="openapi" if kind == "openapi" else "resources", jobs=True)
    app.synth()
    directory = tmp_path / "cdktf.out" / "stacks" / ("shop" if kind == "half way" else STACK)
    environment = environment_for(tmp_path / "terraform", endpoint_url="http://127.0.0.1:9")
    terraform = Terraform(find_engine(), directory, environment)
    terraform.run("init", "-no-color", "-input=false", "-backend=false")
    document = json.loads(terraform.run("validate", "-json", accept=(0, 1)).stdout)
    assert [(one["severity"], one["summary"], one.get("detail")) for one in document["diagnostics"]] == []
    assert document["valid"]
