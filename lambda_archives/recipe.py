"""Recipe of an archive, with the hashes that identify its layer and its zip file in the cache.

Making a recipe reads the sources once and nothing else of any size: no wheel, no zip.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lambda_archives.errors import ArchiveError
from lambda_archives.members import exclude_members
from lambda_archives.package_file import PackageFile
from lambda_archives.sources import SourceFile, read_tree
from lambda_archives.target import Target
from lambda_archives.zip_writer import Member, MemoryBytes

# Counts up whenever the same request would give other bytes than before.
FORMAT = "1"

# Beside a service's sources, and of no use to Lambda.
NOT_SHIPPED = frozenset({"package.toml", "requirements.in", "requirements.txt", "tests"})


@dataclass(frozen=True, slots=True)
class Recipe:
    """Contents of an archive.

    Attributes:
        name: The archive's name.
        where: The package file or folder that asked for it, for messages.
        target: What the wheels must run on.
        sources: The source files.
        handler: Lambda's handler string, or None.
        requirements: The lock file of the wheels, or None.
        exclude: Glob patterns of what to leave out; each must match something.
        exclude_if_present: Glob patterns of what to leave out where it is there.
        build: The script that changes the wheels, or None.
        build_inputs: Files that the script reads.
        strip: Whether to take debug symbols out of shared objects.
        generated: Further files by their paths in the zip, with their bytes.
    """

    name: str
    where: str
    target: Target
    sources: tuple[SourceFile, ...]
    handler: str | None = None
    requirements: Path | None = None
    exclude: tuple[str, ...] = ()
    exclude_if_present: tuple[str, ...] = ()
    build: Path | None = None
    build_inputs: tuple[SourceFile, ...] = ()
    strip: bool = False
    generated: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def has_layer(self) -> bool:
        """Return whether the archive contains anything besides sources."""
        return self.requirements is not None or self.build is not None

    @property
    def left_out(self) -> tuple[str, ...]:
        """All patterns of what to leave out."""
        return (*self.exclude, *self.exclude_if_present)

    def own_members(self) -> tuple[list[Member], set[str]]:
        """Return the members that are not of the layer, and the patterns that left something out of them."""
        generated = (
            Member(path, executable=False, size=len(data), origin="generated", content=MemoryBytes(data))
            for path, data in self.generated.items()
        )
        members = (*(source.member for source in self.sources), *generated)
        return exclude_members(members, self.left_out)

    @property
    def layer_key(self) -> str:
        """The hash of what decides the part of the archive that is not sources."""
        return _hash(
            "layer",
            FORMAT,
            self.target.identity,
            _hash_file(self.requirements),
            _hash_file(self.build),
            _identities(self.build_inputs),
            self.exclude,
            self.exclude_if_present,
            self.strip,
        )

    @property
    def archive_key(self) -> str:
        """The hash of all that decides the archive."""
        layer = self.layer_key if self.has_layer else None
        patterns = (self.exclude, self.exclude_if_present)
        generated = [
            (path, hashlib.sha256(data).hexdigest()) for path, data in sorted(self.generated.items())
        ]
        more = (generated,) if generated else ()
        return _hash("archive", FORMAT, layer, patterns, self.handler, _identities(self.sources), *more)


def package_recipe(
    package: PackageFile, *, target: Target, cache: Path, generated: Mapping[str, bytes]
) -> Recipe:
    """Read what a package file asks for.

    Raises:
        ArchiveError: if an included file or folder is missing or has nothing to ship.
    """
    where = str(package.file)
    beside = (package.requirements, package.build, cache)

    def not_shipped(file: Path) -> bool:
        return file.name in NOT_SHIPPED or _is_one_of(file, beside)

    def cached(file: Path) -> bool:
        return _is_one_of(file, (cache,))

    return Recipe(
        name=package.file.parent.name,
        where=where,
        target=target,
        sources=_read_named(where, "include", package.root, package.include, not_shipped),
        handler=package.handler,
        requirements=package.requirements,
        exclude=tuple(sorted(set(package.exclude))),
        exclude_if_present=tuple(sorted(set(package.exclude_if_present))),
        build=package.build,
        build_inputs=_read_named(where, "build_inputs", package.root, package.build_inputs, cached),
        generated=dict(generated),
        strip=package.strip,
    )


def directory_recipe(
    source: Path,
    *,
    name: str | None,
    requirements: Path | None,
    exclude: Sequence[str],
    target: Target,
    cache: Path,
) -> Recipe:
    """Read a folder whose content goes to the root of the archive.

    Raises:
        ArchiveError: if the folder is missing or has nothing to ship, or there is no such file of requirements.
    """
    if not source.is_dir():
        raise ArchiveError(f"{source}: there is no such folder; correct the path")
    if requirements is not None and not requirements.is_file():
        raise ArchiveError(
            f"{source}: requirements is {str(requirements)!r}, which is not a file; correct the path"
        )
    files = read_tree(
        source, path="", boundary=source, skip=lambda file: _is_one_of(file, (requirements, cache))
    )
    sources = tuple(sorted(files, key=lambda file: file.path))
    if not sources:
        raise ArchiveError(f"{source}: holds no files to ship; put the handler's code there")
    return Recipe(
        name=name or source.name,
        where=str(source),
        target=target,
        sources=sources,
        requirements=requirements,
        exclude=tuple(sorted(set(exclude))),
    )


def _read_named(
    where: str, key: str, root: Path, paths: Sequence[str], skip: Callable[[Path], bool]
) -> tuple[SourceFile, ...]:
    """Read the files and folders that a package file names, sorted by path and each once."""
    found: dict[str, SourceFile] = {}
    for path in paths:
        start = root / path
        if not start.exists():
            raise ArchiveError(f"{where}: {key} {path!r} does not exist below {root}; correct or remove it")
        files = {file.path: file for file in read_tree(start, path=path, boundary=root, skip=skip)}
        if not files:
            raise ArchiveError(f"{where}: {key} {path!r} holds no files to ship; correct or remove it")
        found |= files
    return tuple(found[path] for path in sorted(found))


def _is_one_of(file: Path, others: Sequence[Path | None]) -> bool:
    return any(
        other is not None and other.name == file.name and other.exists() and file.samefile(other)
        for other in others
    )


def _identities(files: Sequence[SourceFile]) -> list[tuple[str, bool, str]]:
    return [(file.path, file.executable, file.sha256) for file in files]


def _hash_file(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ArchiveError(f"{file}: cannot be read: {error.strerror or error}") from error


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()
