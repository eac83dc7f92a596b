"""A copy of the project, a local cloud of its own, and the stack of `main.py` deployed to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deploy_tools.app import read_manifest
from deploy_tools.callers import Callers
from deploy_tools.cloud import Cloud, ensure_cloud, share_documents, stop_cloud
from deploy_tools.deployer_policy import policies
from deploy_tools.errors import TerraformError
from deploy_tools.terraform import Terraform, environment_for, find_engine
from settings import PROJECT as STACK
from tests.support.deployer import assume
from tests.support.kills import free_port
from tests.support.paths import PROJECT
from tests.support.readme import add_the_service
from tests.support.terraform import apply_at_once
from tools.project import synthesize

DEPLOYED = (
    "main.py",
    "settings.py",
    "cdktf.json",
    "constructs_lib",
    "lambda_archives",
    "lazy_bindings",
    "handlers",
    "workflows",
)
"""What a deployment is made from; the tests change copies of it, never the project itself."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A copy of the project with a local cloud of its own.

    Attributes:
        project: The copy.
        cloud: The local cloud, on a free port.
        terraform: Terraform in the stack's directory, with the environment that leads to this cloud.
        environment: That environment, for other commands such as the cdktf CLI.
    """

    project: Path
    cloud: Cloud
    terraform: Terraform
    environment: dict[str, str]

    def synthesize(self) -> dict[str, object]:
        """Run `main.py` of the copy; return its `cdk.tf.json`."""
        stack = synthesize(self.project, self.project / "cdktf.out", self.environment)
        written: dict[str, object] = json.loads((stack / "cdk.tf.json").read_text(encoding="utf-8"))
        return written


@dataclass(frozen=True, slots=True)
class Deployed:
    """The stack of `main.py`, applied to a local cloud."""

    workspace: Workspace
    invoke_url: str
    outputs: dict[str, object]
    callers: Callers

    @property
    def openai_base_url(self) -> str:
        """Address of the language models, up to `/v1`."""
        return str(self.outputs["openai_base_url"])


def make_workspace(directory: Path) -> Workspace:
    """Copy the project below `directory` and start a local cloud for it; the caller stops the cloud."""
    try:
        engine = find_engine()
    except TerraformError as missing:
        pytest.skip(f"Terraform is needed: {missing}")
    project = directory / "project"
    project.mkdir()
    for name in DEPLOYED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, project / name)
    cloud, _ = ensure_cloud(directory / "cloud", 0)
    environment = environment_for(directory / "cloud", endpoint_url=cloud.url) | {
        "ENVIRONMENT": "local",
        "LAMBDA_ARCHIVES_CACHE": os.environ.get(
            "LAMBDA_ARCHIVES_CACHE", str(PROJECT / ".cache" / "archives")
        ),
        "PYTHONPATH": "",
        # Nothing listens there, unless a test does.
        "MODEL_BASE_URL": f"http://127.0.0.1:{free_port()}/v1",
    }
    stack = project / "cdktf.out" / "stacks" / STACK
    return Workspace(project, cloud, Terraform(engine, stack, environment), environment)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The stack of `main.py` and of the README's service, deployed once a worker for the tests that only call it."""
    workspace = make_workspace(tmp_path_factory.mktemp("deployed"))
    try:
        add_the_service(workspace.project)
        workspace.synthesize()
        (stack,) = read_manifest(workspace.project / "cdktf.out")
        # A right that is missing from the deployer's policies fails the apply.
        deployer = workspace.environment | assume(workspace.cloud, policies(stack, "local"))
        workspace.terraform.init()
        apply_at_once(replace(workspace.terraform, environment=deployer))
        share_documents(workspace.terraform.directory, workspace.cloud)
        outputs = workspace.terraform.outputs()
        yield Deployed(workspace, str(outputs["invoke_url"]), outputs, Callers(workspace.cloud.url, outputs))
    finally:
        stop_cloud(workspace.cloud.directory, forget=True)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the project for a test to change, with a local cloud of its own; nothing is deployed yet."""
    copy = make_workspace(tmp_path)
    try:
        yield copy
    finally:
        stop_cloud(copy.cloud.directory, forget=True)


@pytest.fixture(scope="session")
def run_python() -> object:
    """Run a Python program in a process of its own and return what it printed."""

    def run(program: str, *, cwd: Path = PROJECT, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=cwd,
            env=env or dict(os.environ),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
