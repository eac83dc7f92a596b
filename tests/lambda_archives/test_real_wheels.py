"""Real wheels, by the real pip: those of another processor's runtime, and those of this machine."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile

import pytest

from lambda_archives import ArchiveError, LambdaArchive, Target
from lambda_archives.requirements import read_requirements
from tests.support.paths import PROJECT

LOCK = PROJECT / "requirements.lock"
AARCH64 = 183


@pytest.fixture
def service(tmp_path):
    """A folder of code, and a lock file of pydantic-core with the hashes that the project's own lock has."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("import pydantic_core\n")
    wanted = {"pydantic-core", "typing-extensions"}
    found = [item for item in read_requirements(LOCK, Target.this_machine()) if item.name in wanted]
    assert {item.name for item in found} == wanted
    lock = tmp_path / "requirements.txt"
    lock.write_text("".join(f"{item.line}\n" for item in found))

    def build(target: Target) -> LambdaArchive:
        try:
            return LambdaArchive(
                tmp_path / "code", target=target, requirements=lock, cache=tmp_path / "cache"
            )
        except ArchiveError as error:
            if "pip cannot reach a package index" in str(error):
                pytest.skip("pip cannot reach a package index")
            raise

    return build


def test_a_build_for_arm64_and_python_3_13_holds_aarch64_binaries(service):
    archive = service(Target(python_version="3.13", architecture="arm64"))

    with zipfile.ZipFile(archive.zip_path) as opened:
        modules = {name: opened.read(name) for name in opened.namelist() if ".so" in name}
    assert list(modules) == ["pydantic_core/_pydantic_core.cpython-313-aarch64-linux-gnu.so"]
    for data in modules.values():
        magic, machine = struct.unpack_from("<4s14xH", data)
        assert magic == b"\x7fELF"
        assert machine == AARCH64


def test_a_build_for_this_machine_runs_on_it(service, tmp_path):
    archive = service(Target.this_machine())

    with zipfile.ZipFile(archive.zip_path) as opened:
        opened.extractall(tmp_path / "task")
    program = (
        "import importlib.metadata, app, pydantic_core\n"
        "print(pydantic_core.__file__, pydantic_core.from_json(b'[1]'))\n"
        "print(importlib.metadata.version('pydantic-core') == pydantic_core.__version__)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "task")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == [f"{tmp_path}/task/pydantic_core/__init__.py [1]", "True"]


@pytest.mark.long
def test_a_runtime_that_a_version_has_no_wheel_for_is_named(tmp_path):
    (tmp_path / "app.py").write_text("")
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"pydantic-core==2.0.1 --hash=sha256:{'0' * 64}\n")

    with pytest.raises(ArchiveError) as caught:
        LambdaArchive(
            tmp_path,
            target=Target(python_version="3.13", architecture="arm64"),
            requirements=lock,
            cache=tmp_path / "cache",
        )

    if "pip cannot reach a package index" in str(caught.value):
        pytest.skip("pip cannot reach a package index")
    assert str(caught.value).startswith(
        f"{lock}: pydantic-core==2.0.1 has no wheel for python3.13 on arm64, tags manylinux_2_34_aarch64 and older; pin "
        "a version that has one, leave the package out, choose another target, or build its wheel (pip wheel) for an index "
        "or a --find-links folder of pip's configuration. pip said:\n"
    )
