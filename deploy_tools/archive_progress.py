"""Archives of Lambda functions that a synthesis builds, read while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambda_archives.progress import PROGRESS_VARIABLE
from lambda_archives.request import ArchiveRequest


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


@dataclass(frozen=True, slots=True)
class BuiltArchive:
    """Archive that a synthesis built or found.

    Attributes:
        name: Name of the archive.
        sha256: SHA-256 of the zip, in hexadecimal.
        layer: Hash of what decides the wheels' part. None without one.
        files: Identities of all other files by their paths in the zip.
        request: Arguments of the archive.
    """

    name: str
    sha256: str
    layer: str | None
    files: Mapping[str, str]
    request: ArchiveRequest


@dataclass(slots=True)
class SynthesisRecord:
    """Inputs of a synthesis, filled while it runs.

    Attributes:
        archives: Its archives by the SHA-256 of the zip.
        imported: Modules that it imported from below the app's folder. None while unknown.
    """

    archives: dict[str, BuiltArchive] = field(default_factory=dict)
    imported: frozenset[Path] | None = None


class ArchiveProgress:
    """Reader of the reports of a synthesis on its archives.

    Args:
        file: File that the synthesis writes to. May be missing.
        on_event: Called with each event, once.
        record: Is filled. Default: a new one.
    """

    def __init__(
        self, file: Path, on_event: Callable[[ArchiveEvent], None], record: SynthesisRecord | None = None
    ) -> None:
        self._file = file
        self._on_event = on_event
        self._record = SynthesisRecord() if record is None else record
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
                self._take(json.loads(line))

    def _take(self, fields: Mapping[str, Any]) -> None:
        if "imported" in fields:
            self._record.imported = frozenset(map(Path, fields["imported"]))
            return
        if "request" in fields:
            self._record.archives[fields["sha256"]] = BuiltArchive(
                name=fields["archive"],
                sha256=fields["sha256"],
                layer=fields["layer"],
                files=fields["files"],
                request=ArchiveRequest.from_json(fields["request"]),
            )
        self._on_event(ArchiveEvent(fields["archive"], fields.get("zip_bytes"), fields.get("unpacked_bytes")))
