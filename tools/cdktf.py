"""`make deploy`: the cdktf CLI with the environment that leads it to the local cloud, or to AWS.

    python -m tools.cdktf ARG...      for example: python -m tools.cdktf deploy --auto-approve

With ENVIRONMENT unset or `local` it starts the local cloud where it is not up, and goes there. With `dev` or `prod`
it goes to AWS with the caller's own credentials. Either way Terraform finds a local provider mirror, if there is one.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from lazy_bindings import node
from tools import interrupts
from tools.demo import DIRECTORY
from tools.deploy_lock import deploy_lock
from tools.deployment import COST_OF_KILLING, PROJECT, STATE, chosen_environment, cloud_for
from tools.errors import CutShortError, DeploymentError, TerraformError
from tools.local_state import LocalState
from tools.terraform import COST_ON_AWS, environment_for, find_engine, name_terraform_settings

CLI = PROJECT / "node_modules" / ".bin" / "cdktf"
_APPLIES: Final = frozenset({"apply", "deploy", "destroy", "watch"})
"""The CLI's commands that change what is deployed."""


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
        return _run([str(cli), *arguments], project, own, cost=COST_ON_AWS)
    state = LocalState(project / STATE)
    with deploy_lock(directory) as lock:
        cloud, done = cloud_for(state, directory, environment.local_cloud_port)
        print(f"local cloud: {cloud.url}, {done}", flush=True)
        local = environment_for(directory, endpoint_url=cloud.url, environment=variables)
        with state.applying(cloud.instance) if arguments[0] in _APPLIES else nullcontext():
            return _run([str(cli), *arguments], project, local, cost=COST_OF_KILLING, keep_open=(lock,))


def _run(
    command: Sequence[str],
    project: Path,
    environment: Mapping[str, str],
    *,
    cost: str,
    keep_open: Sequence[int] = (),
) -> int:
    done = interrupts.run(
        command,
        name="cdktf",
        cost=cost,
        environment=environment,
        directory=project,
        in_terminal=True,
        pass_fds=keep_open,
    )
    if done.returncode < 0:
        raise CutShortError(f"cdktf was killed by {signal.Signals(-done.returncode).name}; run it again")
    return done.returncode


if __name__ == "__main__":
    sys.exit(interrupts.command(lambda: main(sys.argv[1:]), DeploymentError, TerraformError))
