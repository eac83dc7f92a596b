"""Output of a synth with `lazy_bindings`: the same as without, byte for byte.

These run jsii and the real provider; by the stock import path that takes half a minute a program.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from lazy_bindings._provider import ARCHIVE
from lazy_bindings._store import Contents, _fingerprint, cache_directory
from settings import PROJECT as STACK
from tests.support.paths import PROJECT
from tests.support.stock_synth import RECORD, fingerprints
from tools.benchmarks.stacks import PLANNED, UNCOMMON, used_namespaces

pytestmark = pytest.mark.slow


def run(arguments: list[str], **variables: str) -> list[str]:
    """Run `tools.benchmarks.stacks`; return the lines that `lazy_bindings` wrote to stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.benchmarks.stacks", *arguments],
        cwd=PROJECT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("lazy_bindings:")]


def written(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the output of the small stack."""
    folder = tmp_path_factory.mktemp("small")
    assert run(["small", str(folder)]) == []
    return written(folder)


@pytest.fixture
def cache(small: dict[str, bytes], tmp_path: Path) -> Path:
    """Return a folder for caches with what the small stack has used, for a test to change."""
    (entry,) = cache_directory().glob(f"*{_fingerprint()}-{Contents.COMMON.value}")
    shutil.copytree(entry, tmp_path / "cache" / "lazy-bindings" / entry.name)
    (tmp_path / "cache" / "lazy-bindings").chmod(0o700)
    return tmp_path / "cache"


def test_every_resource_type_is_as_it_was_by_the_stock_path(tmp_path: Path) -> None:
    assert run(["every", str(tmp_path)]) == []
    recorded = json.loads(RECORD.read_text("utf-8"))
    again = "run `python -m tests.support.stock_synth`, which records what the stock path writes"
    assert set(recorded) == {*used_namespaces(PROJECT / "constructs_lib"), *PLANNED, *UNCOMMON}, again
    synthesized = fingerprints(tmp_path)
    assert [name for name in recorded if synthesized[name] != recorded[name]] == []
    attributes = json.loads((tmp_path / "attributes.json").read_text("utf-8"))
    assert attributes["instance"]["metadata_options"]["class"] == "InstanceMetadataOptionsOutputReference"


BOTH = """
import sys
from pathlib import Path
from tools.benchmarks import stacks
import main

stacks.every(Path(sys.argv[1]))
main.main()
"""


def both(folder: Path, **variables: str) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", BOTH, str(folder / "every")],
        cwd=PROJECT,
        env={**os.environ, "CDKTF_OUTDIR": str(folder / "project"), **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "lazy_bindings:" not in done.stderr
    return folder


@pytest.mark.long
def test_every_resource_type_and_the_project_are_as_by_the_stock_path(tmp_path: Path) -> None:
    """The stock path, in one program because of its half minute, is what has been recorded."""
    lazy, stock = both(tmp_path / "lazy"), both(tmp_path / "stock", LAZY_BINDINGS="off")
    assert written(lazy / "every") == written(stock / "every")
    assert json.loads(RECORD.read_text("utf-8")) == fingerprints(stock / "every")
    assert written(lazy / "project") == written(stock / "project")
    assert (stock / "project" / "stacks" / STACK / "cdk.tf.json").is_file()


@pytest.mark.long
@pytest.mark.parametrize(
    "variables", [{"JSII_RUNTIME_PACKAGE_CACHE": "disabled"}, {"JSII_VALIDATE_ASSEMBLIES": "1"}]
)
def test_jsii_may_read_the_types_without_the_index(
    tmp_path: Path, small: dict[str, bytes], variables: dict[str, str]
) -> None:
    assert run(["small", str(tmp_path)], **variables) == []
    assert written(tmp_path) == small


def test_jsii_reads_the_types_by_the_index(cache: Path, tmp_path: Path, small: dict[str, bytes]) -> None:
    output = tmp_path / "output"
    (entry,) = (cache / "lazy-bindings").iterdir()
    without = io.BytesIO()
    with (
        tarfile.open(entry / ARCHIVE) as before,
        tarfile.open(fileobj=without, mode="w:gz", compresslevel=1) as after,
    ):
        for member in before:
            if member.name != "package/.jsii.gz":
                after.addfile(member, before.extractfile(member))
    (entry / ARCHIVE).write_bytes(without.getvalue())
    (entry / "length").write_text(str(len(without.getvalue())), "ascii")

    assert run(["small", str(output)], XDG_CACHE_HOME=str(cache)) == []
    assert written(output) == small


@pytest.mark.long
@pytest.mark.parametrize("damage", ["in the middle", "at the checksum"])
def test_a_damaged_cache_is_replaced(
    cache: Path, tmp_path: Path, small: dict[str, bytes], damage: str
) -> None:
    output = tmp_path / "output"
    (entry,) = (cache / "lazy-bindings").iterdir()
    content = bytearray((entry / ARCHIVE).read_bytes())
    position = len(content) // 2 if damage == "in the middle" else len(content) - 8
    content[position] ^= 0xFF
    (entry / ARCHIVE).write_bytes(content)

    (line,) = run(["small", str(output)], XDG_CACHE_HOME=str(cache))
    assert line.startswith(f"lazy_bindings: jsii cannot load {entry / ARCHIVE}: ")
    assert line.endswith("; loading the provider's own package, which is slower")
    assert written(output) == small
    assert not entry.exists()

    assert run(["small", str(output)], XDG_CACHE_HOME=str(cache)) == []
    assert written(output) == small
    assert entry.exists()
