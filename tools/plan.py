"""`make plan`: synthesizes the environment that ENVIRONMENT names, plans it, and has the guard read the plan.

The plan is kept beside the stack's `cdk.tf.json` as `plan.tfplan`, to be applied from there. With ENVIRONMENT unset or
`local` it is a plan against the local cloud, which must be up (`make serve`).
"""

from __future__ import annotations

import json
import os
import sys

from lambda_archives import ArchiveError
from tools.demo import DIRECTORY
from tools.deployment import PROJECT, DeploymentError, running_cloud, synthesize
from tools.plan_guard import PlanRefused, check_plan
from tools.terraform import Terraform, TerraformError, environment_for, find_engine


def main() -> int:
    """Plans and prints what would change; returns 1 where the guard refuses the plan.

    Raises:
        DeploymentError: The local cloud is not up, or the synthesis failed.
        TerraformError: Terraform or the provider is missing, or one of its commands failed.
    """
    variables = {}
    endpoint_url = None
    if os.environ.get("ENVIRONMENT", "local") == "local":
        cloud = running_cloud(DIRECTORY)
        if cloud is None:
            raise DeploymentError("The local cloud is not up: `make serve` starts it and deploys to it.")
        endpoint_url = variables["AWS_ENDPOINT_URL"] = cloud.url
    stack = synthesize(PROJECT, PROJECT / "cdktf.out", variables)
    terraform = Terraform(find_engine(), stack, environment_for(DIRECTORY, endpoint_url=endpoint_url))
    terraform.init()
    counts = terraform.plan()
    print(", ".join(f"{number} to {action}" for action, number in counts.items()))
    try:
        check_plan(json.loads(terraform.run("show", "-json", "plan.tfplan").stdout))
    except PlanRefused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ArchiveError, DeploymentError, TerraformError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
