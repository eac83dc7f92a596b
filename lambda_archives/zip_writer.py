"""Writer of zip files whose bytes depend on their members only.

The standard library's writer records the machine's system and lets zlib compress, and zlib's output differs between
its implementations. So nothing is compressed here: a member is either stored, or its already compressed bytes are
copied out of the zip file (a wheel) that it comes from. That also makes writing as fast as copying.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lambda_archives.errors import ArchiveError

STORED = 0
DEFLATED = 8
MAX_MEMBERS = 65_535

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
_END_RECORD = struct.Struct("<4s4H2LH")
_VERSION = 20
_UNIX = 3 << 8
_UTF8_NAME = 0x800
_TIME = 0
_DATE = 1 << 5 | 1  # 1 January 1980, the first day that a zip file can name


@dataclass(frozen=True, slots=True)
class CopiedBytes:
    """A range of a zip file that holds a member's bytes as they are, compressed or not."""

    file: Path
    offset: int
    length: int
    method: int
    crc: int

    def read(self) -> bytes:
        """The bytes as they stand in the file, not decompressed."""
        with self.file.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.length)
        if len(data) != self.length:
            raise ArchiveError(
                f"{self.file}: is shorter than its own directory says; delete it and try again"
            )
        return data


@dataclass(frozen=True, slots=True)
class FileBytes:
    """A file on disk, with the SHA-256 that it had when it was looked at."""

    file: Path
    sha256: str

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            ArchiveError: if they are no longer those that were looked at.
        """
        data = self.file.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ArchiveError(f"{self.file}: changed while the archive was being made; try again")
        return data


@dataclass(frozen=True, slots=True)
class MemoryBytes:
    """Bytes in memory."""

    data: bytes

    def read(self) -> bytes:
        """The bytes."""
        return self.data


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive.

    Attributes:
        path: Its path in the zip, with `/`.
        executable: Its mode is 0755; otherwise 0644.
        size: Its size in bytes, decompressed.
        origin: Where it comes from, for messages.
        content: Where its bytes are.
    """

    path: str
    executable: bool
    size: int
    origin: str
    content: CopiedBytes | FileBytes | MemoryBytes

    def read(self) -> bytes:
        """The member's bytes, decompressed."""
        data = self.content.read()
        if isinstance(self.content, CopiedBytes) and self.content.method == DEFLATED:
            return zlib.decompress(data, -zlib.MAX_WBITS)
        return data

    @property
    def identity(self) -> str:
        """The SHA-256 of the bytes in hex, and `x` if it is executable; only of what is not copied from a zip file."""
        if isinstance(self.content, FileBytes):
            sha256 = self.content.sha256
        else:
            sha256 = hashlib.sha256(self.read()).hexdigest()
        return f"{sha256}x" if self.executable else sha256


@dataclass(frozen=True, slots=True)
class WrittenZip:
    """SHA-256 in hex and size in bytes of a written zip file."""

    sha256: str
    size: int


class _HashingFile:
    """Stream that counts and hashes its bytes, so that the zip need not be read again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def sha256(self) -> str:
        return self._hash.hexdigest()


def write_zip(file: Path, members: Iterable[Member]) -> WrittenZip:
    """Write `members`, sorted by path, to a new zip file.

    Raises:
        ArchiveError: if there are more members than a plain zip file can list, or a member's file has changed.
    """
    ordered = sorted(members, key=lambda member: member.path)
    if len(ordered) > MAX_MEMBERS:
        raise ArchiveError(f"{file.name}: {len(ordered)} files are more than the {MAX_MEMBERS} of a zip file")
    with file.open("wb") as raw:
        out = _HashingFile(raw)
        directory = b"".join([_write_member(out, member) for member in ordered])
        start = out.size
        out.write(directory)
        count = len(ordered)
        out.write(_END_RECORD.pack(b"PK\5\6", 0, 0, count, count, len(directory), start, 0))
    return WrittenZip(sha256=out.sha256(), size=out.size)


def _write_member(out: _HashingFile, member: Member) -> bytes:
    """Write one member and return its entry of the zip's directory."""
    data = member.content.read()
    if isinstance(member.content, CopiedBytes):
        method, crc = member.content.method, member.content.crc
    else:
        method, crc = STORED, zlib.crc32(data)
    name = member.path.encode("utf-8")
    flags = 0 if member.path.isascii() else _UTF8_NAME
    mode = stat.S_IFREG | (0o755 if member.executable else 0o644)
    size = member.size
    offset = out.size
    common = (_VERSION, flags, method, _TIME, _DATE, crc, len(data), size, len(name))
    out.write(_LOCAL_HEADER.pack(b"PK\3\4", *common, 0))
    out.write(name)
    out.write(data)
    entry = _CENTRAL_HEADER.pack(b"PK\1\2", _UNIX | _VERSION, *common, 0, 0, 0, 0, mode << 16, offset)
    return entry + name
