"""The real cdktf CLI: `cdktf synth`, `cdktf deploy`, `cdktf destroy` against the local cloud."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy_tools.callers import Callers
from tests.support.deployment import PROJECT, Workspace
from tools.calls import calls
from tools.demo_calls import call, judge

CLI = PROJECT / "node_modules" / ".bin" / "cdktf"

pytestmark = pytest.mark.skipif(
    not CLI.exists(), reason="the cdktf CLI is not installed: `make install-cli` installs it"
)


def cdktf(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), str(CLI.parent), workspace.environment["PATH"]])
    variables = workspace.environment | {"PATH": path, "CI": "1", "DISABLE_VERSION_CHECK": "1"}
    return subprocess.run(
        [shutil.which("cdktf", path=path) or "cdktf", *arguments],
        cwd=workspace.project,
        env=variables,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_cdktf_synth_writes_what_python_main_writes(workspace: Workspace) -> None:
    directly = workspace.synthesize()
    shutil.rmtree(workspace.project / "cdktf.out")
    synth = cdktf(workspace, "synth")
    assert synth.returncode == 0, synth.stdout + synth.stderr
    written = workspace.terraform.directory / "cdk.tf.json"
    assert json.loads(written.read_text(encoding="utf-8")) == directly


@pytest.mark.long
def test_deploy_call_destroy(workspace: Workspace) -> None:
    outputs_file = workspace.project / "outputs.json"
    deploy = cdktf(workspace, "deploy", "--auto-approve", "--outputs-file", str(outputs_file))
    assert deploy.returncode == 0, deploy.stdout + deploy.stderr
    outputs = json.loads(outputs_file.read_text(encoding="utf-8"))["ai-orchestrator"]
    health = next(request for request in calls() if request.path == "/health")
    status, content, _ = call(outputs["invoke_url"], health, Callers(workspace.cloud.url, outputs))
    assert judge(health, status, content) == "status ok"

    destroy = cdktf(workspace, "destroy", "--auto-approve")
    assert destroy.returncode == 0, destroy.stdout + destroy.stderr
    assert workspace.terraform.resources() == []
