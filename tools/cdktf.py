"""`make deploy`: the cdktf CLI with the environment that leads it to the local cloud, or to AWS.

    python -m tools.cdktf ARG...      for example: python -m tools.cdktf deploy --auto-approve

With ENVIRONMENT unset or `local` it starts the local cloud where it is not up, and goes there. With `dev` or `prod`
it goes to AWS with the caller's own credentials. Either way Terraform finds a local provider mirror, if there is one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lazy_bindings import node
from tools.demo import DIRECTORY
from tools.deployment import PROJECT, STATE, chosen_environment, ensure_cloud, set_aside_stale_state
from tools.errors import DeploymentError, TerraformError
from tools.terraform import environment_for, find_engine, name_terraform_settings

CLI = PROJECT / "node_modules" / ".bin" / "cdktf"


def main(
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str] = os.environ,
    cli: Path = CLI,
    project: Path = PROJECT,
    directory: Path = DIRECTORY,
) -> int:
    """Run the CLI; return its exit status.

    Args:
        arguments: The CLI's arguments.
        variables: The caller's environment variables.
        cli: The CLI's executable.
        project: Directory of `cdktf.json`.
        directory: Directory of the local cloud.

    Raises:
        DeploymentError: A variable is not valid, the CLI or Node.js is missing, or the local cloud does not start.
        TerraformError: Terraform or the provider is missing.
    """
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    environment = chosen_environment(variables)
    if not cli.exists():
        raise DeploymentError("The cdktf CLI is not installed: `make install-cli` installs it.")
    if not node.has_node({"PATH": variables.get("PATH", "")}):
        raise DeploymentError(node.MISSING)
    find_engine(variables)
    if not environment.is_local:
        name_terraform_settings(variables)
        own = environment_for(directory, environment=variables)
        return subprocess.run([str(cli), *arguments], cwd=project, env=own).returncode
    cloud, _ = ensure_cloud(directory, environment.local_cloud_port)
    if set_aside_stale_state(project / STATE, cloud):
        print(f"An older state was moved to {directory.name}/: the local cloud had been restarted.")
    local = environment_for(directory, endpoint_url=cloud.url, environment=variables)
    return subprocess.run([str(cli), *arguments], cwd=project, env=local).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (DeploymentError, TerraformError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
