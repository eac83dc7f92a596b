"""Keeps built archives, so that what has not changed is neither built nor read again.

One folder per archive and target holds zip files and small JSON records. A record is found by the hash of all that was
asked for, and says which zip file came of it. Everything is written to a temporary folder and moved into place, so a
reader sees a file whole or not at all, and two processes that build the same thing write the same bytes.

A finished zip gets a fixed time stamp: a zip that was cut short has another size, one that was written to has another
time, and both are noticed without reading it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lambda_archives.errors import ArchiveError

CACHE_VARIABLE = "LAMBDA_ARCHIVE_CACHE"
FORMAT = 1
FINISHED_TIME_NS = 315_532_800_000_000_000  # 1 January 1980, as inside the zip files
KEPT_RECORDS = 4
LEFTOVER_SECONDS = 86_400
_TEMPORARY_PREFIX = "building-"

logger = logging.getLogger("lambda_archives")


@dataclass(frozen=True, slots=True)
class Record:
    """What is known about a zip file without opening it.

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
    """The folder named by `LAMBDA_ARCHIVE_CACHE`, or the project's `.cache/archives`."""
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
            made = tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=self.folder)
        except OSError as error:
            raise ArchiveError(
                f"{self.folder}: archives cannot be cached here: {error.strerror or error}; set {CACHE_VARIABLE} to a "
                "folder that can be written to"
            ) from error
        try:
            yield Path(made)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def keep(self, key: str, built: Path, record: Record) -> Path:
        """Moves a finished zip file into place, records it under `key` and returns where it is."""
        os.utime(built, ns=(FINISHED_TIME_NS, FINISHED_TIME_NS))
        finished = self.folder / record.zip_name
        built.replace(finished)
        noted = built.with_name("record.json")
        noted.write_text(json.dumps({"format": FORMAT, **asdict(record)}), encoding="utf-8")
        noted.replace(self.folder / f"{key}.json")
        return finished

    def prune(self) -> None:
        """Deletes all but the archives used last, and what processes that were killed left behind."""
        with contextlib.suppress(OSError, ValueError):  # another process may be doing the same
            self._prune()

    def _prune(self) -> None:
        archives = sorted(self.folder.glob(f"{ARCHIVE}-*.json"), key=_last_used, reverse=True)
        kept = archives[:KEPT_ARCHIVES]
        needed: set[str] = set()
        for file in kept:
            record = _parse(file.read_text(encoding="utf-8"))
            needed |= {record.zip_name, *record.parts} if record is not None else set()
        long_ago = time.time() - GRACE_SECONDS
        for file in {*self.folder.glob("*.json")} - {*kept}:
            record = _parse(file.read_text(encoding="utf-8"))
            fresh = file not in archives and _last_used(file) > long_ago  # another process may be about to use it
            if record is None or not (fresh or record.zip_name in needed):
                file.unlink(missing_ok=True)
            elif fresh:
                needed.add(record.zip_name)
        for file in self.folder.glob("*.zip"):
            if file.name not in needed and (file.stat().st_ctime < long_ago or self._is_archive(file)):
                file.unlink(missing_ok=True)
        for folder in self.folder.glob(f"{_TEMPORARY_PREFIX}*"):
            if _last_used(folder) < long_ago:
                shutil.rmtree(folder, ignore_errors=True)
