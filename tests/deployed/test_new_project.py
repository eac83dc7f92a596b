"""A new project outside of the repository: `make` there sets it up, deploys it and runs its tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy_tools.errors import TerraformError
from deploy_tools.terraform import find_engine
from tests.support.paths import PROJECT
from tests.support.small_api import call

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new project; its local cloud ends with the tests."""
    folder = tmp_path_factory.mktemp("projects") / "shop"
    command = [sys.executable, "-m", "deploy_tools", "new-project", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True)
    yield folder
    make(folder, "down")


def make(folder: Path, target: str) -> str:
    pinned = re.findall(r"^[\w.-]+==\S+", (PROJECT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    constraints = folder.parent / "constraints.txt"
    constraints.write_text("\n".join(pinned), encoding="utf-8")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAKE"))}
    variables |= {"LOCAL_CLOUD_PORT": "0", "PIP_CONSTRAINT": str(constraints)}
    done = subprocess.run(
        ["make", target, f"PYTHON={sys.executable}"],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"make {target}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_make_serve_deploys_the_service(shop: Path) -> None:
    printed = make(shop, "serve")
    (url,) = re.findall(r"invoke_url +(http://\S+)", printed)
    assert f"curl -s -X POST {url}/greeting" in printed
    answer = call(
        url, "POST", "/greeting", headers={"Content-Type": "application/json"}, body='{"text": "Hello"}'
    )
    assert (answer.status, json.loads(answer.body)) == (200, {"text": "Hello"})
    assert call(url, "POST", "/greeting", body='{"text": 5}').status == 400
    assert "\n  logs        make logs\n" in printed


def test_make_test_runs_its_tests(shop: Path) -> None:
    assert "2 passed" in make(shop, "test")


def test_make_plan_finds_nothing_to_do(shop: Path) -> None:
    assert make(shop, "plan") == "0 to add, 0 to change, 0 to destroy\n"
