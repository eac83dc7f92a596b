"""`make scan`: Checkov on the synthesized configuration and on Terraform's plan, with a list of checks that may fail.

    python -m tools.scan                          scans main.py as prod synthesizes it, and the all-on stack
    python -m tools.scan ENVIRONMENT              scans main.py as ENVIRONMENT synthesizes it
    python -m tools.scan --dir DIR [ENVIRONMENT]  scans the stacks of the app in DIR; ENVIRONMENT is prod by default
    python -m tools.scan --all-on                 scans the stack of tools/scan_all_on.py, in which no check may fail
    python -m tools.scan --stack DIRECTORY        scans a stack that was synthesized before, with a cdk.tf.json in it
    python -m tools.scan --stack DIRECTORY --all  the same, and no check may fail

Two scans, since each sees what the other does not: `cdk.tf.json`, and the JSON of a real plan, made with the
real AWS provider against a local cloud that is started for it. Both stacks are scanned at the same time. No
configuration file and no suppression is read, and a scan in which hardly any check passed is a failure:
Checkov 3.3 reads nothing from a file with Terraform's `required_version`, says so only on standard error, and
counts no failure (so it is given a copy without it). A check that crashes inside Checkov has not passed; it
must have run on the other file.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from deploy_tools import interrupts
from deploy_tools.app import CdktfApp, SynthesizedStack
from deploy_tools.cloud import Cloud
from deploy_tools.console import heading, step
from deploy_tools.errors import DeploymentError
from deploy_tools.terraform import TerraformError
from tools.audit import RULES, audit
from tools.checkov_run import (
    LOCK,
    PLANNED,
    SYNTHESIZED,
    Failure,
    Scan,
    ScanError,
    addresses_in,
    installed_checkov,
    readable_copy,
    run_checkov,
    scan_of,
)
from tools.golden import profile
from tools.planning import local_cloud, planned
from tools.project import PROJECT

ALLOWED_LIST: Final = PROJECT / "docs" / "security.md"
ACCEPTED: Final = frozenset({
    "model-content-types@ai-orchestrator/api/vision/text/POST",
    "model-content-types@ai-orchestrator/api/vision/labels/POST",
    "model-content-types@ai-orchestrator/api/vision/preview/POST",
    "model-missing@ai-orchestrator/api/mcp/POST",
    "model-missing@ai-orchestrator/v1 /v1/chat/completions post",
    "model-missing@ai-orchestrator/v1 /v1/embeddings post",
})  # fmt: skip
"""Accepted findings of the audit in main.py. Images are raw bodies whose type the function checks; the chat
function and the MCP server validate bodies themselves, because their errors have a form of their own.
"""

ACCEPTED_ALL_ON: Final = frozenset({"execution-data@all-on/later", "execution-data@all-on/scan"})
"""Accepted findings of the audit in the all-on stack: CKV_AWS_285 requires logging the data that the audit forbids."""

MAY_BE_ALLOWED: Final = frozenset({
    "CKV_AWS_116", "CKV_AWS_117", "CKV_AWS_120", "CKV_AWS_225", "CKV_AWS_272", "CKV_AWS_285", "CKV2_AWS_51",
})  # fmt: skip
"""Checks that docs/security.md may list. All others must pass."""

LEAST_PASSED: Final = 100
"""Number of passed checks, counted for each resource, that a scan must reach, unless the stack is small."""

_ROW: Final = re.compile(r"^\|\s*`?(CKV\w*)`?\s*\|(.*)\|\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Stack to scan.

    Attributes:
        name: Name of its steps.
        title: Description.
        synthesize: Function that writes it below a directory and returns the directory of its `cdk.tf.json`.
        allowed: Checks that may fail, with the reasons.
        accepted: Accepted findings of the audit, as `RULE@WHERE`. None: the audit does not run.
    """

    name: str
    title: str
    synthesize: Callable[[Path], Path]
    allowed: Mapping[str, str]
    accepted: Collection[str] | None


def allowed_checks(text: str, *, may_be: Iterable[str] | None = MAY_BE_ALLOWED) -> dict[str, str]:
    """Return the checks that the tables of docs/security.md let fail, each with the reason: the last cell of its row.

    Args:
        text: The file's text.
        may_be: The checks that it may list. None for any.

    Raises:
        ScanError: A check is listed twice, without a reason, or is none of those that may be listed.
    """
    allowed: dict[str, str] = {}
    for check, cells in _ROW.findall(text):
        reason = cells.rpartition("|")[2].strip()
        if check in allowed:
            raise ScanError(f"docs/security.md lists {check} twice; remove one of the rows.")
        if may_be is not None and check not in may_be:
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


def problems(
    scans: Sequence[Scan],
    allowed: Mapping[str, str],
    least_passed: int = LEAST_PASSED,
    fails_elsewhere: Collection[str] = (),
) -> list[str]:
    """Return the problems: failures that are not allowed, allowed failures that no longer occur, and empty scans.

    Args:
        scans: The scans of one stack.
        allowed: The checks that may fail, with the reasons.
        least_passed: How many checks must pass, counted for each resource.
        fails_elsewhere: Checks that fail in another stack, so that their rows are needed.
    """
    found = []
    for scan in scans:
        if scan.passed < least_passed:
            found.append(
                f"{scan.source}: {scan.passed} checks passed, of {least_passed} at least, so that Checkov cannot have "
                "read all of it; see what it logged"
            )
        if scan.skipped:
            found.append(f"{scan.source}: {scan.skipped} skipped; remove the suppressions")
    crashed = set.intersection(*(set(scan.crashed) for scan in scans)) if scans else set()
    found += [
        f"{check} crashed inside Checkov in each scan, so its result is not known"
        for check in sorted(crashed)
    ]
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
        for check in sorted(allowed.keys() - failed.keys() - set(fails_elsewhere))
    ]
    return found


def report(
    scans: Sequence[Scan],
    allowed: Mapping[str, str],
    least_passed: int = LEAST_PASSED,
    fails_elsewhere: Collection[str] = (),
) -> int:
    """Print the allowed failures and the problems; return the exit status. The arguments are those of `problems`."""
    failed = _failed(scans)
    if failed & allowed.keys():
        heading("Fail and may, for the reason that docs/security.md gives")
        for check in sorted(failed & allowed.keys()):
            print(f"  {check:<12} {allowed[check]}")
    found = problems(scans, allowed, least_passed, fails_elsewhere)
    if not found:
        print("\n  Nothing else fails.")
        return 0
    heading("Wrong")
    for problem in found:
        print(f"  {problem}")
    return 1


def _failed(scans: Iterable[Scan]) -> set[str]:
    return {failure.check for scan in scans for failure in scan.failures}


def audit_findings(written: Mapping[str, Any], accepted: Collection[str]) -> list[str]:
    """Return the findings of the audit that are not accepted, and the accepted ones that do not exist."""
    found = {f"{finding.rule}@{finding.where}": str(finding) for finding in audit(written)}
    return [
        *(text for place, text in found.items() if place not in accepted),
        *(
            f"{place} is accepted and is not found; take it out of tools/scan.py"
            for place in sorted(set(accepted) - found.keys())
        ),
    ]


def scan_stacks(subjects: Sequence[Subject]) -> int:
    """Scan stacks at the same time, with progress on the terminal; return the exit status.

    Raises:
        ScanError: Checkov cannot be installed or run, or a stack cannot be synthesized.
        DeploymentError: The local cloud cannot be started, or a stack cannot be synthesized.
        TerraformError: Terraform is missing, or cannot plan a stack.
    """
    heading(f"Scan {' and '.join(subject.title for subject in subjects)}")
    status = 0
    with (
        tempfile.TemporaryDirectory() as temporary,
        ThreadPoolExecutor(1 + 2 * len(subjects)) as pool,
        local_cloud(Path(temporary) / "cloud") as cloud,
    ):
        checkov = pool.submit(_checkov)
        running = [
            pool.submit(_scan_subject, subject, Path(temporary), cloud, checkov, pool) for subject in subjects
        ]
        done = [one.result() for one in running]
    for subject, (findings, scans, least_passed) in zip(subjects, done, strict=True):
        heading(f"{subject.title[0].upper()}{subject.title[1:]}")
        for finding in findings:
            print(f"  {finding}")
        elsewhere = _failed(
            scan
            for other, one in zip(subjects, done, strict=True)
            if other.allowed is subject.allowed
            for scan in one[1]
        )
        failures = report(scans, subject.allowed, least_passed, elsewhere)
        status = max(status, int(bool(findings)), failures)
    return status


def _checkov() -> Path:
    with step("Checkov", alone=False) as current:
        python = installed_checkov()
        version = re.search(r"^checkov==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
        current.note(version[1] if version else "")
    return python


def _scan_subject(
    subject: Subject, directory: Path, cloud: Cloud, checkov: Future[Path], pool: ThreadPoolExecutor
) -> tuple[list[str], tuple[Scan, Scan], int]:
    """Return the audit's findings, Checkov's scans of the stack and its plan, and the number of checks to pass."""
    name = subject.name
    with step(f"{name}: synthesize", alone=False):
        stack = subject.synthesize(directory / name)
    written = json.loads((stack / SYNTHESIZED).read_text(encoding="utf-8"))

    def scanned(source: str, text: str) -> Scan:
        files = directory / f"{name}-{source}"
        files.mkdir()
        (files / source).write_text(text, encoding="utf-8")
        python = checkov.result()
        with step(f"{name}: scan {source}", alone=False) as current:
            printed, crashed = run_checkov(python, source, files)
            scan = scan_of(source, printed, addresses_in(written), crashed)
            failed = sum(len(failure.resources) for failure in scan.failures)
            current.note(f"{scan.passed} passed, {failed} failed, {scan.skipped} skipped")
        return scan

    synthesized = pool.submit(scanned, SYNTHESIZED, json.dumps(readable_copy(written), indent=2))
    with step(f"{name}: audit", alone=False) as current:
        findings = [] if subject.accepted is None else audit_findings(written, subject.accepted)
        current.note(
            "not asked" if subject.accepted is None else f"{len(RULES)} rules, {len(findings)} findings"
        )
    with step(f"{name}: terraform plan", alone=False) as current:
        plan = planned(stack, directory / f"{name}-plan", cloud=cloud)
        current.note(f"{len(json.loads(plan).get('resource_changes', ()))} resources")
    resources = sum(len(named) for named in written.get("resource", {}).values())
    least_passed = min(LEAST_PASSED, max(1, resources // 3))
    return findings, (synthesized.result(), scanned(PLANNED, plan)), least_passed


def scan_app(folder: Path, environment: str = "prod", *others: Subject) -> int:
    """Scan the stacks of an app as an environment has them, and other stacks; return the exit status.

    The checks that may fail are those of `docs/security.md` in the app's folder, if there is one.

    Raises:
        DeploymentError: The app cannot be synthesized.
        ScanError: Its `docs/security.md` is not valid, or Checkov cannot be installed or run.
        TerraformError: Terraform is missing, or cannot plan a stack.
    """
    app, own = CdktfApp.in_folder(folder), folder.resolve() == PROJECT
    list_of_allowed = folder / ALLOWED_LIST.relative_to(PROJECT)
    allowed = (
        allowed_checks(list_of_allowed.read_text(encoding="utf-8"), may_be=MAY_BE_ALLOWED if own else None)
        if list_of_allowed.is_file()
        else {}
    )
    with tempfile.TemporaryDirectory() as outdir:
        with step(f"synthesize {app.title} as {environment}"):
            stacks = app.synthesize(profile(environment), outdir=Path(outdir) / "cdktf.out")
        subjects = [
            Subject(
                name=environment if own else stack.name,
                title=f"{app.title} as {environment}"
                if len(stacks) == 1
                else f"{stack.name} as {environment}",
                synthesize=partial(_directory, stack),
                allowed=allowed,
                accepted=ACCEPTED if own else (),
            )
            for stack in stacks
        ]
        return scan_stacks([*subjects, *others])


def _directory(stack: SynthesizedStack, _outdir: Path) -> Path:
    return stack.directory


def all_on() -> Subject:
    """Return the stack with everything on, in which no check may fail."""
    return Subject(
        name="all-on",
        title="every construct with everything on",
        synthesize=_synthesize_all_on,
        allowed={},
        accepted=ACCEPTED_ALL_ON,
    )


def _synthesize_all_on(outdir: Path) -> Path:
    command = [sys.executable, "-m", "tools.scan_all_on", str(outdir)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if done.returncode != 0:
        raise ScanError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    return Path(done.stdout.strip())


def synthesized_before(stack: Path, *, nothing_may_fail: bool) -> Subject:
    """Return a stack that was synthesized before, without the audit."""
    allowed = {} if nothing_may_fail else allowed_checks(ALLOWED_LIST.read_text(encoding="utf-8"))
    return Subject(name="stack", title=str(stack), synthesize=lambda _: stack, allowed=allowed, accepted=None)


def main(arguments: Sequence[str]) -> int:
    """Run the command line described at the top of this file; return its exit status."""
    match list(arguments):
        case []:
            return scan_app(PROJECT, "prod", all_on())
        case ["--all-on"]:
            return scan_stacks([all_on()])
        case ["--stack", directory, *rest] if rest in ([], ["--all"]):
            return scan_stacks([synthesized_before(Path(directory), nothing_may_fail=bool(rest))])
        case ["--dir", directory]:
            return scan_app(Path(directory))
        case ["--dir", directory, environment]:
            return scan_app(Path(directory), environment)
        case [environment] if not environment.startswith("-"):
            return scan_app(PROJECT, environment)
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(interrupts.command(lambda: main(sys.argv[1:]), DeploymentError, ScanError, TerraformError))
