"""Cache of built archives, so that unchanged ones are neither built nor read again.

One folder per archive and target holds zip files and small JSON records. A record is found by the hash of all that was
asked for, and says which zip file came of it. Everything is written to a temporary folder and moved into place, so a
reader sees a file whole or not at all, and two processes that build the same thing write the same bytes.

A layer is the part of an archive that is not sources. Layers have one folder per target, because functions with the
same requirements share a layer.

A finished zip gets a fixed time stamp: a zip that was cut short has another size, one that was written to has another
time, and both are noticed without reading it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lambda_archives.errors import ArchiveError

CACHE_VARIABLE = "LAMBDA_ARCHIVES_CACHE"
FORMAT = 1
FINISHED_TIME_NS = 315_532_800_000_000_000  # 1 January 1980, as inside the zip files
ARCHIVE = "archive"
LAYER = "layer"
LAYERS = ".layers"  # no archive has a name that begins with a dot
KEPT_ARCHIVES = 3
GRACE_SECONDS = 3_600
_TEMPORARY_PREFIX = "building-"
_UNFIT_FOR_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Record:
    """Facts about a zip file that can be read without opening it.

    Attributes:
        zip_name: Its name in the folder.
        sha256: Of the file, in hex.
        zip_bytes: Its size.
        unpacked_bytes: The size of its members, unpacked.
        parts: Names of other zip files that it was made from.
        matched: The exclude patterns that left something out of it.
    """

    zip_name: str
    sha256: str
    zip_bytes: int
    unpacked_bytes: int
    parts: tuple[str, ...] = ()
    matched: tuple[str, ...] = ()


def default_cache(root: Path) -> Path:
    """The folder named by `LAMBDA_ARCHIVES_CACHE`, or the project's `.cache/archives`."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).absolute() if named else root / ".cache" / "archives"


@dataclass(frozen=True, slots=True)
class ArchiveCache:
    """The folder of one archive for one target."""

    folder: Path

    def find(self, key: str) -> tuple[Path, Record] | None:
        """The zip file that was built for `key`, if it is still there and whole."""
        file = self.folder / f"{key}.json"
        try:
            record = _parse(file.read_text(encoding="utf-8"))
            if record is None or not _is_intact(self.folder / record.zip_name, record):
                return None
        except (OSError, ValueError):
            return None
        with contextlib.suppress(OSError):  # a cache that cannot be written to can still be read
            os.utime(file)
        return self.folder / record.zip_name, record

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A temporary folder beside the finished files, deleted at the end.

        Raises:
            ArchiveError: if the cache cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=self.folder)
        except OSError as error:
            raise ArchiveError(
                f"{self.folder}: archives cannot be cached here: {error.strerror or error}; set {CACHE_VARIABLE} to a "
                "folder that can be written to"
            ) from error
        try:
            yield Path(folder)
        except OSError as error:
            raise ArchiveError(
                f"{error.filename or folder}: cannot be read or written: {error.strerror or error}; make room or set "
                f"{CACHE_VARIABLE} to another folder"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, key: str, built: Path, record: Record) -> Path:
        """Move a finished zip file into place, record it under `key` and return where it is."""
        finished = self.folder / record.zip_name
        if not (finished.exists() and _is_intact(finished, record)):
            os.utime(built, ns=(FINISHED_TIME_NS, FINISHED_TIME_NS))
            built.replace(finished)
        noted = built.with_name("record.json")
        noted.write_text(json.dumps({"format": FORMAT, **asdict(record)}), encoding="utf-8")
        noted.replace(self.folder / f"{key}.json")
        return finished

    def prune(self) -> None:
        """Delete all but the archives used last, and what processes that were killed left behind."""
        with contextlib.suppress(OSError, ValueError):  # another process may be doing the same
            archives = sorted(self.folder.glob(f"{ARCHIVE}-*.json"), key=_last_used, reverse=True)
            self._keep_only(set(archives[:KEPT_ARCHIVES]))

    def prune_layers(self, archives: Path) -> None:
        """Delete the layers of this folder that no archive was made from.

        A layer that was made within the hour may belong to an archive that another process is about to make from it.

        Args:
            archives: Folder with the folders of the archives.
        """
        with contextlib.suppress(OSError, ValueError):
            records = map(_record, archives.glob(f"*/{ARCHIVE}-*.json"))
            needed = {part for record in records if record is not None for part in record.parts}
            long_ago = time.time() - GRACE_SECONDS
            layers = {file: _record(file) for file in self.folder.glob(f"{LAYER}-*.json")}
            self._keep_only(
                {
                    file
                    for file, record in layers.items()
                    if record is not None and (record.zip_name in needed or _last_used(file) > long_ago)
                }
            )

    def _keep_only(self, remaining: set[Path]) -> None:
        """Delete the records that are not in `remaining`, their zip files, and abandoned workspaces."""
        names = {record.zip_name for record in map(_record, remaining) if record is not None}
        for file in set(self.folder.glob("*.json")) - remaining:
            record = _record(file)
            file.unlink(missing_ok=True)
            if record is not None and record.zip_name not in names:
                (self.folder / record.zip_name).unlink(missing_ok=True)
        for folder in self.folder.glob(f"{_TEMPORARY_PREFIX}*"):
            if _last_used(folder) < time.time() - GRACE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def file_stem(name: str) -> str:
    """`name` as far as it is fit for the name of a file on every system."""
    return _UNFIT_FOR_FILE_NAME.sub("-", name).strip("-.") or "archive"


def _record(file: Path) -> Record | None:
    return _parse(file.read_text(encoding="utf-8"))


def _last_used(file: Path) -> float:
    return file.stat().st_mtime


def _is_intact(file: Path, record: Record) -> bool:
    """Return whether a zip file is the recorded one. Reads it only if its size or time of change differs."""
    status = file.stat()
    if status.st_size != record.zip_bytes:
        return False
    if status.st_mtime_ns == FINISHED_TIME_NS:
        return True
    # Copied without its time, perhaps: look once, and remember.
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != record.sha256:
            return False
    with contextlib.suppress(OSError):
        os.utime(file, ns=(FINISHED_TIME_NS, FINISHED_TIME_NS))
    return True


def _parse(text: str) -> Record | None:
    """Read a record; None if it is cut short, damaged, or of another version of this module."""
    try:
        fields = json.loads(text)
        if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
            return None
        record = Record(**fields | {"parts": tuple(fields["parts"]), "matched": tuple(fields["matched"])})
    except (ValueError, LookupError, TypeError):
        return None
    names = (record.zip_name, record.sha256, *record.parts, *record.matched)
    sizes = (record.zip_bytes, record.unpacked_bytes)
    sound = all(isinstance(name, str) for name in names) and all(isinstance(size, int) for size in sizes)
    return record if sound and Path(record.zip_name).name == record.zip_name else None
