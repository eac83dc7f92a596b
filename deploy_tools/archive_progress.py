"""Archives of Lambda functions that a synthesis builds, read while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lambda_archives.progress import PROGRESS_VARIABLE


@dataclass(frozen=True, slots=True)
class ArchiveEvent:
    """Archive that is begun or ready.

    Attributes:
        archive: Name of the archive.
        zip_bytes: Size of the zip in bytes. None while it is built.
        unpacked_bytes: Size of its files in bytes. None while it is built.
    """

    archive: str
    zip_bytes: int | None = None
    unpacked_bytes: int | None = None


class ArchiveProgress:
    """Reads what a synthesis reports of its archives.

    Args:
        file: File that the synthesis writes to. May be missing.
        on_event: Called with each event, once.
    """

    def __init__(self, file: Path, on_event: Callable[[ArchiveEvent], None]) -> None:
        self._file = file
        self._on_event = on_event
        self._read = 0

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of the synthesis."""
        return {PROGRESS_VARIABLE: str(self._file)}

    def read(self) -> None:
        """Read what was added since the last call."""
        if not self._file.is_file():
            return
        with self._file.open("rb") as progress:
            progress.seek(self._read)
            whole, _, _ = progress.read().rpartition(b"\n")
        if whole:
            self._read += len(whole) + 1
            for line in whole.splitlines():
                self._on_event(ArchiveEvent(**json.loads(line)))
