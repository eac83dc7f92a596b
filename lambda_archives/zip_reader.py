"""Lists the files of a zip file as members of another, without decompressing them."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from lambda_archives.errors import ArchiveError
from lambda_archives.zip_writer import DEFLATED, STORED, CopiedBytes, Member, MemoryBytes

_LOCAL_HEADER_SIZE = 30
_LENGTHS_AT = 26


def zip_members(
    file: Path, *, origin: str, place: Callable[[str], str | None] = lambda path: path
) -> Iterator[Member]:
    """Yield the files of a zip file.

    Args:
        file: The zip file; it must stay where it is for as long as the members are used.
        origin: Named in messages about a member.
        place: Function that maps a path in the zip file to the path in the archive, or to None to omit the
            file. Default: paths stay the same.

    Raises:
        ArchiveError: if the zip file is damaged or names a path outside itself.
    """
    try:
        with file.open("rb") as raw, zipfile.ZipFile(raw) as opened:
            for info in opened.infolist():
                path = place(info.filename)
                if path is None or info.is_dir():
                    continue
                if "\\" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
                    raise ArchiveError(
                        f"{origin}: holds the unsafe path {info.filename!r}; use another version"
                    )
                yield Member(
                    path,
                    executable=bool(info.external_attr >> 16 & stat.S_IXUSR),
                    size=info.file_size,
                    origin=origin,
                    content=_content(opened, raw, info, file),
                )
    except (zipfile.BadZipFile, EOFError) as error:
        raise ArchiveError(
            f"{file}: is a damaged zip file ({error}); delete it and pip's cache, and retry"
        ) from error


def _content(
    opened: zipfile.ZipFile, raw: BinaryIO, info: zipfile.ZipInfo, file: Path
) -> CopiedBytes | MemoryBytes:
    if info.compress_type not in (STORED, DEFLATED):
        return MemoryBytes(opened.read(info))
    # The header in front of the bytes repeats the name, and may have other extra fields than the directory has.
    raw.seek(info.header_offset + _LENGTHS_AT)
    name, extra = (int.from_bytes(raw.read(2), "little") for _ in range(2))
    offset = info.header_offset + _LOCAL_HEADER_SIZE + name + extra
    return CopiedBytes(
        file=file, offset=offset, length=info.compress_size, method=info.compress_type, crc=info.CRC
    )
