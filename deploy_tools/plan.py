"""Plan of the environment that ENVIRONMENT names, stack by stack, with the guard of `plan_guard` over each plan.

Each plan is kept beside the stack's `cdk.tf.json` as `plan.tfplan`, to be applied from there. With ENVIRONMENT unset or
`local` it is a plan against the local cloud, which must be up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection

from deploy_tools.app import CdktfApp, SynthesizedStack, chosen_stacks
from deploy_tools.cloud import chosen_environment, required_cloud
from deploy_tools.drift import in_words, record_drift
from deploy_tools.errors import TerraformError
from deploy_tools.plan_guard import PlanRefused, check_plan
from deploy_tools.terraform import (
    PlannedChanges,
    Terraform,
    environment_for,
    find_engine,
    name_terraform_settings,
)


def plan(app: CdktfApp, names: Collection[str] = ()) -> int:
    """Synthesize and plan; print the changes, and return 1 if the guard rejects a plan.

    Args:
        app: The app.
        names: Names of the stacks to plan. Default: all.

    Raises:
        DeploymentError: A variable or a name is not valid, the local cloud is not up, or the synthesis failed.
        TerraformError: Terraform or the provider is missing, or one of its commands failed.
    """
    environment = chosen_environment()
    endpoint_url = None
    if environment.is_local:
        endpoint_url = required_cloud(app.cloud_directory).url
    else:
        name_terraform_settings(os.environ)
    stacks = app.synthesize({} if endpoint_url is None else {"AWS_ENDPOINT_URL": endpoint_url})
    engine, variables = find_engine(), environment_for(app.cloud_directory, endpoint_url=endpoint_url)
    status = 0
    for stack in chosen_stacks(stacks, names):
        if endpoint_url is not None and (drifted := record_drift(stack.state_path, endpoint_url)):
            print(f"{stack.name}: changed without Terraform: {in_words(drifted)}")
        changes = _plan(stack, Terraform(engine, stack.directory, variables))
        print(f"{stack.name}: {changes}" if len(stacks) > 1 else changes)
        try:
            check_plan(changes.json)
        except PlanRefused as refused:
            print(refused, file=sys.stderr)
            status = 1
    return status


def _plan(stack: SynthesizedStack, terraform: Terraform) -> PlannedChanges:
    try:
        terraform.init()
        return terraform.plan()
    except TerraformError as error:
        if not stack.dependencies:
            raise
        raise TerraformError(
            f"{error}\n\nStack {stack.name} reads outputs of {', '.join(stack.dependencies)}, which must have been applied: "
            "plan and apply them first."
        ) from None
