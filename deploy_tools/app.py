"""CDKTF app in a folder: the command and the output folder that its `cdktf.json` names, and the stacks that it synthesizes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from constructs_lib.environment import DEFAULT_REGION
from deploy_tools.archive_progress import ArchiveEvent, ArchiveProgress, SynthesisRecord
from deploy_tools.errors import DeploymentError

CONFIGURATION: Final = "cdk.tf.json"
"""Name of a stack's Terraform configuration."""

_PYTHON: Final = frozenset({"python", "python3"})
_POLL_SECONDS: Final = 0.05
_OWN_PACKAGES: Final = ("constructs_lib", "lambda_archives", "deploy_tools", "lazy_bindings")
_OWN_ERROR: Final = re.compile(
    rf"^(?:{'|'.join(_OWN_PACKAGES)})\.[\w.]+: (?P<message>.*)\Z", re.MULTILINE | re.DOTALL
)
_SENTENCE: Final = re.compile(r"[A-Z][A-Z_]+: .+")
"""Error of an environment variable, with which a program ends by `SystemExit`."""
_VALIDATION: Final = re.compile(
    r"^RuntimeError: Error: Validation failed with the following errors:\n(?P<errors>(?:  .*\n)+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class SynthesizedStack:
    """Stack of a CDKTF app, as synthesis wrote it.

    Attributes:
        name: Name of the stack.
        directory: Folder of its `cdk.tf.json`, in which Terraform runs.
        dependencies: Names of the stacks that must be deployed before it.
    """

    name: str
    directory: Path
    dependencies: tuple[str, ...] = ()

    @property
    def configuration(self) -> dict[str, Any]:
        """Content of its `cdk.tf.json`.

        Raises:
            DeploymentError: The file is missing or is not JSON.
        """
        found = _read_json(self.directory / CONFIGURATION)
        if not isinstance(found, dict):
            raise DeploymentError(f"{self.directory / CONFIGURATION} is not a JSON object; synthesize again")
        return found

    @property
    def region(self) -> str:
        """AWS region of its provider. Default: us-east-1."""
        providers = self.configuration.get("provider", {}).get("aws", [])
        regions = [one["region"] for one in providers if "alias" not in one and one.get("region")]
        return str(regions[0]) if regions else DEFAULT_REGION

    @property
    def resource_count(self) -> int:
        """Number of resources, without data sources."""
        return sum(len(named) for named in self.configuration.get("resource", {}).values())

    @property
    def state_path(self) -> Path:
        """File in which Terraform keeps the stack's state.

        Raises:
            DeploymentError: The stack's backend does not keep the state in a file.
        """
        backends = self.configuration.get("terraform", {}).get("backend", {})
        kind, settings = next(iter(backends.items())) if backends else ("local", {})
        if kind != "local":
            raise DeploymentError(
                f"stack {self.name}: the state is in a backend of the kind {kind!r}, and the local cloud needs a state in a "
                "file; leave out the backend where ENVIRONMENT is local"
            )
        # Not resolved: a state may be a link to another file.
        return Path(os.path.normpath(self.directory / settings.get("path", "terraform.tfstate")))


@dataclass(frozen=True, slots=True)
class CdktfApp:
    """CDKTF app in a folder.

    Attributes:
        folder: Folder of its `cdktf.json`.
        command: Command that synthesizes it, which runs in the folder.
        outdir: Folder that it is synthesized to.
    """

    folder: Path
    command: tuple[str, ...]
    outdir: Path

    @classmethod
    def in_folder(cls, folder: Path) -> CdktfApp:
        """Read the app of a folder.

        Raises:
            DeploymentError: The folder has no `cdktf.json`, or the file names no command.
        """
        file = folder.absolute() / "cdktf.json"
        if not file.is_file():
            raise DeploymentError(
                f"{folder}: not the folder of a CDKTF app, because it has no cdktf.json; name another folder"
            )
        settings = _read_json(file)
        command = settings.get("app") if isinstance(settings, dict) else None
        if not isinstance(command, str) or not command.strip():
            raise DeploymentError(f'{file}: "app" is missing; set it to a command such as "python main.py"')
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise DeploymentError(f'{file}: "app" is not a command: {error}') from None
        if words[0] in _PYTHON:
            words[0] = sys.executable
        return cls(file.parent, tuple(words), file.parent / settings.get("output", "cdktf.out"))

    @property
    def title(self) -> str:
        """The app as users call it, such as `main.py`."""
        scripts = [Path(word).name for word in self.command if word.endswith(".py")]
        return scripts[0] if scripts else shlex.join(self.command)

    @property
    def cloud_directory(self) -> Path:
        """Folder of the app's local cloud."""
        return self.folder / ".local_cloud"

    def synthesize(
        self,
        variables: Mapping[str, str],
        *,
        outdir: Path | None = None,
        on_archive: Callable[[ArchiveEvent], None] | None = None,
        record: SynthesisRecord | None = None,
    ) -> list[SynthesizedStack]:
        """Synthesize as the cdktf CLI does, and return the stacks: those that others depend on first.

        Args:
            variables: Environment variables to set, beside those of this process.
            outdir: Folder to write to. Default: the one that the CLI uses.
            on_archive: Called with each archive of a Lambda function that synthesis builds or finds. Default: nothing.
            record: Is filled with what synthesis reads. Default: nothing.

        Raises:
            DeploymentError: The app ended with an error.
        """
        written = self.outdir if outdir is None else outdir
        environment = with_packages({**os.environ, "CDKTF_OUTDIR": str(written), **variables})
        with tempfile.TemporaryDirectory() as directory:
            progress = ArchiveProgress(Path(directory) / "archives", on_archive or (lambda _: None), record)
            environment |= progress.variables
            status, printed = _run(self.command, self.folder, environment, progress.read)
        if status != 0:
            raise DeploymentError(
                _own_message(printed, self.folder)
                or f"`{shlex.join(self.command)}` ended with status {status}:\n{printed.strip()}"
            )
        return read_manifest(written)

    def synthesized(self) -> list[SynthesizedStack]:
        """Return the stacks that were synthesized last.

        Raises:
            DeploymentError: Nothing was synthesized.
        """
        return read_manifest(self.outdir)


def read_manifest(outdir: Path) -> list[SynthesizedStack]:
    """Return the stacks that the `manifest.json` of a synthesis lists: those that others depend on first.

    Raises:
        DeploymentError: The file is missing or is not a manifest, or stacks depend on each other.
    """
    file = outdir / "manifest.json"
    if not file.is_file():
        raise DeploymentError(
            f"{file} is missing: the app has not been synthesized, or writes somewhere else"
        )
    manifest = _read_json(file)
    try:
        stacks = [
            SynthesizedStack(
                name=str(name),
                directory=outdir / entry["workingDirectory"],
                dependencies=tuple(entry.get("dependencies", ())),
            )
            for name, entry in manifest["stacks"].items()
        ]
    except (AttributeError, LookupError, TypeError):
        raise DeploymentError(
            f"{file} is not a manifest of cdktf; delete {outdir} and synthesize again"
        ) from None
    if not stacks:
        raise DeploymentError(f"{file} lists no stack; add one to the app")
    return in_order(stacks)


def in_order(stacks: Sequence[SynthesizedStack]) -> list[SynthesizedStack]:
    """Return stacks in the order of their deployment.

    Raises:
        DeploymentError: Stacks depend on each other.
    """
    left, ordered = list(stacks), list[SynthesizedStack]()
    while left:
        names = {stack.name for stack in left}
        ready = [stack for stack in left if not names & set(stack.dependencies)]
        if not ready:
            raise DeploymentError(
                f"stacks {', '.join(sorted(names))} depend on each other; remove one reference"
            )
        ordered += ready
        left = [stack for stack in left if stack not in ready]
    return ordered


def chosen_stacks(stacks: Sequence[SynthesizedStack], names: Collection[str]) -> list[SynthesizedStack]:
    """Return the stacks of some names, in the order of their deployment.

    Args:
        stacks: All stacks of the app.
        names: The names. If empty, all.

    Raises:
        DeploymentError: There is no stack of a name.
    """
    stack_names = {stack.name for stack in stacks}
    for name in names:
        if name not in stack_names:
            raise DeploymentError(f"there is no stack {name!r}; choose {' or '.join(sorted(stack_names))}")
    return [stack for stack in stacks if not names or stack.name in names]


def _run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], while_waiting: Callable[[], None]
) -> tuple[int, str]:
    """Run a command, and return its status and what it printed."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise DeploymentError(
                f"`{shlex.join(command)}` cannot be run: {error.strerror or error}"
            ) from None
        try:
            while process.poll() is None:
                while_waiting()
                time.sleep(_POLL_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        while_waiting()
        output.seek(0)
        return process.returncode, output.read()


def with_packages(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with which an app imports the packages of the checkout that runs its commands.

    Where this package is installed, nothing has to be set.
    """
    folder = Path(__file__).resolve().parents[1]
    if folder.name in ("site-packages", "dist-packages"):
        return dict(variables)
    paths = filter(None, [str(folder), variables.get("PYTHONPATH")])
    return {**variables, "PYTHONPATH": os.pathsep.join(paths)}


def _own_message(printed: str, folder: Path) -> str | None:
    """Return the message of an error that the constructs or the archives raised, and the line of the app that caused it.

    Errors of environment variables are returned as printed. Errors that validation found at the end of the synthesis have
    no line. None for any other error, of which users need the traceback.
    """
    if (invalid := _VALIDATION.search(printed)) is not None:
        return re.sub(r"^  \[(.+?)\] ", r"\1: ", invalid["errors"], flags=re.MULTILINE).strip()
    error = _OWN_ERROR.search(printed)
    if error is None:
        return printed.strip() if _SENTENCE.fullmatch(printed.strip()) else None
    frames = re.findall(r'^  File "(.+?)", line (\d+)', printed[: error.start()], re.MULTILINE)
    others = [folder / ".venv", *(Path(__file__).resolve().parents[1] / name for name in _OWN_PACKAGES)]
    lines = [
        f"{Path(file).relative_to(folder)}:{line}: "
        for file, line in frames
        if Path(file).is_relative_to(folder) and not any(map(Path(file).is_relative_to, others))
    ]
    return (lines[-1] if lines else "") + error["message"].strip()


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeploymentError(f"{file} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise DeploymentError(f"{file} is not JSON: {error}") from None
