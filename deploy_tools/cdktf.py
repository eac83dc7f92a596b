"""The cdktf CLI with the environment that leads it to the local cloud, or to AWS.

With ENVIRONMENT unset or `local` it starts the local cloud where it is not up, and goes there. With `dev` or `prod`
it goes to AWS with the caller's own credentials. Either way Terraform finds a local provider mirror, if there is one.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from deploy_tools import interrupts
from deploy_tools.app import CdktfApp, SynthesizedStack, with_packages
from deploy_tools.cloud import chosen_environment, chosen_port, ensure_cloud, matching_cloud
from deploy_tools.deploy import COST_OF_KILLING
from deploy_tools.deploy_lock import deploy_lock
from deploy_tools.drift import in_words, record_drift
from deploy_tools.errors import CutShortError, DeploymentError
from deploy_tools.local_state import LocalState
from deploy_tools.terraform import COST_ON_AWS, environment_for, find_engine, name_terraform_settings
from lazy_bindings import node

_APPLIES: Final = frozenset({"apply", "deploy", "destroy", "watch"})
"""The CLI's commands that change what is deployed."""


def run(
    app: CdktfApp,
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str] = os.environ,
    cli: Path | None = None,
) -> int:
    """Run the CLI for an app; return its exit status.

    Args:
        app: The app.
        arguments: The CLI's arguments. The first is its command.
        variables: The caller's environment variables.
        cli: The CLI. Default: in `node_modules` of the app's folder or of one above it, or on the PATH.

    Raises:
        DeploymentError: A variable is not valid, the CLI or Node.js is missing, or the local cloud does not start.
        TerraformError: Terraform or the provider is missing.
    """
    environment = chosen_environment(variables)
    program = find_cli(app.folder, variables) if cli is None else cli
    if program is None:
        raise DeploymentError(
            "The cdktf CLI is not installed: `npm install cdktf-cli@0.21.0` installs it (in a checkout, `make install-cli`)."
        )
    if not node.has_node({"PATH": variables.get("PATH", "")}):
        raise DeploymentError(node.MISSING)
    find_engine(variables)
    command = [str(program), *arguments]
    if not environment.is_local:
        name_terraform_settings(variables)
        own = environment_for(app.cloud_directory, environment=variables)
        return _run(command, app, own, cost=COST_ON_AWS)
    with deploy_lock(app.cloud_directory) as lock, ExitStack() as applying:
        cloud, reused = ensure_cloud(app.cloud_directory, chosen_port(variables))
        local = environment_for(app.cloud_directory, endpoint_url=cloud.url, environment=variables)
        # The states must be known before the CLI synthesizes.
        stacks = app.synthesize(local)
        states = {stack.name: LocalState(stack.state_path) for stack in stacks}
        cloud, done = matching_cloud(list(states.values()), cloud, reused=reused)
        print(f"local cloud: {cloud.url}, {done}", flush=True)
        for state in states.values():
            if drifted := record_drift(state.path, cloud.url):
                print(f"changed without Terraform: {in_words(drifted)}", flush=True)
        if arguments[0] in _APPLIES:
            for stack in _named(stacks, arguments[1:]):
                applying.enter_context(states[stack.name].applying(cloud.instance))
        return _run(command, app, local, cost=COST_OF_KILLING, keep_open=(lock,))


def find_cli(folder: Path, variables: Mapping[str, str] = os.environ) -> Path | None:
    """Return the cdktf CLI for an app in a folder, or None if it is not installed."""
    for place in (folder, *folder.parents):
        if (program := place / "node_modules" / ".bin" / "cdktf").exists():
            return program
    found = shutil.which("cdktf", path=variables.get("PATH", ""))
    return None if found is None else Path(found)


def _named(stacks: Sequence[SynthesizedStack], arguments: Sequence[str]) -> list[SynthesizedStack]:
    """Return the stacks that the CLI is given the names or patterns of; all of them if there are none."""
    named = [stack for stack in stacks if any(fnmatch.fnmatchcase(stack.name, one) for one in arguments)]
    return named or list(stacks)


def _run(
    command: Sequence[str],
    app: CdktfApp,
    environment: Mapping[str, str],
    *,
    cost: str,
    keep_open: Sequence[int] = (),
) -> int:
    # Without a terminal, the CLI repeats its whole display with each line, unless it runs in CI.
    plain = {} if sys.stdout.isatty() else {"CI": "1"}
    done = interrupts.run(
        command,
        name="cdktf",
        cost=cost,
        environment=with_packages(plain | dict(environment)),
        directory=app.folder,
        in_terminal=True,
        pass_fds=keep_open,
    )
    if done.returncode < 0:
        raise CutShortError(f"cdktf was killed by {signal.Signals(-done.returncode).name}; run it again")
    return done.returncode
