"""Repacker of the provider's archive: loading the result costs little until code uses a type or a class.

A repacked archive replaces `provider-aws@….jsii.tgz` in jsii's eyes and holds some namespaces, or all:

- `.jsii.runtime.v1.json`, `.jsii.runtime-index.v1`, `.jsii.runtime-defs.v1.jsonl`: jsii's own index over the
  types, which it would otherwise make itself, in the background, if the program lived long enough;
- `.jsii` and `.jsii.gz`: the types once more, which jsii reads if it does not take the index;
- `lib/index.js` and `lib/namespaces.json`: `main_module.js` of this folder, and where the namespaces are;
- `lib/*/`: the provider's JavaScript as it is.

Documentation, source locations, TypeScript declarations and source maps are left out: nothing reads them at
run time. The types are cut out of the text, which is five times as fast as to parse it. That is safe because
only one archive, known by its SHA-256, is ever repacked; a test compares the result with what a parser makes
of it.
"""

import gzip
import hashlib
import io
import json
import re
import struct
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lazy_bindings._provider import ARCHIVE, ARCHIVE_SHA256, ASSEMBLY, LOCATOR, UnavailableError

_CHUNK = 256 * 1024  # bytes; small enough for the text in work to stay in the processor's cache
_COMPRESSION = 3  # as quick as 1 on this text and a fifth smaller

_TYPES_BEGIN = b'\n  "types": {\n'
_TYPE_END = b"\n    },\n"
_TYPES_END = b"\n    }\n  },\n"
_OMITTED = re.compile(rb'"(?:docs|locationInModule)": \{\n(?:.*\n)*? +\},\n')
_REFERENCE = re.compile(rb'"(%b\.\w+)' % ASSEMBLY.encode())
_KINDS = (b'"kind":"class"', b'"kind":"interface"', b'"kind":"enum"')  # in the order of jsii's ordinals
_SOURCE_MAP = b"\n//# sourceMappingURL="


@dataclass(slots=True)
class _Assembly:
    """jsii's assembly of the package: a JSON text for each type, in a folder for each namespace."""

    metadata: dict[str, object] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    types: dict[bytes, bytes] = field(default_factory=dict)


def repack(archive: Path, eager: Collection[str]) -> bytes:
    """Return the repacked form of the provider's archive.

    The same archive and the same zlib give the same bytes. Takes about a second, or two and a half for the
    whole provider.

    Args:
        archive: The provider's own archive.
        eager: The namespaces to keep, as their types' names begin: `@cdktf/provider-aws.sqsQueue`.

    Raises:
        UnavailableError: If `archive` is not the one this was written for.
        OSError: If `archive` cannot be read.
    """
    original = archive.read_bytes()
    if hashlib.sha256(original).hexdigest() != ARCHIVE_SHA256:
        raise UnavailableError(f"{archive} is not the file that was published as {ARCHIVE}")
    repacked = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", _COMPRESSION, repacked, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as output,
    ):
        for name, content in _members(original, eager):
            member = tarfile.TarInfo(f"package/{name}")
            member.size, member.mode = len(content), 0o644
            output.addfile(member, io.BytesIO(content))
    return repacked.getvalue()


def _members(original: bytes, eager: Collection[str]) -> Iterator[tuple[str, bytes]]:
    folders: set[str] = set()
    with tarfile.open(fileobj=io.BytesIO(original), mode="r:gz") as members:
        for member in members:
            name = member.name.removeprefix("package/")
            content = members.extractfile(member)
            if content is None:
                continue
            if name == ".jsii":
                assembly = _read_assembly(content, {prefix.encode() for prefix in eager})
                yield from _assembly_members(assembly)
                yield from _main_module_members(assembly)
                folders = {assembly.folders[prefix] for prefix in eager}
            elif name == "package.json":
                yield name, _with_locator(content.read())
            elif name == "LICENSE":
                yield name, content.read()
            elif name.endswith(".js") and name.startswith("lib/") and name.split("/")[1] in folders:
                source = content.read()
                yield name, source[: source.rindex(_SOURCE_MAP) + 1]


def _read_assembly(stream: IO[bytes], eager: Collection[bytes]) -> _Assembly:
    assembly = _Assembly()
    text = stream.read(_CHUNK)
    while _TYPES_BEGIN not in text:
        text += _next_chunk(stream)
    head, _, text = text.partition(_TYPES_BEGIN)
    while _TYPES_END not in text:
        whole, separator, text = text.rpartition(_TYPE_END)
        _add_types(assembly, whole + separator, eager)
        text += _next_chunk(stream)
    last, _, tail = text.partition(_TYPES_END)
    _add_types(assembly, last + _TYPE_END, eager)

    metadata = json.loads(head + b"\n" + tail + stream.read())
    del metadata["readme"]
    assembly.folders = {
        prefix: module["symbolId"].split("/")[1] for prefix, module in metadata.pop("submodules").items()
    }
    assembly.metadata = metadata
    referenced = {prefix for text in assembly.types.values() for prefix in _REFERENCE.findall(text)}
    if referenced != set(eager):
        raise UnavailableError(f"namespaces of {ARCHIVE} refer to each other, which is not expected")
    return assembly


def _next_chunk(stream: IO[bytes]) -> bytes:
    chunk = stream.read(_CHUNK)
    if not chunk:
        raise UnavailableError(f"the types in {ARCHIVE} are not laid out as expected")
    return chunk


def _add_types(assembly: _Assembly, text: bytes, eager: Collection[bytes]) -> None:
    """Add the types in `text`, each laid out as by `JSON.stringify(…, null, 2)` and ended by `_TYPE_END`.

    With the documentation gone, no string has a space in it, so all white space may go.
    """
    for item in text.split(_TYPE_END)[:-1]:
        name = item.split(b'"', 2)[1]
        if name.rpartition(b".")[0] in eager:
            definition = b"".join(_OMITTED.sub(b"", item).split()).split(b":", 1)[1] + b"}"
            assembly.types[name] = definition


def _assembly_members(assembly: _Assembly) -> Iterator[tuple[str, bytes]]:
    definitions = list(assembly.types.values())
    offsets = [0]
    for definition in definitions:
        offsets.append(offsets[-1] + len(definition) + 1)
    columns = (
        b"\n".join(assembly.types),
        bytes(map(_kind, definitions)),
        struct.pack(f"<{len(offsets)}I", *offsets),
    )
    index, types = ".jsii.runtime-index.v1", ".jsii.runtime-defs.v1.jsonl"
    layout: dict[str, object] = {"typeCount": len(definitions)}
    start = 0
    for name, column in zip(("names", "kinds", "offsets"), columns, strict=True):
        layout[name] = {"start": start, "length": len(column)}
        start += len(column)
    manifest = {
        "schema": "jsii/runtime-index",
        "version": 1,
        "index": index,
        "defs": types,
        "assemblyMetadata": assembly.metadata,
        "layout": layout,
    }
    redirect = {"schema": "jsii/file-redirect", "compression": "gzip", "filename": ".jsii.gz"}
    entries = b",".join([b'"%b":%b' % entry for entry in assembly.types.items()])
    whole = _json(assembly.metadata)[:-1] + b',"types":{' + entries + b"}}"
    yield ".jsii", _json(redirect)
    yield ".jsii.gz", gzip.compress(whole, _COMPRESSION, mtime=0)
    yield types, b"\n".join([*definitions, b""])
    yield index, b"".join(columns)
    yield ".jsii.runtime.v1.json", _json(manifest)


def _kind(definition: bytes) -> int:
    ordinals = [ordinal for ordinal, marker in enumerate(_KINDS) if marker in definition]
    if len(ordinals) != 1:
        raise UnavailableError(f"a type in {ARCHIVE} is not laid out as expected")
    return ordinals[0]


def _main_module_members(assembly: _Assembly) -> Iterator[tuple[str, bytes]]:
    names = [prefix.removeprefix(f"{ASSEMBLY}.") for prefix in assembly.folders]
    yield "lib/index.js", Path(__file__).with_name("main_module.js").read_bytes()
    yield "lib/namespaces.json", _json({"names": names, "folders": list(assembly.folders.values())})


def _with_locator(package_json: bytes) -> bytes:
    content = json.loads(package_json)
    content["bin"] = {**content.get("bin", {}), LOCATOR: "lib/index.js"}
    return _json(content)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
