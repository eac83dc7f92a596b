"""Protocol of a function's code archive. `LambdaArchive` implements it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Protocol

MAX_DIRECT_UPLOAD_BYTES: Final = 50_000_000
"""Lambda's quota for the zip in the request that creates a function."""


class ArchiveTarget(Protocol):
    """Runtime and architecture of an archive."""

    @property
    def architecture(self) -> Literal["arm64", "x86_64"]:
        """Architecture, such as `arm64`."""

    @property
    def runtime(self) -> str:
        """Runtime, such as `python3.13`."""


class Archive(Protocol):
    """Zip file with the code of a function."""

    @property
    def name(self) -> str:
        """Short name for files, such as `vision`."""

    @property
    def handler(self) -> str | None:
        """Handler. None if the Function must set it."""

    @property
    def zip_path(self) -> Path:
        """Absolute path of the zip file."""

    @property
    def source_code_hash(self) -> str:
        """SHA-256 of the zip file, in base64."""

    @property
    def digest(self) -> str:
        """SHA-256 of the zip file, in hexadecimal."""

    @property
    def zip_bytes(self) -> int:
        """Size of the zip file in bytes."""

    @property
    def unpacked_bytes(self) -> int:
        """Size of the unpacked files in bytes."""

    @property
    def target(self) -> ArchiveTarget:
        """Runtime and architecture."""
