"""`dev`: deploy an app to the local cloud, then update it with each change of a file.

| change | update |
|---|---|
| code of a function | the files are replaced in the function while it runs |
| what synthesis reads | synthesis; code and definitions of state machines directly, all else by an apply without a refresh |

What was updated directly, the next apply settles (`drift`). An apply of `dev` uploads archives by itself before Terraform
plans, unless more than the code of a function differs: the provider would wait 5 s for each function.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from constructs_lib.archive import MAX_DIRECT_UPLOAD_BYTES
from deploy_tools.app import CdktfApp, SynthesizedStack
from deploy_tools.archive_progress import BuiltArchive, SynthesisRecord
from deploy_tools.cloud import Cloud, chosen_environment, running_cloud
from deploy_tools.configuration_changes import archive_file, compare, resource
from deploy_tools.console import step
from deploy_tools.deploy import COST_OF_KILLING, DeployedApp, apply_stack, deploy, local_variables, synthesize
from deploy_tools.deploy_lock import deploy_lock
from deploy_tools.direct_updates import (
    CodeError,
    NotDirectError,
    changed_files,
    replace_code,
    update_definition,
    upload_archive,
)
from deploy_tools.errors import DeploymentError, TerraformError
from deploy_tools.file_watch import FileWatch
from deploy_tools.hints import show_hints
from deploy_tools.interpolation import UnresolvedError, resolved
from deploy_tools.local_state import LocalState
from deploy_tools.terraform import Terraform, environment_for, find_engine
from deploy_tools.terraform_state import TerraformState
from lambda_archives import ArchiveError
from lambda_archives.recipe import Recipe
from lambda_archives.zip_writer import Member

_SHOWN_FILES: Final = 3
_AT_ONCE: Final = 2
"""Functions that are updated at a time: each starts a process."""


def dev(app: CdktfApp, port: int | None = None) -> int:
    """Deploy an app, then update it until Ctrl-C; return the exit status.

    Args:
        app: The app.
        port: Port of the local cloud; 0 for any. Default: that of the one that is up, or 4566.

    Raises:
        DeploymentError: The first deployment failed.
        TerraformError: Terraform is missing, or failed in the first deployment.
    """
    environment = chosen_environment()
    if not environment.is_local:
        print(
            f"ENVIRONMENT is {environment.name}: `dev` would deploy {app.title} to AWS at every change of a file. It is for the "
            "local cloud only; unset ENVIRONMENT, or run `deploy`."
        )
        return 2
    watch = FileWatch(app.folder)
    try:
        session = DevSession(app, port)
        session.start()
        show_hints(app, session.deployed)
        print("\nWatching for changes; Ctrl-C ends.", flush=True)
        while True:
            watch.extend(session.watched())
            session.update(watch.next())
    except KeyboardInterrupt as interrupted:
        if interrupted.args:  # Terraform was interrupted
            raise
        print("\nNo longer watching; the local cloud stays up.")
        return 0
    finally:
        watch.close()


@dataclass(slots=True)
class _Function:
    """A function whose code comes from an archive of ours.

    Attributes:
        arn: Its ARN.
        deployed: Archive that it was deployed from.
        wanted: Its archive in the newest synthesis.
        running: Identities of the files that it runs now, by their paths in the archive.
    """

    arn: str
    deployed: BuiltArchive
    wanted: BuiltArchive
    running: Mapping[str, str]


@dataclass(slots=True)
class _Stack:
    """A stack as it was applied last.

    Attributes:
        configuration: Its configuration.
        functions: Its functions by address.
        definitions: Templates of the definitions that its state machines run now, by address.
    """

    configuration: Mapping[str, Any]
    functions: dict[str, _Function]
    definitions: dict[str, str]


class DevSession:
    """An app on the local cloud, and what of it was updated directly since the last apply.

    Args:
        app: The app.
        port: Port of the local cloud; see `dev`.
    """

    deployed: DeployedApp

    def __init__(self, app: CdktfApp, port: int | None) -> None:
        self._app = app
        self._port = port
        self._imported: frozenset[Path] | None = None
        self._stacks: dict[str, _Stack] = {}
        self._origins: set[str] = set()
        self._pending: set[Path] = set()

    def start(self) -> None:
        """Deploy everything by Terraform.

        Raises:
            DeploymentError: The local cloud or the synthesis failed.
            TerraformError: Terraform is missing, or one of its commands failed.
        """
        record = SynthesisRecord()
        self.deployed = deploy(self._app, self._port, record=record)
        self._imported = record.imported
        for one in self.deployed.stacks:
            self._stacks[one.stack.name] = _applied(one.stack, record)
        self._read_sources()

    def watched(self) -> set[str]:
        """Return the entries of the app's folder that hold what synthesis imports, or sources of an archive."""
        folder = self._app.folder
        files = [*map(Path, self._origins), *(self._imported or ())]
        below = [file.relative_to(folder).parts for file in files if file.is_relative_to(folder)]
        return {parts[0] for parts in below if len(parts) > 1}

    def update(self, changed: Collection[Path]) -> None:
        """Update the local cloud after files have changed.

        Errors are printed; what they prevented is tried again with the next change.
        """
        changed = {file for file in changed if file.exists() or self._is_known(file)}
        if not changed:
            return
        self._pending |= changed
        print(f"\n{time.strftime('%H:%M:%S')}  {self._named(changed)}", flush=True)
        try:
            self._update()
        except (ArchiveError, DeploymentError, TerraformError) as problem:
            print(f"\n{problem}\n\n  The previous version still answers.", flush=True)
        else:
            self._pending.clear()

    def _is_known(self, file: Path) -> bool:
        return str(file) in self._origins or file in (self._imported or ())

    def _named(self, changed: Collection[Path]) -> str:
        names = [
            str(file.relative_to(self._app.folder)) if file.is_relative_to(self._app.folder) else str(file)
            for file in sorted(changed)
        ]
        return ", ".join(names[:_SHOWN_FILES]) + (
            f" and {len(names) - _SHOWN_FILES} more" if names[_SHOWN_FILES:] else ""
        )

    def _update(self) -> None:
        cloud = running_cloud(self._app.cloud_directory)
        if cloud != self.deployed.cloud:
            print("  the local cloud was stopped or started anew; deploying again", flush=True)
            self.start()
            return
        for file in sorted(self._pending):
            check_syntax(file, self._app.folder)
        sources = self._read_sources()
        if not self._needs_synthesis():
            functions = [one for stack in self._stacks.values() for one in stack.functions.values()]
            with suppress(NotDirectError):
                if not _update_code(cloud, functions, sources):
                    print("  nothing to update", flush=True)
                return
        self._synthesize(cloud)

    def _read_sources(self) -> dict[str, Recipe]:
        """Read the sources of all archives as they are now; by the SHA-256 of the archive in the newest synthesis."""
        archives = {
            function.wanted.sha256: function.wanted
            for stack in self._stacks.values()
            for function in stack.functions.values()
        }
        recipes = {sha256: archive.request.recipe() for sha256, archive in archives.items()}
        self._origins |= {source.member.origin for recipe in recipes.values() for source in recipe.sources}
        return recipes

    def _needs_synthesis(self) -> bool:
        """Return whether a change concerns more than sources of archives."""
        if self._imported is None:
            return True
        imported, sources = (set(map(os.path.realpath, files)) for files in (self._imported, self._origins))
        changed = set(map(os.path.realpath, self._pending))
        return bool(changed & imported or changed - sources)

    def _synthesize(self, cloud: Cloud) -> None:
        """Synthesize, and update what differs."""
        record = SynthesisRecord()
        stacks = synthesize(self._app, local_variables(cloud), record=record)
        self._imported = record.imported
        applied: set[str] = set()
        for stack in stacks:
            present = self._stacks.get(stack.name)
            if present is not None and not applied & set(stack.dependencies):
                with suppress(NotDirectError):
                    self._update_directly(cloud, present, stack, record)
                    continue
            self._apply(cloud, stack, record, suffix=f" {stack.name}" if len(stacks) > 1 else "")
            applied.add(stack.name)

    def _update_directly(
        self, cloud: Cloud, present: _Stack, stack: SynthesizedStack, record: SynthesisRecord
    ) -> None:
        """Update a stack without Terraform.

        Raises:
            NotDirectError: It takes Terraform.
        """
        configuration = stack.configuration
        if compare(present.configuration, configuration).others:
            raise NotDirectError
        for address, function in present.functions.items():
            function.wanted = _archive(configuration, address, record) or function.deployed
        sources = self._read_sources()
        definitions = {
            address: template
            for address, template in _definitions(configuration).items()
            if template != present.definitions[address]
        }
        state = TerraformState.read(stack.state_path)
        updates = {address: _resolved(template, state) for address, template in definitions.items()}
        updated = _update_code(cloud, present.functions.values(), sources)
        for address, definition in updates.items():
            with step(address.partition(".")[2].rpartition("_")[0]) as current:
                update_definition(cloud.url, str(state.lookup(address, "arn")), definition)
                current.note("new definition runs")
            present.definitions[address] = definitions[address]
        if not updated and not updates:
            print("  nothing to update", flush=True)

    def _apply(self, cloud: Cloud, stack: SynthesizedStack, record: SynthesisRecord, suffix: str) -> None:
        """Apply a stack, without reading every resource first: only this session has changed any."""
        with deploy_lock(self._app.cloud_directory) as lock:
            variables = environment_for(self._app.cloud_directory, endpoint_url=cloud.url)
            terraform = Terraform(
                find_engine(), stack.directory, variables, keep_open=(lock,), cost_of_killing=COST_OF_KILLING
            )
            if (present := self._stacks.get(stack.name)) is not None:
                _upload_archives(cloud, present, stack, record)
            state = LocalState(stack.state_path)
            apply_stack(stack, terraform, state, cloud, refresh=False, suffix=suffix)
        self._stacks[stack.name] = _applied(stack, record)
        self._read_sources()


def check_syntax(file: Path, folder: Path) -> None:
    """Check that a file, if it is Python, can be compiled.

    Args:
        file: The file; it may be gone.
        folder: Folder that the error names the file in.

    Raises:
        DeploymentError: It has a syntax error.
    """
    if file.suffix != ".py" or not file.is_file():
        return
    try:
        compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        name = file.relative_to(folder) if file.is_relative_to(folder) else file
        if not isinstance(error, SyntaxError):
            raise DeploymentError(f"{name}: {error}") from None
        line = (error.text or "").rstrip()
        mark = f"\n    {line}\n    {' ' * max((error.offset or 1) - 1, 0)}^" if line else ""
        raise DeploymentError(f"{name}:{error.lineno}: {error.msg}{mark}") from None


def _applied(stack: SynthesizedStack, record: SynthesisRecord) -> _Stack:
    configuration, state = stack.configuration, TerraformState.read(stack.state_path)
    functions = {
        address: _Function(attributes["arn"], archive, archive, archive.files)
        for address, attributes in state.attributes("aws_lambda_function").items()
        if (archive := _archive(configuration, address, record)) is not None
    }
    return _Stack(configuration, functions, _definitions(configuration))


def _upload_archives(cloud: Cloud, present: _Stack, stack: SynthesizedStack, record: SynthesisRecord) -> None:
    """Deploy the archives of the functions of which only the code differs, before Terraform plans.

    Raises:
        DeploymentError: The local cloud rejects an archive, or does not answer.
    """
    configuration = stack.configuration
    others = compare(present.configuration, configuration).others
    state = TerraformState.read(stack.state_path)
    for address, attributes in state.attributes("aws_lambda_function").items():
        function = present.functions.get(address)
        if function is None or address in others:
            continue
        body, archive = resource(configuration, address), _archive(configuration, address, record)
        is_deployed = archive == function.deployed and function.running == function.deployed.files
        file, place = archive_file(configuration, body)
        if archive is None or is_deployed or file is None:
            continue
        path = stack.directory / file
        if path.stat().st_size > MAX_DIRECT_UPLOAD_BYTES:
            continue
        with step(attributes["function_name"]) as current:
            upload_archive(cloud.url, attributes, path)
            attributes |= place
            state.save()
            current.note("new archive answers")
        function.deployed, function.wanted, function.running = archive, archive, archive.files


def _archive(configuration: Mapping[str, Any], address: str, record: SynthesisRecord) -> BuiltArchive | None:
    """Return the archive of a function; None if it is not one that synthesis built."""
    encoded = resource(configuration, address).get("source_code_hash")
    return record.archives.get(base64.b64decode(encoded).hex()) if isinstance(encoded, str) else None


def _definitions(configuration: Mapping[str, Any]) -> dict[str, str]:
    machines = configuration.get("resource", {}).get("aws_sfn_state_machine", {})
    return {f"aws_sfn_state_machine.{name}": body["definition"] for name, body in machines.items()}


def _resolved(template: str, state: TerraformState) -> str:
    try:
        return resolved(template, state)
    except UnresolvedError as error:
        raise NotDirectError from error


def _update_code(cloud: Cloud, functions: Iterable[_Function], sources: Mapping[str, Recipe]) -> bool:
    """Have functions run their sources as they are now; return whether any had to change.

    Raises:
        CodeError: Code of some function cannot be loaded. The others run theirs.
        NotDirectError: The wheels of a function have changed, or it was deployed by another command.
    """
    changed = []
    for function in functions:
        recipe = sources[function.wanted.sha256]
        if (recipe.layer_key if recipe.has_layer else None) != function.deployed.layer:
            raise NotDirectError
        members = {member.path: member for member in recipe.own_members()[0]}
        if {path: member.identity for path, member in members.items()} != function.running:
            changed.append((function, members))

    def update(function: _Function, members: Mapping[str, Member]) -> CodeError | None:
        with step(function.arn.rpartition(":")[2], alone=len(changed) == 1) as current:
            try:
                replace_code(
                    cloud.url, function.arn, function.deployed, changed_files(function.deployed, members)
                )
            except CodeError as error:
                current.note("cannot be loaded")
                return error
            current.note("new code answers")
        function.running = {path: member.identity for path, member in members.items()}
        return None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        errors = [error for error in pool.map(lambda one: update(*one), changed) if error is not None]
    if errors:
        raise CodeError("\n\n".join(map(str, errors)))
    return bool(changed)
