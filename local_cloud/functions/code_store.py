"""Unpacks archives, once per content, into the folders that the workers run from.

`<directory>/functions/<function>/<hash>/` holds one archive, `<directory>/layers/<hash>/` one stack of layers. A folder
appears under its name only when it is complete. So it can be used after a crash, and by the next start of the local cloud.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from local_cloud.functions.errors import InvalidZipFile

_DIGEST_CHARACTERS = 16  # enough to tell archives apart, short enough for a readable path


class ArchiveChanged(Exception):
    """The archive was replaced by a concurrent upload."""


@dataclass(frozen=True, slots=True)
class ReplacedFile:
    """A file that takes the place of an archive's."""

    data: bytes
    executable: bool = False


class CodeStore:
    """The unpacked archives below one directory."""

    def __init__(self, directory: Path) -> None:
        self._functions = directory / "functions"
        self._layers = directory / "layers"

    def folder_of(self, name: str, digest: str) -> Path:
        """Return the folder for the unpacked archive with a digest, which may not exist."""
        return self._functions / name / digest[:_DIGEST_CHARACTERS]

    def unpack(self, name: str, digest: str, archive: bytes, *, keep: Collection[str] = ()) -> Path:
        """Unpack a function's archive if it is not there yet, and return the task root.

        Unpacked archives of the same function that are neither this one nor in `keep` are removed.

        Raises:
            ArchiveChanged: The archive has another digest.
            InvalidZipFile: The archive is not a zip file, or names a path outside of itself.
        """
        folder = self.folder_of(name, digest)
        if not folder.is_dir():
            if sha256(archive).hexdigest() != digest:
                raise ArchiveChanged
            _unpack_into(folder, [archive], f"The archive of function {name!r}")
            self._remove_others(folder.parent, {digest, *keep})
        return folder

    def unpack_layers(self, archives: Sequence[tuple[str, bytes]]) -> Path:
        """Unpack layers, digests and zip files, on top of each other, into the folder that stands for `/opt`."""
        digest = sha256("\n".join(digest for digest, _ in archives).encode()).hexdigest()
        folder = self._layers / digest[:_DIGEST_CHARACTERS]
        if not folder.is_dir():
            _unpack_into(folder, [archive for _, archive in archives], "A layer's archive")
        return folder

    def with_files(
        self, name: str, digest: str, base: str, files: Mapping[str, ReplacedFile | None], *, newest: str
    ) -> Path:
        """Return a copy of an unpacked archive with some files replaced, made unless it is there already.

        Unchanged files are hard links to those of the archive, whose digest is `base`. So are compiled modules, of the
        archive and of what the function runs now, whose digest is `newest`. None removes a file.
        """
        folder, archive = self.folder_of(name, digest), self.folder_of(name, base)
        if folder.is_dir():
            return folder
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _link_tree(archive, staging, without=files)
            for path, file in files.items():
                if file is not None:
                    _place_file(staging, path, file, f"Function {name!r}")
            for compiled in (archive, self.folder_of(name, newest)):
                _link_compiled(compiled, staging)
            staging.chmod(0o755)
            staging.rename(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return folder

    def keep_only(self, name: str, digests: Collection[str]) -> None:
        """Remove the folders of a function's code with other digests."""
        self._remove_others(self._functions / name, digests)

    def _remove_others(self, parent: Path, digests: Collection[str]) -> None:
        wanted = {digest[:_DIGEST_CHARACTERS] for digest in digests}
        for entry in parent.iterdir():
            if entry.name not in wanted and not entry.name.startswith("."):
                shutil.rmtree(entry, ignore_errors=True)


def _link_tree(source: Path, target: Path, *, without: Collection[str]) -> None:
    """Link the files of a folder into another one, except for some and for compiled modules."""
    for directory, folders, names in os.walk(source):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
        relative = os.path.relpath(directory, source)
        below = "" if relative == "." else f"{relative}/"
        for folder in folders:
            (target / below / folder).mkdir()
        for name in names:
            if f"{below}{name}" not in without:
                os.link(f"{directory}/{name}", target / below / name, follow_symlinks=False)


def _link_compiled(source: Path, target: Path) -> None:
    """Link the compiled modules whose source is the same file in both folders."""
    for compiled in source.rglob("__pycache__/*.pyc"):
        module = compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
        twin = target / module.relative_to(source)
        linked = twin.parent / "__pycache__" / compiled.name
        if _is_same(module, twin) and not linked.exists():
            linked.parent.mkdir(exist_ok=True)
            linked.hardlink_to(compiled)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except FileNotFoundError:
        return False


def _place_file(root: Path, path: str, file: ReplacedFile, what: str) -> None:
    target = root / _inside(path, what)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.data)
    target.chmod(0o755 if file.executable else 0o644)


def _inside(name: str, what: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise InvalidZipFile(f"{what} holds {name!r}, a path outside of itself; remove that entry.")
    return path


def _unpack_into(folder: Path, archives: Sequence[bytes], what: str) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for archive in archives:
            _extract(archive, staging, what)
        staging.chmod(0o755)
        try:
            staging.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another invocation was faster: the same bytes are there
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _extract(archive: bytes, root: Path, what: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            for member in source.infolist():
                _extract_member(source, member, root, what)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidZipFile(f"{what} cannot be unpacked ({error}); build it again.") from error


def _extract_member(source: zipfile.ZipFile, member: zipfile.ZipInfo, root: Path, what: str) -> None:
    target = root / _inside(member.filename, what)
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = member.external_attr >> 16
    if stat.S_ISLNK(mode):
        link = source.read(member).decode()
        if not (target.parent / link).resolve().is_relative_to(root.resolve()):
            raise InvalidZipFile(
                f"{what} links {member.filename!r} to a path outside of itself; remove that entry."
            )
        target.unlink(missing_ok=True)
        target.symlink_to(link)
        return
    target.unlink(missing_ok=True)
    with source.open(member) as packed, target.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
    target.chmod(0o755 if mode & 0o111 else 0o644)
