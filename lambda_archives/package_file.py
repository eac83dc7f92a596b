"""Package file: `package.toml`, which describes the archive of one service."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lambda_archives.errors import ArchiveError

KNOWN_KEYS = (
    "build",
    "build_inputs",
    "exclude",
    "exclude_if_present",
    "handler",
    "include",
    "requirements",
    "strip",
)
PROJECT_MARKER = "cdktf.json"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """The content of a `package.toml`, checked.

    Attributes:
        file: The package file itself.
        root: The folder that the paths in `include` and `build_inputs` start from.
        handler: Lambda's handler string, or None.
        include: Source files and folders, relative to `root`; they keep these paths in the zip.
        requirements: The lock file of the wheels, or None.
        exclude: Glob patterns on the zip's paths of what to leave out; each must match something.
        exclude_if_present: Patterns of what only some targets have.
        build: The script that changes the installed wheels, or None.
        build_inputs: Files and folders that the script reads, relative to `root`.
        strip: Whether debug symbols are taken out of shared objects.
    """

    file: Path
    root: Path
    handler: str | None
    include: tuple[str, ...]
    requirements: Path | None
    exclude: tuple[str, ...]
    exclude_if_present: tuple[str, ...]
    build: Path | None
    build_inputs: tuple[str, ...]
    strip: bool


def read_package_file(file: Path, *, root: Path | None) -> PackageFile:
    """Read and check a package file.

    Args:
        file: The package file, or the folder that holds a `package.toml`. A relative path starts from `root`, or from
            the current directory when there is no `root`.
        root: Root folder of the project. Default: the nearest folder above the package file with a
            `cdktf.json`.

    Raises:
        ArchiveError: if the file is missing, is not TOML, or has an unknown key or a wrong value.
    """
    file = (root / file if root is not None else file).absolute()
    if file.is_dir():
        file /= "package.toml"
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArchiveError(f"{file}: there is no such package file; correct the path or write one") from None
    except OSError as error:
        raise ArchiveError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ArchiveError(f"{file}: is not a TOML file: {error}") from error
    reader = _Reader(file, table)
    reader.check_keys()
    include = reader.strings("include")
    if not include:
        raise ArchiveError(f"{file}: include is missing or empty; list the source files and folders to ship")
    return PackageFile(
        file=file,
        root=root.absolute() if root is not None else _project_root(file),
        handler=reader.string("handler"),
        include=tuple(reader.inside(path, "include") for path in include),
        requirements=reader.sibling("requirements"),
        exclude=reader.strings("exclude"),
        exclude_if_present=reader.strings("exclude_if_present"),
        build=reader.sibling("build"),
        build_inputs=tuple(reader.inside(path, "build_inputs") for path in reader.strings("build_inputs")),
        strip=reader.flag("strip"),
    )


def find_project_root(start: Path) -> Path | None:
    """The nearest of `start` and the folders above it that holds a `cdktf.json`, or None."""
    return next((folder for folder in (start, *start.parents) if (folder / PROJECT_MARKER).is_file()), None)


def _project_root(file: Path) -> Path:
    root = find_project_root(file.parent)
    if root is None:
        raise ArchiveError(
            f"{file}: no folder above it holds a {PROJECT_MARKER}; say which folder is the root="
        )
    return root


@dataclass(frozen=True, slots=True)
class _Reader:
    file: Path
    table: dict[str, Any]

    def check_keys(self) -> None:
        for key in self.table:
            if key not in KNOWN_KEYS:
                close = difflib.get_close_matches(key, KNOWN_KEYS, n=1)
                advice = f"did you mean {close[0]!r}?" if close else f"the keys are {', '.join(KNOWN_KEYS)}"
                raise ArchiveError(f"{self.file}: unknown key {key!r}; {advice}")

    def string(self, key: str) -> str | None:
        value = self.table.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise ArchiveError(f"{self.file}: {key} is {value!r}; make it a string that is not empty")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise ArchiveError(
                f"{self.file}: {key} is {value!r}; make it a list of strings that are not empty"
            )
        return tuple(value)

    def flag(self, key: str) -> bool:
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            raise ArchiveError(f"{self.file}: {key} is {value!r}; make it true or false")
        return value

    def sibling(self, key: str) -> Path | None:
        value = self.string(key)
        if value is None:
            return None
        path = self.file.parent / value
        if not path.is_file():
            raise ArchiveError(f"{self.file}: {key} is {value!r}, but {path} is not a file; correct the path")
        return path

    def inside(self, value: str, key: str) -> str:
        """The path as it stands in the zip: relative, with `/`, and without a `.` or `..`."""
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or "\\" in value or not path.parts:
            raise ArchiveError(
                f"{self.file}: {key} has {value!r}; name a file or folder below the project's root, with '/'"
            )
        return str(path)
