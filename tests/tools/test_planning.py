"""A Terraform that hangs is ended, with what it started, and the error says what to do."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from deploy_tools.terraform import Engine, Terraform, TerraformError

HANGS = """\
import pathlib, subprocess, sys, time
provider = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path("provider.pid").write_text(str(provider.pid))
print("Initializing", flush=True)
time.sleep(600)
"""


def test_a_run_that_takes_too_long_is_ended_with_its_providers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = Engine((sys.executable, "-c", HANGS), (1, 11, 4), "fake")
    terraform = Terraform(engine, tmp_path, dict(os.environ), timeout_seconds=5)
    with pytest.raises(TerraformError) as ended:
        terraform.run("plan")
    message = str(ended.value)
    assert f"-chdir={tmp_path} plan` was still running after 5 s and was ended." in message
    assert "Look whether the local cloud answers" in message
    assert message.endswith("It printed:\nInitializing\n")
    provider = int((tmp_path / "provider.pid").read_text(encoding="utf-8"))
    deadline = time.monotonic() + 30
    while running(provider) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(provider)


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_run_in_time_answers_as_without_a_limit(tmp_path: Path) -> None:
    engine = Engine((sys.executable, "-c", "import sys; print(sys.argv[2]); sys.exit(2)"), (1, 11, 4), "fake")
    terraform = Terraform(engine, tmp_path, dict(os.environ), timeout_seconds=60)
    assert terraform.run("show", accept=(2,)).stdout == "show\n"
    with pytest.raises(TerraformError):
        terraform.run("show")
