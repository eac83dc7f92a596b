"""`make deploy`: the cdktf CLI with the environment that leads it to the local cloud, or to AWS.

    python -m tools.cdktf ARG...      for example: python -m tools.cdktf deploy --auto-approve

With ENVIRONMENT unset or `local` it starts the local cloud where it is not up, and goes there. With `dev` or `prod`
it goes to AWS with the caller's own credentials. Either way Terraform finds a local provider mirror, if there is one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from tools.demo import DIRECTORY
from tools.deployment import PROJECT, STATE, DeploymentError, ensure_cloud, set_aside_stale_state
from tools.terraform import TerraformError, environment_for, find_engine

CLI = PROJECT / "node_modules" / ".bin" / "cdktf"


def main(arguments: Sequence[str]) -> int:
    """Runs the CLI; returns its exit status."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    if not CLI.exists():
        raise DeploymentError("The cdktf CLI is not installed: `make install-cli` installs it.")
    find_engine()
    endpoint_url = None
    if os.environ.get("ENVIRONMENT", "local") == "local":
        cloud, _ = ensure_cloud(DIRECTORY, int(os.environ.get("LOCAL_CLOUD_PORT", "4566")))
        if set_aside_stale_state(PROJECT / STATE, cloud):
            print(f"An older state was moved to {DIRECTORY.name}/: the local cloud had been restarted.")
        endpoint_url = cloud.url
    variables = environment_for(DIRECTORY, endpoint_url=endpoint_url)
    return subprocess.run([str(CLI), *arguments], cwd=PROJECT, env=variables).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (DeploymentError, TerraformError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
