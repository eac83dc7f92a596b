"""`make scan`: Checkov on what is synthesized and on what Terraform plans, against the list of checks that may fail.

    python -m tools.scan [ENVIRONMENT]            scans main.py as ENVIRONMENT synthesizes it (prod where none is named)
    python -m tools.scan --stack DIRECTORY        scans a stack that was synthesized before, with a cdk.tf.json in it
    python -m tools.scan --stack DIRECTORY --all  the same, and no check may fail

Two scans, since each sees what the other does not: `cdk.tf.json`, and the JSON of a real plan, made with the real AWS
provider against a local cloud that is started for it. No configuration file and no suppression is read, and a scan in
which no check passed is a failure: Checkov 3.3 reads nothing from a file with Terraform's `required_version`, says so
only on standard error, and counts no failure (so it is given a copy without it).

Checkov is installed from requirements-scan.lock into an environment of its own below `.cache/scan`: what it needs
conflicts with what the project needs. It sends nothing and asks for nothing: `--skip-download` keeps it from its
vendor's server, CKV_SKIP_PACKAGE_UPDATE_CHECK from asking for newer versions, `--skip-results-upload` is for good
measure, and `checkov_offline.py` makes any other attempt fail.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.console import heading, step
from tools.deployment import PROJECT, DeploymentError, ensure_cloud, stop_cloud, synthesize
from tools.terraform import Terraform, TerraformError, environment_for, find_engine

LOCK: Final = PROJECT / "requirements-scan.lock"
CACHE: Final = PROJECT / ".cache" / "scan"
ALLOWED_LIST: Final = PROJECT / "docs" / "security.md"
MAY_BE_ALLOWED: Final = frozenset({
    "CKV_AWS_116", "CKV_AWS_117", "CKV_AWS_120", "CKV_AWS_225", "CKV_AWS_272", "CKV_AWS_285", "CKV2_AWS_51",
})  # fmt: skip
"""The checks that docs/security.md may list at most; any other is to be satisfied."""

SYNTHESIZED: Final = "cdk.tf.json"
PLANNED: Final = "plan.json"
_FRAMEWORKS: Final = {SYNTHESIZED: "terraform_json", PLANNED: "terraform_plan"}
_ROW: Final = re.compile(r"^\|\s*`?(CKV\w*)`?\s*\|(.*)\|\s*$", re.MULTILINE)


class ScanError(Exception):
    """The scan could not be made; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that failed.

    Attributes:
        check: Its id, such as `CKV_AWS_76`.
        name: What it asks for.
        resources: The addresses of what it failed for, sorted.
    """

    check: str
    name: str
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """What Checkov says of one file.

    Attributes:
        source: The file's name.
        passed: How many checks passed, counted for each resource.
        skipped: How many were suppressed.
        failures: What failed, by id.
    """

    source: str
    passed: int
    skipped: int
    failures: tuple[Failure, ...]


def allowed_checks(text: str, *, may_be: Iterable[str] = MAY_BE_ALLOWED) -> dict[str, str]:
    """Returns the checks that the tables of docs/security.md let fail, each with the reason: the last cell of its row.

    Raises:
        ScanError: A check is listed twice, without a reason, or is none of those that may be listed.
    """
    allowed: dict[str, str] = {}
    for check, cells in _ROW.findall(text):
        reason = cells.rpartition("|")[2].strip()
        if check in allowed:
            raise ScanError(f"docs/security.md lists {check} twice; remove one of the rows.")
        if check not in may_be:
            raise ScanError(
                f"docs/security.md lets {check} fail, which none but {', '.join(sorted(may_be))} may; "
                "satisfy the check and remove its row."
            )
        if not reason:
            raise ScanError(
                f"docs/security.md does not say why {check} may fail; write the reason into its row."
            )
        allowed[check] = reason
    return allowed


def problems(scans: Sequence[Scan], allowed: Mapping[str, str]) -> list[str]:
    """Returns what is wrong: what failed and may not, what may fail and no longer does, and scans of nothing."""
    found = []
    for scan in scans:
        if not scan.passed:
            found.append(
                f"{scan.source}: no check passed, so that Checkov cannot have read it; see what it logged"
            )
        if scan.skipped:
            found.append(f"{scan.source}: {scan.skipped} skipped; remove the suppressions")
    failed: dict[str, dict[str, Failure]] = {}
    for scan in scans:
        for failure in scan.failures:
            failed.setdefault(failure.check, {})[scan.source] = failure
    for check in sorted(failed.keys() - allowed.keys()):
        by_source = failed[check]
        places = sorted({place for failure in by_source.values() for place in failure.resources})
        name = next(iter(by_source.values())).name
        found.append("\n    ".join([f"{check} {name} (fails in {' and '.join(by_source)})", *places]))
    found += [
        f"{check} fails nowhere; remove its row from docs/security.md"
        for check in sorted(allowed.keys() - failed.keys())
    ]
    return found


def scan_of(source: str, printed: str, addresses: Mapping[str, str]) -> Scan:
    """Reads what Checkov printed as JSON.

    Args:
        source: The file that it scanned.
        printed: What it printed.
        addresses: The addresses by name; of a JSON file, Checkov often knows the name of a resource only.

    Raises:
        ScanError: It is no result, or the file could not be parsed.
    """
    try:
        result = json.loads(printed)
        summary = result.get("summary", result)
        passed, skipped, unread = (int(summary[key]) for key in ("passed", "skipped", "parsing_errors"))
        failed = result.get("results", {}).get("failed_checks", ())
        places: dict[tuple[str, str], set[str]] = {}
        for check in failed:
            place = str(check["resource"])
            known = (
                addresses.get(place.removeprefix("resource."), place)
                if place.startswith("resource.")
                else place
            )
            places.setdefault((check["check_id"], check["check_name"]), set()).add(known)
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise ScanError(f"Checkov printed no result for {source} ({error!r}): {printed[:500]}") from error
    if unread:
        raise ScanError(f"Checkov could not parse {source}. It may know no such syntax; see its log above.")
    failures = (Failure(check, name, tuple(sorted(where))) for (check, name), where in sorted(places.items()))
    return Scan(source, passed, skipped, tuple(failures))


def readable_copy(written: Mapping[str, Any]) -> dict[str, Any]:
    """A `cdk.tf.json` as Checkov can read it: without what stands in its `terraform` block as a plain string."""
    settings = {
        name: value for name, value in written.get("terraform", {}).items() if not isinstance(value, str)
    }
    return {**written, "terraform": settings}


def addresses_in(written: Mapping[str, Any]) -> dict[str, str]:
    """The addresses of the resources of a `cdk.tf.json`, by name."""
    return {name: f"{kind}.{name}" for kind, named in written.get("resource", {}).items() for name in named}


def installed_checkov(cache: Path = CACHE, lock: Path = LOCK) -> Path:
    """Returns the Python that has Checkov; sets it up on first use, and anew when the lock changes.

    Raises:
        ScanError: It cannot be installed.
    """
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    environment = cache / f"checkov-python{sys.version_info.major}.{sys.version_info.minor}"
    python, marker = environment / "bin" / "python", environment / "installed"
    if marker.is_file() and marker.read_text(encoding="utf-8") == digest:
        return python
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(environment)],
        [*install, "--require-hashes", "-r", str(lock)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise ScanError(
                f"Checkov cannot be installed: `{' '.join(command)}` failed:\n{done.stdout}{done.stderr}"
            )
    marker.write_text(digest, encoding="utf-8")
    return python


def run_checkov(python: Path, source: str, directory: Path) -> str:
    """Runs Checkov on a file of a directory that holds nothing else of note; returns what it printed.

    Raises:
        ScanError: It crashed.
    """
    home = directory / "home"
    home.mkdir(exist_ok=True)
    command = [str(python), "-I", str(Path(__file__).with_name("checkov_offline.py"))]
    options = [
        "--file", source, "--framework", _FRAMEWORKS[source], "--output", "json", "--quiet", "--compact",
        "--skip-download", "--skip-results-upload",
    ]  # fmt: skip
    variables = {
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(home),
        "CKV_SKIP_PACKAGE_UPDATE_CHECK": "True",
        "LOG_LEVEL": "WARNING",
    }
    done = subprocess.run([*command, *options], cwd=directory, env=variables, capture_output=True, text=True)
    if done.stderr:
        print(done.stderr, file=sys.stderr, end="")
    if done.returncode not in (0, 1):
        raise ScanError(f"Checkov ended with status {done.returncode} for {source}:\n{done.stdout}")
    return done.stdout


def planned(stack: Path, directory: Path) -> str:
    """Plans a stack against a local cloud of its own, with the state in a local file; returns the plan as JSON.

    Args:
        stack: The stack's directory, which is left as it is.
        directory: An empty one to work in.
    """
    work = directory / "work"
    work.mkdir()
    for entry in stack.iterdir():
        if entry.is_dir() and entry.name != ".terraform":
            (work / entry.name).symlink_to(entry.resolve(), target_is_directory=True)
        elif entry.name in {SYNTHESIZED, ".terraform.lock.hcl"}:
            shutil.copy(entry, work / entry.name)
    backend = {"terraform": {"backend": {"local": {"path": "scan.tfstate"}}}}
    (work / "scan_override.tf.json").write_text(json.dumps(backend), encoding="utf-8")
    cloud, _ = ensure_cloud(directory / "cloud", 0)
    try:
        terraform = Terraform(find_engine(), work, environment_for(cloud.directory, endpoint_url=cloud.url))
        terraform.init()
        terraform.plan("scan.tfplan")
        return terraform.run("show", "-json", "scan.tfplan").stdout
    finally:
        stop_cloud(cloud.directory)


def scan_stack(stack: Path) -> tuple[Scan, Scan]:
    """Scans a synthesized stack, with progress on the terminal; returns what Checkov says of it and of its plan.

    Raises:
        ScanError: Checkov cannot be installed or run.
        DeploymentError: The local cloud cannot be started.
        TerraformError: Terraform is missing, or cannot plan the stack.
    """
    written = json.loads((stack / SYNTHESIZED).read_text(encoding="utf-8"))
    with step("Checkov") as current:
        python = installed_checkov()
        version = re.search(r"^checkov==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
        current.note(version[1] if version else "")
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        with step("terraform plan") as current:
            plan = planned(stack, directory)
            current.note(f"{len(json.loads(plan).get('resource_changes', ()))} resources")
        files = directory / "files"
        files.mkdir()
        (files / SYNTHESIZED).write_text(json.dumps(readable_copy(written), indent=2), encoding="utf-8")
        (files / PLANNED).write_text(plan, encoding="utf-8")
        scans = []
        for source in (SYNTHESIZED, PLANNED):
            with step(f"scan {source}") as current:
                scan = scan_of(source, run_checkov(python, source, files), addresses_in(written))
                failed = sum(len(failure.resources) for failure in scan.failures)
                current.note(f"{scan.passed} passed, {failed} failed, {scan.skipped} skipped")
                scans.append(scan)
    return scans[0], scans[1]


def report(scans: Sequence[Scan], allowed: Mapping[str, str]) -> int:
    """Prints what may fail and what is wrong; returns the exit status."""
    failed = {failure.check for scan in scans for failure in scan.failures}
    if failed & allowed.keys():
        heading("Fail and may, for the reason that docs/security.md gives")
        for check in sorted(failed & allowed.keys()):
            print(f"  {check:<12} {allowed[check]}")
    found = problems(scans, allowed)
    if not found:
        print("\n  Nothing else fails.")
        return 0
    heading("Wrong")
    for problem in found:
        print(f"  {problem}")
    return 1


def main(arguments: Sequence[str]) -> int:
    """Runs the command line described at the top of this file; returns its exit status."""
    match list(arguments):
        case ["--stack", directory, *rest] if rest in ([], ["--all"]):
            heading(f"Scan {directory}")
            scans = scan_stack(Path(directory))
        case [] | [_] as named if not any(name.startswith("-") for name in named):
            rest, environment = [], named[0] if named else "prod"
            heading(f"Scan main.py as {environment}")
            with tempfile.TemporaryDirectory() as outdir:
                with step("synthesize main.py"):
                    stack = synthesize(
                        PROJECT, Path(outdir), {"ENVIRONMENT": environment, "AWS_REGION": "us-east-1"}
                    )
                scans = scan_stack(stack)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    allowed = {} if rest else allowed_checks(ALLOWED_LIST.read_text(encoding="utf-8"))
    return report(scans, allowed)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (DeploymentError, ScanError, TerraformError) as problem:
        print(f"\n{problem}", file=sys.stderr)
        sys.exit(1)
