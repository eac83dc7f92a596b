"""`make plan`: synthesizes the environment that ENVIRONMENT names, plans it, and has the guard read the plan.

The plan is kept beside the stack's `cdk.tf.json` as `plan.tfplan`, to be applied from there. With ENVIRONMENT unset or
`local` it is a plan against the local cloud, which must be up (`make serve`).
"""

from __future__ import annotations

import os
import sys

from lambda_archives import ArchiveError
from tools import interrupts
from tools.demo import DIRECTORY
from tools.deployment import PROJECT, chosen_environment, running_cloud, synthesize
from tools.errors import DeploymentError, TerraformError
from tools.plan_guard import PlanRefused, check_plan
from tools.terraform import Terraform, environment_for, find_engine, name_terraform_settings


def main() -> int:
    """Plans and prints what would change; returns 1 where the guard refuses the plan.

    Raises:
        DeploymentError: A variable is not valid, the local cloud is not up, or the synthesis failed.
        TerraformError: Terraform or the provider is missing, or one of its commands failed.
    """
    environment = chosen_environment()
    endpoint_url = None
    if environment.is_local:
        cloud = running_cloud(DIRECTORY)
        if cloud is None:
            raise DeploymentError("The local cloud is not up: `make serve` starts it and deploys to it.")
        endpoint_url = cloud.url
    else:
        name_terraform_settings(os.environ)
    stack = synthesize(
        PROJECT, PROJECT / "cdktf.out", {} if endpoint_url is None else {"AWS_ENDPOINT_URL": endpoint_url}
    )
    terraform = Terraform(find_engine(), stack, environment_for(DIRECTORY, endpoint_url=endpoint_url))
    terraform.init()
    changes = terraform.plan()
    print(changes)
    try:
        check_plan(changes.json)
    except PlanRefused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(interrupts.command(main, ArchiveError, DeploymentError, TerraformError))
