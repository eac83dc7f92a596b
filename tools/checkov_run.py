"""Runner of Checkov on one file, in an environment of its own and without network access.

Checkov is installed from requirements-scan.lock into an environment of its own below `.cache/scan`: what it
needs conflicts with what the project needs. It needs no network: `--skip-download` disables its vendor's
server, CKV_SKIP_PACKAGE_UPDATE_CHECK the check for new versions and `--skip-results-upload` the upload;
`checkov_offline.py` blocks all other connections.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.project import PROJECT

LOCK: Final = PROJECT / "requirements-scan.lock"
CACHE: Final = PROJECT / ".cache" / "scan"
SYNTHESIZED: Final = "cdk.tf.json"
PLANNED: Final = "plan.json"
_FRAMEWORKS: Final = {SYNTHESIZED: "terraform_json", PLANNED: "terraform_plan"}
_CRASH: Final = re.compile(
    r"^\d{4}-[^\n]*Failed to run check (CKV\w+) on .*?(?=^\d{4}-\d\d-\d\d |\Z)", re.MULTILINE | re.DOTALL
)


class ScanError(Exception):
    """Failure of a scan; the message has the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Failed check.

    Attributes:
        check: Its id, such as `CKV_AWS_76`.
        name: Its title.
        resources: Addresses of the resources that failed, sorted.
    """

    check: str
    name: str
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """Result of Checkov for one file.

    Attributes:
        source: The file's name.
        passed: How many checks passed, counted for each resource.
        skipped: How many were suppressed.
        failures: Failed checks by id.
        crashed: The ids of the checks that crashed inside Checkov.
    """

    source: str
    passed: int
    skipped: int
    failures: tuple[Failure, ...]
    crashed: tuple[str, ...] = ()


def scan_of(source: str, printed: str, addresses: Mapping[str, str], crashed: tuple[str, ...] = ()) -> Scan:
    """Read what Checkov printed as JSON.

    Args:
        source: The file that it scanned.
        printed: What it printed.
        addresses: The addresses by name; of a JSON file, Checkov often knows the name of a resource only.
        crashed: The ids of the checks that crashed inside Checkov.

    Raises:
        ScanError: It is not a result, or the file could not be parsed.
    """
    try:
        result = json.loads(printed)
        summary = result.get("summary", result)
        passed, skipped, unread = (int(summary[key]) for key in ("passed", "skipped", "parsing_errors"))
        failed = result.get("results", {}).get("failed_checks", ())
        places: dict[tuple[str, str], set[str]] = {}
        for check in failed:
            place = str(check["resource"])
            candidates = (
                addresses.get(place.removeprefix("resource."), place)
                if place.startswith("resource.")
                else place
            )
            places.setdefault((check["check_id"], check["check_name"]), set()).add(candidates)
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise ScanError(f"Checkov printed no result for {source} ({error!r}): {printed[:500]}") from error
    if unread:
        raise ScanError(f"Checkov could not parse {source}. It may know no such syntax; see its log above.")
    failures = (Failure(check, name, tuple(sorted(where))) for (check, name), where in sorted(places.items()))
    return Scan(source, passed, skipped, tuple(failures), crashed)


def readable_copy(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a `cdk.tf.json` that Checkov can read: without the plain strings in its `terraform` block."""
    settings = {
        name: value for name, value in written.get("terraform", {}).items() if not isinstance(value, str)
    }
    return {**written, "terraform": settings}


def addresses_in(written: Mapping[str, Any]) -> dict[str, str]:
    """Return the addresses of the resources of a `cdk.tf.json`, by name."""
    return {name: f"{kind}.{name}" for kind, named in written.get("resource", {}).items() for name in named}


def installed_checkov(cache: Path = CACHE, lock: Path = LOCK) -> Path:
    """Return the Python with Checkov; install it on first use, and again when the lock changes.

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


def crashes_in(log: str) -> tuple[tuple[str, ...], str]:
    """Return the ids of the checks that crashed, by what Checkov logged, and the rest of the log."""
    return tuple(sorted(set(_CRASH.findall(log)))), _CRASH.sub("", log)


def run_checkov(python: Path, source: str, directory: Path) -> tuple[str, tuple[str, ...]]:
    """Run Checkov on a file, alone in its directory.

    Returns:
        Its output, and the ids of the checks that crashed.

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
    crashed, log = crashes_in(done.stderr)
    if log:
        print(log, file=sys.stderr, end="")
    if done.returncode not in (0, 1):
        raise ScanError(f"Checkov ended with status {done.returncode} for {source}:\n{done.stdout}")
    return done.stdout, crashed
