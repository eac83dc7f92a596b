"""Log files of bounded size: a full one is kept beside the next one until that is full too."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final

MEGABYTE: Final = 1024 * 1024


class BoundedFile:
    """Append to a file; start it again when it is full.

    The full file is kept with `.1` at the end of its name, in place of the one before, so that the two take at most twice
    `most_bytes`. Writing is thread-safe. It ignores errors, as a full disk must not end a request.

    Args:
        path: The file; its directory is created when the first bytes are written.
        most_bytes: Size at which it starts again, in bytes. Default: 20 MB.
    """

    def __init__(self, path: Path, *, most_bytes: int = 20 * MEGABYTE) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._file: BinaryIO | None = None
        self._closed = False
        self._bytes = 0
        self._lock = Lock()

    def write(self, data: bytes) -> None:
        """Append bytes, which are in the file when this returns; once the file is closed, do nothing."""
        with self._lock, suppress(OSError):
            if self._closed:
                return
            file = self._file or self._open()
            if self._bytes and self._bytes + len(data) > self._most_bytes:
                file.close()
                self._file = None
                self._path.replace(previous(self._path))
                file = self._open()
            file.write(data)
            self._bytes += len(data)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None

    def delete(self) -> None:
        """Close the file, and delete it with the full one."""
        self.close()
        self._path.unlink(missing_ok=True)
        previous(self._path).unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = file = self._path.open("ab", buffering=0)
        self._bytes = file.tell()
        return file


class BoundedFolder:
    """Log files in a folder, one for each name.

    A file more than `most_files` takes the place of the one that was written to least recently.

    Args:
        directory: The folder.
        most_files: Number of names. Default: 100.
        most_bytes: Size at which a file starts again, in bytes. Default: 4 MB.
    """

    def __init__(self, directory: Path, *, most_files: int = 100, most_bytes: int = 4 * MEGABYTE) -> None:
        self._directory = directory
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._files: OrderedDict[str, BoundedFile] | None = None
        self._closed = False
        self._lock = Lock()

    def write(self, name: str, data: bytes) -> None:
        """Append bytes to the file of a name, `<name>.log`; once the folder is closed, do nothing."""
        with self._lock:
            if self._closed:
                return
            files = self._known()
            if name not in files:
                while len(files) >= self._most_files:
                    files.popitem(last=False)[1].delete()
                files[name] = self._file(name)
            files.move_to_end(name)
            files[name].write(data)

    def remark(self, name: str, text: str) -> None:
        """Append a line of the local cloud's own to the log of a function, which AWS would not write."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.write(name, f"{now} local cloud: {text}\n".encode())

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            self._closed = True
            for file in (self._files or {}).values():
                file.close()

    def _known(self) -> OrderedDict[str, BoundedFile]:
        """The files by name, with those of earlier runs; the one that was written to least recently comes first."""
        if self._files is None:
            found = [path for path in self._directory.glob("*.log") if path.is_file()]
            found.sort(key=lambda path: path.stat().st_mtime)
            self._files = OrderedDict((path.stem, self._file(path.stem)) for path in found)
        return self._files

    def _file(self, name: str) -> BoundedFile:
        return BoundedFile(self._directory / f"{name}.log", most_bytes=self._most_bytes)


def previous(path: Path) -> Path:
    """Return where a full file is kept."""
    return path.with_name(f"{path.name}.1")
