"""Repacked archive of `lazy_bindings`, compared with the provider's own; no node."""

from __future__ import annotations

import ast
import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from lazy_bindings import _package
from lazy_bindings._provider import ARCHIVE, LOCATOR, UnavailableError, is_common, namespaces, type_prefix
from tests.support.paths import PROJECT
from tools.benchmarks.stacks import PLANNED, used_namespaces


@pytest.fixture(scope="module")
def provider() -> Path:
    # Found as Python finds it, without importing it.
    for entry in sys.path:
        folder = Path(entry, "cdktf_cdktf_provider_aws")
        if (folder / "_jsii" / ARCHIVE).is_file():
            return folder
    raise AssertionError(f"no folder of sys.path has {ARCHIVE}")


BUILD = """
import sys
from pathlib import Path
from lazy_bindings import _store
print(_store.repacked_archive(Path(sys.argv[1]), _store.Contents.COMMON))
"""


def start_build(provider: Path, cache: Path, before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", before + BUILD, str(provider)],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def entry(provider: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the archive of the common services in two processes at once; return its entry of the cache."""
    cache = tmp_path_factory.mktemp("common")
    abandoned = cache / "lazy-bindings" / ".unfinished-long-ago"
    abandoned.mkdir(parents=True, mode=0o700)
    abandoned.parent.chmod(0o700)
    os.utime(abandoned, (0, 0))
    builds = [start_build(provider, cache) for _ in range(2)]
    written = [build.communicate() for build in builds]
    assert [build.returncode for build in builds] == [0, 0], written
    assert [errors for _, errors in written] == ["", ""]
    (built,) = {Path(output.strip()) for output, _ in written}
    return built


@pytest.fixture(scope="module")
def common(entry: Path) -> Path:
    return entry / ARCHIVE


@pytest.fixture(scope="module")
def everything(provider: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("everything") / ARCHIVE
    prefixes = {type_prefix(name) for name in namespaces(provider)}
    target.write_bytes(_package.repack(provider / "_jsii" / ARCHIVE, prefixes))
    return target


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            yield member.name.removeprefix("package/"), content.read()


def without_documentation(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = ("docs", "locationInModule")
        return {key: without_documentation(item) for key, item in value.items() if key not in left_out}
    return [without_documentation(item) for item in value] if isinstance(value, list) else value


def parsed_types(jsii: str) -> Iterator[tuple[str, Any]]:
    """Every type in `.jsii`, one after the other: all at once would take a gigabyte."""
    decoder = json.JSONDecoder()
    separator = re.compile(r"[\s,:]*")
    position = jsii.index('\n  "types": {') + len('\n  "types": {')

    def after_separator(index: int) -> int:
        found = separator.match(jsii, index)
        assert found is not None
        return found.end()

    position = after_separator(position)
    while jsii[position] != "}":
        name, end = decoder.raw_decode(jsii, position)
        definition, end = decoder.raw_decode(jsii, after_separator(end))
        yield name, definition
        position = after_separator(end)


def indexed_types(repacked: MappingProxyType[str, bytes]) -> dict[str, Any]:
    """The types as jsii's `LazyTypes` reads them."""
    manifest = json.loads(repacked[".jsii.runtime.v1.json"])
    index, definitions = repacked[manifest["index"]], repacked[manifest["defs"]]
    layout = manifest["layout"]

    def column(name: str) -> bytes:
        return index[layout[name]["start"] :][: layout[name]["length"]]

    names = column("names").decode().split("\n")
    offsets = struct.unpack(f"<{len(names) + 1}I", column("offsets"))
    assert layout["typeCount"] == len(names) == len(column("kinds"))
    assert layout["offsets"]["start"] + layout["offsets"]["length"] == len(index)
    assert offsets[-1] == len(definitions)
    types = {}
    for name, kind, start, end in zip(names, column("kinds"), offsets, offsets[1:], strict=False):
        types[name] = json.loads(definitions[start:end])
        assert types[name]["kind"] == ("class", "interface", "enum")[kind]
    return types


def read(archive: Path) -> MappingProxyType[str, bytes]:
    return MappingProxyType(dict(members(archive)))


def test_the_small_archive_has_what_jsii_reads(common: Path) -> None:
    repacked = read(common)
    types = indexed_types(repacked)
    whole = json.loads(gzip.decompress(repacked[".jsii.gz"]))
    assert whole["types"] == types
    assert json.loads(repacked[".jsii"]) == {
        "schema": "jsii/file-redirect",
        "compression": "gzip",
        "filename": ".jsii.gz",
    }
    del whole["types"]
    assert json.loads(repacked[".jsii.runtime.v1.json"])["assemblyMetadata"] == whole
    assert (whole["name"], whole["version"], whole["schema"]) == (
        "@cdktf/provider-aws",
        "21.22.1",
        "jsii/0.10.0",
    )
    package = json.loads(repacked["package.json"])
    assert (package["main"], package["bin"]) == ("lib/index.js", {LOCATOR: "lib/index.js"})
    assert "LICENSE" in repacked


def test_the_small_archive_has_the_common_services_and_no_others(common: Path, provider: Path) -> None:
    repacked = read(common)
    prefixes = {name.rpartition(".")[0] for name in indexed_types(repacked)}
    assert prefixes == {type_prefix(name) for name in namespaces(provider) if is_common(name)}
    table = json.loads(repacked["lib/namespaces.json"])
    listed = dict(zip(table["names"], table["folders"], strict=True))
    assert {f"@cdktf/provider-aws.{name}" for name in listed} == {
        type_prefix(name) for name in namespaces(provider)
    }
    folders = {listed[prefix.partition(".")[2]] for prefix in prefixes}
    assert {name.split("/")[1] for name in repacked if name.count("/") == 2} == folders


def test_the_common_services_cover_the_constructs() -> None:
    used = used_namespaces(PROJECT / "constructs_lib")
    assert "lambda_function" in used
    assert {name for name in used.union(PLANNED) if not is_common(name)} == set()


def test_the_namespaces_are_those_that_the_provider_publishes(provider: Path) -> None:
    tree = ast.parse((provider / "__init__.py").read_text("utf-8"))
    (published,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    assert namespaces(provider) == sorted(published)


@pytest.mark.long
def test_the_whole_archive_has_every_type_as_a_parser_reads_it(everything: Path, provider: Path) -> None:
    types = indexed_types(read(everything))
    name, jsii = next(members(provider / "_jsii" / ARCHIVE))
    assert name == ".jsii"
    expected = {name: without_documentation(definition) for name, definition in parsed_types(jsii.decode())}
    assert len(types) == 24943
    assert types == expected


@pytest.mark.long
def test_the_whole_archive_has_every_module_without_its_source_map(everything: Path, provider: Path) -> None:
    repacked = read(everything)
    compared = 0
    for name, content in members(provider / "_jsii" / ARCHIVE):
        if name.endswith(".js") and name.count("/") > 1:
            code, source_map = repacked[name], content[len(repacked[name]) :]
            assert content.startswith(code), name
            assert code.endswith(b"\n"), name
            assert re.fullmatch(rb"//# sourceMappingURL=\S+\s*", source_map), name
            compared += 1
        elif name == "lib/index.js":
            exported = re.findall(
                r'^exports\.(\w+) = require\("\./([^"]+)"\);$', content.decode(), re.MULTILINE
            )
            table = json.loads(repacked["lib/namespaces.json"])
            assert dict(zip(table["names"], table["folders"], strict=True)) == dict(exported)
    assert compared == 2229


def test_another_archive_is_refused(tmp_path: Path) -> None:
    other = tmp_path / ARCHIVE
    with tarfile.open(other, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("package/.jsii"), io.BytesIO())
    with pytest.raises(UnavailableError) as refused:
        _package.repack(other, ())
    assert str(refused.value) == f"{other} is not the file that was published as {ARCHIVE}"


def test_processes_that_build_at_once_leave_one_archive(entry: Path, common: Path) -> None:
    assert list(entry.parent.iterdir()) == [entry]
    assert int((entry / "length").read_text("ascii")) == common.stat().st_size


def test_a_full_disk_leaves_nothing_behind(provider: Path, tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="limits on file sizes are POSIX")
    limit = """
import resource
from lazy_bindings import _package

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
_package.repack = lambda *_: bytes(200_000)  # the real one takes seconds
"""
    build = start_build(provider, tmp_path, limit)
    _, errors = build.communicate()
    assert build.returncode == 1
    cache = tmp_path / "lazy-bindings"
    assert errors.splitlines()[-1] == (
        f"lazy_bindings._provider.UnavailableError: the cache {cache} cannot be used: File too large"
    )
    assert list(cache.iterdir()) == []
