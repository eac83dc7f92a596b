"""Lock file of an archive's wheels: one pinned, hashed requirement a line, for one target.

pip itself evaluates environment markers for the interpreter that runs it, not for the target it downloads for. So
the markers are evaluated here, and pip gets a file without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lambda_archives.errors import ArchiveError
from lambda_archives.target import Target

_HASH_OPTION = re.compile(r"\s--hash[=\s]\s*(\S+)")
_HASH = re.compile(r"sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})")
_INDEXES = "set indexes in pip's own configuration"
_INSTEAD = dict.fromkeys(
    ("-e", "--editable"),
    "list the folder of the project itself in the include of package.toml (uv export --no-emit-project leaves the line "
    "out), or build a wheel of it",
)
_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True, slots=True)
class PinnedRequirement:
    """One package at one version, with the hashes that its wheel may have.

    Attributes:
        name: The package's normalized name.
        version: Its version.
        hashes: The hashes, such as `sha256:…`.
    """

    name: NormalizedName
    version: Version
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def line(self) -> str:
        """The requirement as a line of a file for pip."""
        return " ".join([str(self), *(f"--hash={value}" for value in self.hashes)])


def read_requirements(file: Path, target: Target) -> tuple[PinnedRequirement, ...]:
    """Read the requirements that apply to `target`.

    Raises:
        ArchiveError: for a requirement without an exact version or a hash, for an option or an address, and for a
            package that is required twice.
    """
    found: dict[NormalizedName, PinnedRequirement] = {}
    for number, line in _logical_lines(file):
        requirement = _parse(f"{file}:{number}", line, target)
        if requirement is None:
            continue
        if requirement.name in found:
            raise ArchiveError(
                f"{file}:{number}: {requirement.name} is required twice; remove one of the lines"
            )
        found[requirement.name] = requirement
    return tuple(found.values())


def _logical_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers, continued lines joined, without comments and empty lines."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except ValueError:
        raise ArchiveError(f"{file}: is not UTF-8; save it as UTF-8") from None
    start, joined = 0, ""
    for number, line in enumerate([*lines, ""], 1):
        start = start if joined else number
        text = _COMMENT.sub("", line).rstrip()
        if text.endswith("\\"):
            joined += text[:-1] + " "
            continue
        if joined + text.strip():
            yield start, (joined + text).strip()
        joined = ""


def _parse(where: str, line: str, target: Target) -> PinnedRequirement | None:
    if line.startswith("-"):
        option = line.split()[0].split("=")[0]
        raise ArchiveError(
            f"{where}: the option {option} is not allowed; list pinned requirements only, and {_INSTEAD.get(option, _INDEXES)}"
        )
    hashes = tuple(dict.fromkeys(_HASH_OPTION.findall(line)))
    text = _HASH_OPTION.sub("", line).strip()
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise ArchiveError(
            f"{where}: {text!r} is not a requirement: {reason}; write NAME==VERSION --hash=…"
        ) from None
    if requirement.url is not None:
        raise ArchiveError(
            f"{where}: {requirement.name} is required by its address; write {requirement.name}==VERSION --hash=…"
        )
    if not _applies(requirement, target):
        return None
    version = _exact_version(requirement)
    if version is None:
        raise ArchiveError(
            f"{where}: {text!r} does not pin a version; write {requirement.name}==VERSION --hash=…"
        )
    if not hashes:
        raise ArchiveError(
            f"{where}: {requirement.name}=={version} has no --hash; make the file again with hashes "
            "(pip-compile --generate-hashes, or uv pip compile --generate-hashes)"
        )
    for value in hashes:
        if not _HASH.fullmatch(value):
            raise ArchiveError(
                f"{where}: {requirement.name}=={version} has the hash {value!r}; use sha256:, sha384: or sha512: and "
                "the hash in small hexadecimal digits"
            )
    return PinnedRequirement(name=canonicalize_name(requirement.name), version=version, hashes=hashes)


def _exact_version(requirement: Requirement) -> Version | None:
    specifiers = list(requirement.specifier)
    if len(specifiers) != 1 or specifiers[0].operator != "==":
        return None
    try:
        return Version(specifiers[0].version)
    except InvalidVersion:
        return None


def _applies(requirement: Requirement, target: Target) -> bool:
    if requirement.marker is None:
        return True
    environment = cast("dict[str, str]", default_environment()) | target.marker_environment
    return requirement.marker.evaluate(environment | {"extra": ""})
