"""Removal of debug symbols from shared objects, the same on every machine and for every processor.

Some wheels are published with more symbols than code; without them what is left fits into Lambda. `strip` of this
machine would only know this machine's processor, and its versions write different bytes. This one drops sections that
the loader never maps, and moves nothing that it does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_MAGIC_64_LITTLE = b"\x7fELF\x02\x01"
_ALLOCATED = 0x2
_INFO_IS_SECTION = 0x40
_SYMBOLS = 2
_STRINGS = 3
_RELOCATIONS = (4, 9)
_NO_BYTES = 8
_DEBUG_NAMES = (b".debug", b".zdebug", b".gdb_index", b".stab", b".comment", b".gnu_debuglink")


@dataclass(frozen=True, slots=True)
class _Section:
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int

    @property
    def end(self) -> int:
        return self.offset + (0 if self.kind == _NO_BYTES else self.size)

    @property
    def mapped(self) -> bool:
        return bool(self.flags & _ALLOCATED)


def strip_symbols(data: bytes) -> bytes | None:
    """Remove the symbol table and debug information of a 64-bit little-endian ELF file.

    Returns:
        The smaller file, or None if this is another kind of file, is built in a way that is not understood, or would
        not get smaller.
    """
    if not data.startswith(_MAGIC_64_LITTLE) or len(data) < _HEADER.size:
        return None
    try:
        return _strip(data)
    except (struct.error, LookupError, ValueError):
        return None


def _strip(data: bytes) -> bytes | None:
    header = list(_HEADER.unpack_from(data))
    segments_at, sections_at, segment_size, segment_count, section_size, count, names_index = (
        header[5], header[6], header[9], header[10], header[11], header[12], header[13],
    )  # fmt: skip
    if segment_size != _SEGMENT.size or section_size != _SECTION.size or count == 0:
        return None
    sections = [_Section(*_SECTION.unpack_from(data, sections_at + i * section_size)) for i in range(count)]
    segments = [_SEGMENT.unpack_from(data, segments_at + i * segment_size) for i in range(segment_count)]
    if max(sections_at + count * section_size, *(section.end for section in sections)) < len(data):
        return None  # something is appended to the file that no section describes
    sections_kept = _sections_to_keep(data, sections, names_index)
    mapped_end = max(
        [segments_at + segment_count * segment_size]
        + [offset + file_size for _, _, offset, _, _, file_size, _, _ in segments]
        + [section.end for section in sections if section.mapped]
    )
    out = bytearray(data[:mapped_end])
    moved: list[_Section] = []
    position = {old: new for new, old in enumerate(sections_kept)}
    for index in sections_kept:
        section = sections[index]
        if index and not section.mapped and section.end > mapped_end:
            _pad(out, section.alignment)
            section = replace(section, offset=len(out))
            out += data[sections[index].offset : sections[index].end]
        link = position[section.link] if section.link else 0
        refers = section.kind in _RELOCATIONS or section.flags & _INFO_IS_SECTION
        info = position[section.info] if refers and section.info else section.info
        moved.append(replace(section, link=link, info=info))
    _pad(out, 8)
    header[6], header[12], header[13] = len(out), len(sections_kept), position[names_index]
    for section in moved:
        out += _SECTION.pack(*(getattr(section, field) for field in _Section.__dataclass_fields__))
    _HEADER.pack_into(out, 0, *header)
    return bytes(out) if len(out) < len(data) else None


def _sections_to_keep(data: bytes, sections: list[_Section], names_index: int) -> list[int]:
    names = sections[names_index]
    dropped: set[int] = set()
    for index, section in enumerate(sections):
        start = names.offset + section.name
        name = data[start : data.index(b"\0", start)]
        if section.mapped or index in (0, names_index):
            continue
        relocates_debug = section.kind in _RELOCATIONS
        if section.kind == _SYMBOLS or relocates_debug or name.startswith(_DEBUG_NAMES):
            dropped.add(index)
    for index in list(dropped):
        # A symbol table's names go with it, unless they are also the names of the sections.
        link = sections[index].link
        if sections[index].kind == _SYMBOLS and link != names_index and sections[link].kind == _STRINGS:
            dropped |= {link} if not sections[link].mapped else set()
    remaining = [index for index in range(len(sections)) if index not in dropped]
    if any(sections[index].link in dropped for index in remaining):
        raise ValueError("a section that stays needs one that goes")
    return remaining


def _pad(out: bytearray, alignment: int) -> None:
    out += bytes(-len(out) % max(alignment, 1))
