"""One deploy at a time, and what a killed one has left running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy_tools.deploy_lock import deploy_lock
from deploy_tools.errors import DeploymentError
from tests.support.paths import PROJECT

DEPLOY = """
import os, subprocess, sys
from pathlib import Path
from deploy_tools.deploy_lock import deploy_lock

with deploy_lock(Path(sys.argv[1])) as lock:
    left = subprocess.Popen(["sleep", "600"], pass_fds=(lock,), start_new_session=True)
    print(left.pid, flush=True)
    sys.stdin.read()
"""


def deploy(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DEPLOY, str(directory)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_second_deploy_is_told_of_the_first(tmp_path: Path) -> None:
    with deploy_lock(tmp_path), pytest.raises(DeploymentError) as refused, deploy_lock(tmp_path):
        pass
    assert str(refused.value) == (
        f"{tmp_path}: another deploy is under way (process {os.getpid()}); wait for it, or press Ctrl-C there."
    )
    with deploy_lock(tmp_path):
        pass


def test_what_a_killed_deploy_has_left_running_is_killed(tmp_path: Path) -> None:
    with deploy(tmp_path) as killed:
        assert killed.stdout is not None
        left = int(killed.stdout.readline())
        killed.kill()
    os.kill(left, 0)
    with deploy_lock(tmp_path):
        with pytest.raises(ProcessLookupError):
            os.kill(left, 0)
        with pytest.raises(DeploymentError), deploy_lock(tmp_path):
            pass
