"""`terraform init`, run only where something that it depends on has changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from deploy_tools.app import SynthesizedStack
from deploy_tools.errors import TerraformError
from deploy_tools.initialization import Initialization
from deploy_tools.terraform import Engine, Terraform
from tests.support.fake_terraform import fake_terraform

INIT = """
directory=${1#-chdir=}
echo init >> "$directory/runs"
if [ -f "$directory/.terraform/broken" ]; then exit 1; fi
mkdir -p "$directory/.terraform/providers"
echo locked > "$directory/.terraform.lock.hcl"
"""


def initialization(
    folder: Path, script: str = INIT, *, backend: str = "a", version: int = 11
) -> Initialization:
    folder.mkdir(exist_ok=True)
    (folder / "cdk.tf.json").write_text(json.dumps({"terraform": {"backend": backend}}), encoding="utf-8")
    program = fake_terraform(folder.parent / "bin", script=script)
    engine = Engine((str(program),), (1, version, 4), str(program))
    return Initialization(SynthesizedStack("shop", folder), Terraform(engine, folder, dict(os.environ)))


def test_it_is_current_until_backend_terraform_or_lock_change(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    assert not initialization(folder).is_current()
    initialization(folder).run()
    assert initialization(folder).is_current()
    assert not initialization(folder, version=12).is_current()
    assert not initialization(folder, backend="b").is_current()
    (folder / ".terraform.lock.hcl").write_text("changed", encoding="utf-8")
    assert not initialization(folder).is_current()


def test_what_an_interrupted_run_has_left_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    (folder / ".terraform").mkdir(parents=True)
    (folder / ".terraform" / "broken").touch()
    initialization(folder).run()
    assert (folder / "runs").read_text() == "init\ninit\n"
    assert initialization(folder).is_current()


def test_a_failure_is_an_error_and_leaves_it_not_current(tmp_path: Path) -> None:
    failing = initialization(tmp_path / "stack", "exit 1")
    with pytest.raises(TerraformError):
        failing.run()
    assert not failing.is_current()
