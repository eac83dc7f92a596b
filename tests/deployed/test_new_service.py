"""A new service is its folder and two lines of `main.py`: with nothing else touched, every check of a copy passes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import PROJECT
from tests.support.readme import add_the_service

LEFT_OUT = (
    ".venv",
    "node_modules",
    ".git",
    "cdktf.out",
    ".cache",
    ".local_cloud",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
)
ABOUT_MAIN = (
    "tests/test_main.py",
    "tests/test_least_privilege.py",
    "tests/test_import_directions.py",
    "tests/handlers/common/test_contract.py",
    "tests/handlers/test_packages.py",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(*LEFT_OUT))
    add_the_service(project)
    run(project, sys.executable, "-m", "tools.golden")
    return project


def run(project: Path, *command: str) -> None:
    caches = {"LAMBDA_ARCHIVES_CACHE": str(PROJECT / ".cache" / "archives")}
    done = subprocess.run(
        command, cwd=project, env={**os.environ, **caches}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments",
    [
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("mypy",),
        ("pytest", "-q", *ABOUT_MAIN),
        ("tools.scan",),
    ],
    ids=["format", "lint", "types", "tests", "scan"],
)
def test_every_check_passes_in_a_copy_with_a_new_service(copy: Path, arguments: tuple[str, ...]) -> None:
    run(copy, sys.executable, "-m", *arguments)
