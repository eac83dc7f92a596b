"""The wheel in an empty environment: outside of the repository, it synthesizes, deploys and serves an example."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy_tools.errors import TerraformError
from deploy_tools.terraform import find_engine
from tests.support.paths import PROJECT
from tests.support.small_api import call

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

pytestmark = pytest.mark.long


def run(*command: str | Path, cwd: Path, path: str | None = None) -> str:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    variables |= {"LOCAL_CLOUD_PORT": "0", "PATH": path or variables["PATH"]}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=variables, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, its extra `local`, and the versions of the lock."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", folder, PROJECT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    pinned = re.findall(r"^[\w.-]+==\S+", (PROJECT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    (folder / "constraints.txt").write_text("\n".join(pinned), encoding="utf-8")
    run(sys.executable, "-m", "venv", "environment", cwd=folder)
    python = folder / "environment" / "bin" / "python"
    quiet = ("--disable-pip-version-check", "--quiet", "--constraint", "constraints.txt")
    run(python, "-m", "pip", "install", *quiet, f"{wheel}[local]", cwd=folder)
    return folder / "environment"


@pytest.fixture
def hello(environment: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the example outside of the repository; its local cloud ends with the test."""
    copy = shutil.copytree(
        PROJECT / "examples" / "hello",
        tmp_path / "hello",
        ignore=shutil.ignore_patterns("cdktf.out", ".cache", ".local_cloud", "*.tfstate*"),
    )
    yield copy
    run(environment / "bin" / "ai-orchestrator", "--dir", copy, "down", cwd=tmp_path)


def test_an_example_is_synthesized_deployed_and_called(
    environment: Path, hello: Path, tmp_path: Path
) -> None:
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    orchestrator = environment / "bin" / "ai-orchestrator"
    printed = run(orchestrator, "--dir", hello, "serve", cwd=tmp_path, path=path)
    (url,) = re.findall(r"invoke_url +(http://\S+)", printed)
    answer = call(url, "PATCH", "/ai-service")
    assert (answer.status, json.loads(answer.body)) == (200, {"message": "Hello", "method": "PATCH"})
    assert urlsplit(url).hostname == "127.0.0.1"
    planned = run(orchestrator, "plan", cwd=hello, path=path)
    assert planned == "0 to add, 0 to change, 0 to destroy\n"


def test_the_wheel_brings_the_template_of_a_project(environment: Path, tmp_path: Path) -> None:
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    orchestrator = environment / "bin" / "ai-orchestrator"
    run(orchestrator, "new-project", "shop", cwd=tmp_path, path=path)
    assert ".whl" in (tmp_path / "shop" / "Pipfile").read_text(encoding="utf-8")
    assert "cdktf.out/stacks/shop\n" in run(orchestrator, "--dir", "shop", "synth", cwd=tmp_path, path=path)


def test_the_bindings_are_loaded_on_demand_before_any_import_of_ours(
    environment: Path, tmp_path: Path
) -> None:
    program = "import sys, cdktf_cdktf_provider_aws.sqs_queue; print('cdktf_cdktf_provider_aws.instance' in sys.modules)"
    assert run(environment / "bin" / "python", "-c", program, cwd=tmp_path) == "False\n"
