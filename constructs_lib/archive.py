"""What a Function needs to know of its code. `LambdaArchive` fits it, and so does any object like it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol


class ArchiveTarget(Protocol):
    """What an archive is built for."""

    @property
    def architecture(self) -> Literal["arm64", "x86_64"]:
        """Lambda's name of the processor."""

    @property
    def runtime(self) -> str:
        """Lambda's name of the runtime, such as `python3.13`."""


class Archive(Protocol):
    """A zip with the code of one function."""

    @property
    def name(self) -> str:
        """A short name for files, such as `vision`."""

    @property
    def handler(self) -> str | None:
        """Where Lambda enters it; None where the Function must say it."""

    @property
    def zip_path(self) -> Path:
        """The zip, absolute."""

    @property
    def source_code_hash(self) -> str:
        """The SHA-256 of the zip, in base64."""

    @property
    def digest(self) -> str:
        """The SHA-256 of the zip, in hexadecimal."""

    @property
    def zip_bytes(self) -> int:
        """The size of the zip."""

    @property
    def unpacked_bytes(self) -> int:
        """The size of what is in it."""

    @property
    def target(self) -> ArchiveTarget:
        """What it is built for."""
