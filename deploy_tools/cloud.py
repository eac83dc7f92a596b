"""Local cloud of an app: started when it is needed, and started anew when the states do not describe what it holds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from constructs_lib import Environment, InvalidArgumentError
from deploy_tools.errors import DeploymentError
from deploy_tools.local_api import call
from deploy_tools.local_state import LocalState
from local_cloud import background
from local_cloud.documents import DOCUMENTS

_PACKAGES: Final = Path(__file__).resolve().parents[1]
"""Folder from which `local_cloud` is imported too."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Local cloud that is up.

    Attributes:
        url: Endpoint URL.
        directory: Folder of its files.
        instance: Random name of its first start with this state.
        restored: Whether it took over what was deployed before it was stopped.
        note: Why it did not, if there was something.
    """

    url: str
    directory: Path
    instance: str
    restored: bool = field(default=False, compare=False)
    note: str = field(default="", compare=False)

    def origin(self, *, reused: bool) -> str:
        """Return in a few words how it came to be up.

        Args:
            reused: Whether it was up before the command that asks.
        """
        if reused:
            return "was up already"
        return "started with what was deployed before" if self.restored else "started"


def chosen_environment(variables: Mapping[str, str] = os.environ) -> Environment:
    """Return the environment that ENVIRONMENT and the other variables of the shell name.

    Raises:
        DeploymentError: A variable is not valid.
    """
    try:
        return Environment.from_variables(variables)
    except InvalidArgumentError as error:
        raise DeploymentError(str(error)) from None


def chosen_port(variables: Mapping[str, str] = os.environ) -> int | None:
    """Return the port that LOCAL_CLOUD_PORT names; None if it is unset.

    Raises:
        DeploymentError: A variable is not valid.
    """
    port = chosen_environment(variables).local_cloud_port
    return port if variables.get("LOCAL_CLOUD_PORT") else None


def ensure_cloud(directory: Path, port: int | None = None) -> tuple[Cloud, bool]:
    """Start the local cloud unless it is up; return it, and whether it was up already.

    Args:
        directory: Folder of its files.
        port: Port that it must have; 0 for any. Default: that of the one that is up, or 4566.

    Raises:
        DeploymentError: It cannot be started, or is up on another port.
    """
    running = running_cloud(directory)
    if running is not None:
        if port and port != urlsplit(running.url).port:
            raise DeploymentError(
                f"the local cloud of {directory} is up at {running.url}, and LOCAL_CLOUD_PORT is {port}; stop it first "
                "(`down`), or unset LOCAL_CLOUD_PORT"
            )
        return running, True
    options = [] if port is None else ["--port", str(port)]
    try:
        _run_local_cloud("start", "--directory", str(directory.absolute()), *options)
    except DeploymentError as error:
        taken = re.search(r"\S+ is taken by another program", str(error))
        if taken is None:
            raise
        raise DeploymentError(
            f"{taken[0]}; if it is the local cloud of another app, run `down` for that app (`make down DIR=…`), otherwise set "
            "LOCAL_CLOUD_PORT=0"
        ) from None
    started = running_cloud(directory)
    if started is None:
        raise DeploymentError(f"The local cloud started and ended again; its log is in {directory / 'logs'}")
    return started, False


def running_cloud(directory: Path) -> Cloud | None:
    """Return the local cloud whose files are in `directory`, or None if it is not up."""
    running = background.running_cloud(directory)
    if running is None:
        return None
    return Cloud(running.url, directory, running.instance, running.restored, running.note)


def required_cloud(directory: Path) -> Cloud:
    """Return the local cloud whose files are in `directory`.

    Raises:
        DeploymentError: It is not up.
    """
    cloud = running_cloud(directory)
    if cloud is None:
        raise DeploymentError("The local cloud is not up: run `serve` first.")
    return cloud


def stop_cloud(directory: Path, *, forget: bool = False) -> str:
    """Stop the local cloud whose files are in `directory`, if it is up; return what was done.

    Args:
        directory: Directory of its files.
        forget: Whether the next start is empty. Default: it takes over what is deployed.

    Raises:
        DeploymentError: It cannot be stopped.
    """
    options = ["--forget"] if forget else []
    return _run_local_cloud("stop", "--directory", str(directory.absolute()), *options)


def share_documents(stack: Path, cloud: Cloud) -> None:
    """Copy the OpenAPI documents of a synthesized stack to where the console reads them.

    Args:
        stack: Directory of the synthesized stack.
        cloud: Local cloud.
    """
    folder = cloud.directory / DOCUMENTS
    folder.mkdir(exist_ok=True)
    for document in stack.glob("*.openapi.json"):
        shutil.copyfile(document, folder / f"{stack.name}.{document.name}")


def rest_apis(cloud: Cloud) -> list[dict[str, object]]:
    """Return the REST APIs of the local cloud, as API Gateway's GetRestApis describes them."""
    region = chosen_environment().region
    return list(call(cloud.url, "apigateway", "/restapis", region=region).get("item", ()))


def matching_cloud(states: Sequence[LocalState], cloud: Cloud, *, reused: bool) -> tuple[Cloud, str]:
    """Return a local cloud that holds what the states list and nothing else, and what was done for it.

    A state that another start of the local cloud made is set aside. The local cloud starts anew, empty and on the same
    port, if it holds what no state lists: an apply was cut short, or a state is gone.

    Args:
        states: States of all stacks of the app.
        cloud: Local cloud that is up.
        reused: Whether it was up before the command that asks.

    Raises:
        DeploymentError: The local cloud cannot be started or stopped.
    """
    done = cloud.origin(reused=reused)
    cut_short = any(state.was_cut_short(cloud.instance) for state in states)
    if (reused or cloud.restored) and (cut_short or _is_unlisted(states, cloud)):
        done = "restarted: " + ("the last deploy was cut short" if cut_short else "its state is gone")
        port = urlsplit(cloud.url).port
        stop_cloud(cloud.directory, forget=True)
        cloud, _ = ensure_cloud(cloud.directory, port)
    aside = [state.set_aside(cloud.directory) for state in states if not state.describes(cloud.instance)]
    if any(aside):
        done += ", old state set aside"
    return cloud, done


def _is_unlisted(states: Sequence[LocalState], cloud: Cloud) -> bool:
    """Return whether the local cloud may hold what no state lists."""
    others = [state for state in states if not state.describes(cloud.instance)]
    if any(state.was_applied_to(cloud.instance) or state.is_of_unknown_origin() for state in others):
        return True
    # A stack that is new has no state; if none has one, another app or a lost state may have filled the local cloud.
    return len(others) == len(states) and bool(rest_apis(cloud))


def _run_local_cloud(*arguments: str) -> str:
    command = [sys.executable, "-m", "local_cloud", *arguments]
    done = subprocess.run(command, cwd=_PACKAGES, capture_output=True, text=True)
    if done.returncode != 0:
        raise DeploymentError((done.stderr or done.stdout).strip().removeprefix("error: "))
    return done.stdout.strip()
