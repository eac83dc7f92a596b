"""The mode of the state files that the real Terraform writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE

import pytest
from cdktf import App, TerraformOutput

from constructs_lib import AwsStack
from deploy_tools.errors import TerraformError
from deploy_tools.terraform import Terraform, environment_for, find_engine
from tests.support.terraform import apply_at_once

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0o000)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_may_read_the_state_and_its_backup(tmp_path: Path) -> None:
    environment = environment_for(tmp_path / "terraform", endpoint_url="http://127.0.0.1:9")
    terraform = Terraform(find_engine(), tmp_path / "cdktf.out" / "stacks" / "shop", environment)

    def synthesize(value: str) -> None:
        app = App(outdir=str(tmp_path / "cdktf.out"))
        stack = AwsStack(app, "shop", region="us-east-1")
        TerraformOutput(stack, "greeting", value=value)
        app.synth()

    def modes() -> dict[str, str]:
        return {path.name: oct(S_IMODE(path.stat().st_mode)) for path in tmp_path.glob("*.tfstate*")}

    private = {"terraform.shop.tfstate": "0o600", "terraform.shop.tfstate.backup": "0o600"}
    synthesize("hello")
    terraform.init()
    terraform.run("plan", "-no-color", "-input=false", "-out=plan.tfplan")
    assert oct(S_IMODE((terraform.directory / "plan.tfplan").stat().st_mode)) == "0o600"
    terraform.apply()
    assert modes() == private
    synthesize("good morning")
    apply_at_once(terraform)
    assert terraform.outputs() == {"greeting": "good morning"}
    assert "hello" in (tmp_path / "terraform.shop.tfstate.backup").read_text(encoding="utf-8")
    assert modes() == private

    for path in tmp_path.glob("*.tfstate*"):
        path.chmod(0o644)
    AwsStack(App(outdir=str(tmp_path / "cdktf.out")), "shop", region="us-east-1")
    assert modes() == private
