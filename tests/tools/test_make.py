"""`make clean`: what it removes, and which states it leaves alone. `make install`: it empties no one else's environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.project import PROJECT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")

STATES = (
    "terraform.ai-orchestrator.dev.tfstate",
    "terraform.ai-orchestrator.prod.tfstate",
    "terraform.shop.tfstate",
)


def clean(project: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "-f", str(PROJECT / "Makefile"), "clean"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}", encoding="utf-8")
    return path


def test_only_what_was_built_and_the_local_state_are_removed(tmp_path: Path) -> None:
    for name in (*STATES, "terraform.ai-orchestrator.local.tfstate"):
        for suffix in ("", ".backup", ".1790000000.backup"):
            write(tmp_path / f"{name}{suffix}")
    write(tmp_path / "cdktf.out" / "stacks" / "ai-orchestrator" / "cdk.tf.json")
    write(tmp_path / "main.py")
    done = clean(tmp_path)
    assert done.returncode == 0, done.stderr
    remaining = {f"{name}{suffix}" for name in STATES for suffix in ("", ".backup", ".1790000000.backup")}
    assert {path.name for path in tmp_path.iterdir()} == {"main.py", *remaining}


def test_a_state_that_terraform_could_not_save_is_not_removed(tmp_path: Path) -> None:
    unsaved = write(tmp_path / "cdktf.out" / "stacks" / "ai-orchestrator" / "errored.tfstate")
    done = clean(tmp_path)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == (
        "cdktf.out/stacks/ai-orchestrator/errored.tfstate: Terraform could not save this state after an apply; save it "
        "with `terraform state push errored.tfstate` in its directory and delete the file"
    )
    assert unsaved.exists()


def test_an_environment_that_is_linked_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").touch()
    used = write(tmp_path / "shared" / "bin" / "python")
    (tmp_path / ".venv").symlink_to(tmp_path / "shared", target_is_directory=True)
    command = ["make", "-f", str(PROJECT / "Makefile"), "install"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == (
        ".venv is a link, and setting it up would empty what others use; run make where it leads, or remove the link."
    )
    assert used.exists()
