"""Taking debug symbols out of shared objects changes nothing that is loaded."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest

from lambda_archives.elf import strip_symbols

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
SECTION = struct.Struct("<IIQQQQIIQQ")
PROGBITS, SYMTAB, STRTAB, DYNSYM = 1, 2, 3, 11


def elf(sections, *, machine=183, tail=b""):
    """Create a shared object of `(name, kind, flags, link, data)`, whose first segment maps the mapped ones."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in sections) + b".shstrtab\0"
    sections = [*sections, (".shstrtab", STRTAB, 0, 0, names)]
    body = bytearray(HEADER.size + SEGMENT.size)
    table = [SECTION.pack(*[0] * 10)]
    mapped_end = 0
    for name, kind, flags, link, data in sections:
        body += bytes(-len(body) % 8)
        at = names.index(name.encode() + b"\0")
        table.append(SECTION.pack(at, kind, flags, 0, len(body), len(data), link, 0, 8, 0))
        body += data
        mapped_end = len(body) if flags & 2 else mapped_end
    body += bytes(-len(body) % 8)
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = (
        identity,
        3,
        machine,
        1,
        0,
        HEADER.size,
        len(body),
        0,
        HEADER.size,
        SEGMENT.size,
        1,
        SECTION.size,
    )
    HEADER.pack_into(body, 0, *header, len(table), len(table) - 1)
    SEGMENT.pack_into(body, HEADER.size, 1, 5, 0, 0, 0, mapped_end, mapped_end, 4096)
    return bytes(body) + b"".join(table) + tail


def read_sections(data):
    header = HEADER.unpack_from(data)
    rows = [SECTION.unpack_from(data, header[6] + i * SECTION.size) for i in range(header[12])]
    names = data[rows[header[13]][4] :]
    return {
        names[row[0] : names.index(b"\0", row[0])].decode(): (row[6], data[row[4] : row[4] + row[5]])
        for row in rows[1:]
    }


MAPPED = [
    (".dynsym", DYNSYM, 2, 2, b"dynamic symbols"),
    (".dynstr", STRTAB, 2, 0, b"dynamic names"),
    (".text", PROGBITS, 6, 0, b"code" * 100),
]
SYMBOLS = [
    (".comment", PROGBITS, 0, 0, b"compiler"),
    (".symtab", SYMTAB, 0, 6, b"symbols" * 100),
    (".strtab", STRTAB, 0, 0, b"names" * 100),
    (".debug_info", PROGBITS, 0, 0, b"lines" * 100),
]
NOTE = (".note.custom", 7, 0, 0, b"a note that stays")


@pytest.mark.parametrize("machine", [62, 183])
def test_symbols_go_and_what_is_mapped_stays_in_place(machine):
    data = elf([*MAPPED, *SYMBOLS, NOTE], machine=machine)

    stripped = strip_symbols(data)

    before, after = read_sections(data), read_sections(stripped)
    assert list(after) == [".dynsym", ".dynstr", ".text", ".note.custom", ".shstrtab"]
    assert {name: after[name] for name in after} == {name: before[name] for name in after}
    end = data.index(b"code" * 100) + 400
    assert stripped[HEADER.size : end] == data[HEADER.size : end]
    assert len(data) - len(stripped) > 1700
    assert strip_symbols(stripped) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#!/bin/sh\n",
        b"\x7fELF\x02\x01",
        b"\x7fELF\x01\x01" + bytes(100),
        elf([*MAPPED, *SYMBOLS])[:-30],
        elf([*MAPPED, *SYMBOLS], tail=b"a program's own data"),
        elf(MAPPED),
        elf([*MAPPED, *SYMBOLS, (".needs", PROGBITS, 0, 5, b"refers to the symbols")]),
    ],
    ids=["empty", "script", "short", "32 bit", "cut", "appended data", "nothing to take", "needed symbols"],
)
def test_what_is_not_understood_is_left_alone(data):
    assert strip_symbols(data) is None


@pytest.mark.skipif(sys.platform != "linux", reason="extension modules are ELF files on Linux only")
def test_a_real_extension_module_still_works(tmp_path):
    package = Path(psutil.__file__).parent
    shutil.copytree(package, tmp_path / "psutil", ignore=shutil.ignore_patterns("__pycache__", "tests"))
    smaller = 0
    for module in (tmp_path / "psutil").glob("*.so"):
        stripped = strip_symbols(module.read_bytes())
        if stripped is not None:
            smaller += module.stat().st_size - len(stripped)
            module.write_bytes(stripped)

    program = "import psutil; print(psutil.__file__, psutil.virtual_memory().total > 0, psutil.Process().ppid() > 0)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert smaller > 0
    assert done.stdout.split() == [str(tmp_path / "psutil" / "__init__.py"), "True", "True"]


def test_only_shared_objects_outside_bundled_libraries_are_stripped(project):
    data = elf([*MAPPED, *SYMBOLS])
    paths = ["fast/_fast.so", "fast/libfast.so.1.2", "fast.libs/libm.so", "fast/.libs/a.so", "fast/data.bin"]
    project.wheel("fast", dict.fromkeys(paths, data))
    project.package("strip = true", requirements=("fast==1.0",))

    with zipfile.ZipFile(project.archive().zip_path) as opened:
        sizes = {name: opened.getinfo(name).file_size for name in paths}

    less = len(strip_symbols(data))
    assert sizes == {
        "fast/_fast.so": less,
        "fast/libfast.so.1.2": less,
        "fast.libs/libm.so": len(data),
        "fast/.libs/a.so": less,
        "fast/data.bin": len(data),
    }

    project.package("", requirements=("fast==1.0",))
    with zipfile.ZipFile(project.archive().zip_path) as opened:
        assert {opened.getinfo(name).file_size for name in paths} == {len(data)}
