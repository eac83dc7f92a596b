"""Fetches an archive's wheels with pip, for the target rather than for this machine, and lists what is in them.

The wheels are not installed: a wheel is a zip file whose files, by its specification, are used as they lie in
it. So the archive takes over each file in the compressed form in which the publisher shipped it. It omits the
installation record, command line scripts and C headers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from lambda_archives.errors import ArchiveError
from lambda_archives.requirements import PinnedRequirement
from lambda_archives.target import Target
from lambda_archives.zip_reader import zip_members
from lambda_archives.zip_writer import Member

# What the user's pip settings may not change; where packages come from is left to them.
OVERRIDDEN_SETTINGS = (
    "PIP_ABI",
    "PIP_CONSTRAINT",
    "PIP_DEST",
    "PIP_IMPLEMENTATION",
    "PIP_NO_BINARY",
    "PIP_PLATFORM",
    "PIP_PYTHON_VERSION",
    "PIP_REQUIREMENT",
)

ERROR_TAIL_LINES = 15
WHEELS_PER_PROCESS = 4

_NO_MATCH = re.compile(r"No matching distribution found for (\S+)")
_WRONG_HASH = re.compile(r"DO NOT MATCH THE HASHES.*?\n\s+(\S+==\S+)", re.DOTALL)
_UNREACHABLE = re.compile(
    r"Retrying \(Retry|NewConnectionError|NameResolutionError|ProxyError|SSLError|ConnectTimeout"
)
_NOISE = re.compile(r"^(WARNING: (Location|Retrying|Skipping)|Looking in|\[notice\]|\s*$)")
_PLACED_DATA = re.compile(r"[^/]+\.data/(purelib|platlib|data)/(.+)")
_UNPLACED_DATA = re.compile(r"[^/]+\.data/")
_RECORD = re.compile(r"[^/]+\.dist-info/RECORD(\.jws|\.p7s)?")


def default_pip() -> tuple[str, ...]:
    """The command of the pip that belongs to the running interpreter."""
    return (sys.executable, "-m", "pip")


def download_wheels(
    requirements: Sequence[PinnedRequirement], *, lock: Path, target: Target, folder: Path, pip: Sequence[str]
) -> tuple[Path, ...]:
    """Download the wheel of each requirement into `folder`, its hash checked.

    Args:
        requirements: What to download; nothing else is, dependencies included.
        lock: The file that they come from, for messages.
        target: What the wheels must run on.
        folder: An empty folder.
        pip: The command of pip.

    Returns:
        The wheels, sorted by name.

    Raises:
        ArchiveError: if a wheel does not exist for the target, has another hash, or cannot be fetched.
    """
    if not requirements:
        return ()
    wheels = folder / "wheels"
    wheels.mkdir()
    # pip is busy with Python, not with the network: a process for each processor halves the time on two.
    count = min(os.cpu_count() or 1, -(-len(requirements) // WHEELS_PER_PROCESS))
    parts = [requirements[number::count] for number in range(count)]
    with ThreadPoolExecutor(count) as threads:
        runs = [
            threads.submit(_download, part, number, lock=lock, target=target, folder=folder, pip=pip)
            for number, part in enumerate(parts)
        ]
    for run in runs:
        run.result()
    return _check_downloads(requirements, wheels, lock)


def _download(
    requirements: Sequence[PinnedRequirement],
    number: int,
    *,
    lock: Path,
    target: Target,
    folder: Path,
    pip: Sequence[str],
) -> None:
    names = folder / f"requirements-{number}.txt"
    names.write_text("".join(f"{requirement.line}\n" for requirement in requirements), encoding="utf-8")
    command = [
        *pip,
        "download",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
        *target.pip_options,
        f"--dest={folder / 'wheels'}",
        f"--requirement={names}",
    ]
    environment = {name: value for name, value in os.environ.items() if name not in OVERRIDDEN_SETTINGS}
    environment |= {"PYTHONIOENCODING": "utf-8"}
    try:
        # The folder is the working directory, so that no file of the project is taken for a module of pip's.
        done = subprocess.run(
            command,
            check=False,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise ArchiveError(
            f"{lock}: pip cannot be started as {pip[0]!r}: {error.strerror or error}"
        ) from error
    if done.returncode != 0:
        raise ArchiveError(f"{lock}: {_explain(done.stderr, target)}")


def _explain(stderr: str, target: Target) -> str:
    """Return the reason of pip's failure, with the remedy."""
    no_match = _NO_MATCH.search(stderr)
    if no_match and not _UNREACHABLE.search(stderr):
        tags = f", tags {target.platform_tags[0]} and older" if target.platform_tags else ""
        return (
            f"{no_match[1]} has no wheel for {target}{tags}; pin a version that has one, leave the package out, "
            "choose another target, or build its wheel (pip wheel) for an index or a --find-links folder of pip's "
            "configuration. pip said:\n" + error_tail(stderr)
        )
    wrong_hash = _WRONG_HASH.search(stderr)
    if wrong_hash:
        return (
            f"the wheel of {wrong_hash[1]} has none of the hashes in the file; make the file again if the hashes of "
            "this wheel are missing, and trust no other. pip said:\n" + error_tail(stderr)
        )
    if "No module named pip" in stderr:
        return f"{sys.executable} has no pip to fetch wheels with; run `{sys.executable} -m ensurepip`"
    if _UNREACHABLE.search(stderr):
        return (
            "pip cannot reach a package index; check the network and pip's configuration. pip said:\n"
            + error_tail(stderr)
        )
    return "pip cannot fetch the wheels. pip said:\n" + error_tail(stderr)


def error_tail(text: str) -> str:
    """The last lines of what a program wrote, indented and without pip's usual warnings."""
    lines = [line.rstrip() for line in text.splitlines() if not _NOISE.match(line)]
    return "\n".join(f"    {line}" for line in lines[-ERROR_TAIL_LINES:]) or "    (nothing)"


def _check_downloads(requirements: Sequence[PinnedRequirement], folder: Path, lock: Path) -> tuple[Path, ...]:
    wheels = tuple(sorted(folder.iterdir()))
    found = set()
    for wheel in wheels:
        try:
            name, version, _, _ = parse_wheel_filename(wheel.name)
        except InvalidWheelFilename:
            raise ArchiveError(
                f"{lock}: pip fetched {wheel.name}, which is not a wheel; pin another version"
            ) from None
        found.add((name, version))
    for requirement in requirements:
        if (requirement.name, requirement.version) not in found:
            raise ArchiveError(
                f"{lock}: pip said it fetched {requirement} but did not; delete pip's cache and retry"
            )
    return wheels


def wheel_members(wheel: Path) -> Iterator[Member]:
    """Yield the files of a wheel that belong into an archive, at their paths there.

    Raises:
        ArchiveError: if the file is damaged or names a path outside the archive.
    """
    return zip_members(wheel, origin=wheel.name, place=_place)


def _place(path: str) -> str | None:
    """Return the path in the archive for a file of a wheel, or None to omit the file."""
    placed = _PLACED_DATA.fullmatch(path)
    if placed:
        path = placed[2]
    elif _UNPLACED_DATA.match(path) or _RECORD.fullmatch(path):
        return None
    return None if "__pycache__" in path.split("/") else path
