"""Source files of an archive and their hashes, the same on every machine.

A file's identity is its path, whether it is executable, and its bytes. Times, owners, other mode bits and the order in
which a folder lists its entries play no part. Empty folders are left out, as git leaves them out.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lambda_archives.errors import ArchiveError
from lambda_archives.zip_writer import FileBytes, Member

# Left behind by interpreters, editors, version control and desktops; and `.env`, which holds secrets.
JUNK_NAMES = frozenset(
    {
        "__pycache__",
        ".DS_Store",
        ".env",
        ".git",
        ".gitignore",
        ".hg",
        ".hypothesis",
        ".idea",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".venv",
        ".vscode",
        "Thumbs.db",
        "desktop.ini",
    }
)
JUNK_PATTERNS = ("*.pyc", "*.pyo", "*.swo", "*.swp", "*~", "#*#", ".#*", "._*", ".env.*")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that goes into an archive.

    Attributes:
        path: Its path in the zip, with `/`.
        file: Where it is on disk.
        executable: Its owner may execute it.
        size: In bytes.
        sha256: Of its bytes, in hex.
    """

    path: str
    file: Path
    executable: bool
    size: int
    sha256: str

    @property
    def member(self) -> Member:
        """The file as a member of a zip."""
        content = FileBytes(file=self.file, sha256=self.sha256)
        return Member(
            self.path, executable=self.executable, size=self.size, origin=str(self.file), content=content
        )


def is_junk(name: str) -> bool:
    """Return whether files or folders of this name are excluded from every archive."""
    return name in JUNK_NAMES or any(fnmatch.fnmatchcase(name, pattern) for pattern in JUNK_PATTERNS)


def read_tree(
    start: Path, *, path: str, boundary: Path, skip: Callable[[Path], bool] | None = None
) -> Iterator[SourceFile]:
    """Yield the files of a folder, or the one file, in the order of their paths within each folder.

    Args:
        start: The folder or file.
        path: Its path in the zip, with `/`; empty for the root of the zip.
        boundary: The folder that symbolic links may not lead out of; what they lead to is taken in their place.
        skip: Says which files and folders below `start` to leave out. None are, but for junk, when left out.

    Raises:
        ArchiveError: for a link that leads outside or in a circle, an entry that is neither file nor folder, a name
            that cannot be in an archive, or a file that cannot be read.
    """
    walk = _Walk(boundary=Path(os.path.realpath(boundary)), skip=skip or (lambda _: False))
    walk.check_inside(start)
    yield from walk.visit(start, path, ())


@dataclass(frozen=True, slots=True)
class _Walk:
    boundary: Path
    skip: Callable[[Path], bool]

    def visit(self, file: Path, path: str, above: tuple[Path, ...]) -> Iterator[SourceFile]:
        """Yield what is at `file`; `above` are the real folders that led here."""
        try:
            if file.is_symlink():
                self.check_inside(file)
            status = file.stat()
            if stat.S_ISDIR(status.st_mode):
                yield from self._folder(file, path, above)
            elif stat.S_ISREG(status.st_mode):
                yield _read(file, path, executable=bool(status.st_mode & stat.S_IXUSR))
            else:
                raise ArchiveError(f"{file}: is neither a file nor a folder; remove it")
        except OSError as error:
            raise ArchiveError(f"{file}: cannot be read: {error.strerror or error}") from error

    def _folder(self, folder: Path, path: str, above: tuple[Path, ...]) -> Iterator[SourceFile]:
        real = Path(os.path.realpath(folder))
        if real in above:
            raise ArchiveError(f"{folder}: is a symbolic link to a folder that holds it; remove the link")
        for child in sorted(folder.iterdir(), key=lambda entry: entry.name):
            name = child.name
            if is_junk(name) or self.skip(child):
                continue
            _check_name(folder, name)
            yield from self.visit(child, f"{path}/{name}" if path else name, (*above, real))

    def check_inside(self, link: Path) -> None:
        """Reject what leads out of the boundary or nowhere."""
        real = Path(os.path.realpath(link))
        if not real.exists():
            raise ArchiveError(f"{link}: is a symbolic link to nothing ({real}); remove it")
        if not real.is_relative_to(self.boundary):
            raise ArchiveError(f"{link}: leads to {real}, outside {self.boundary}; put a copy in its place")


def _check_name(folder: Path, name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise ArchiveError(f"{folder}: the name {name!r} is not UTF-8; rename the file") from None
    if any(character == "\\" or character < " " or character == "\x7f" for character in name):
        raise ArchiveError(
            f"{folder}: the name {name!r} has a backslash or a control character; rename the file"
        )


def _read(file: Path, path: str, *, executable: bool) -> SourceFile:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        size = opened.tell()
    return SourceFile(path=path, file=file, executable=executable, size=size, sha256=digest)
