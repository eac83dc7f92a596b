"""Content of an archive: it depends on the request only."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lambda_archives import ArchiveError, LambdaArchive, Target
from tests.support.paths import PROJECT


def members(archive):
    with zipfile.ZipFile(archive.zip_path) as opened:
        assert opened.testzip() is None
        return {info.filename: opened.read(info) for info in opened.infolist()}


def test_a_package_keeps_its_paths_and_leaves_out_what_is_not_code(project, arm):
    project.write(
        {
            "handlers/vision/models.py": "MODEL = 1\n",
            "handlers/vision/data/labels.txt": "cat\n",
            "handlers/vision/requirements.in": "numpy\n",
            "handlers/vision/build.py": "",
            "handlers/vision/tests/test_app.py": "",
            "handlers/vision/__pycache__/app.cpython-313.pyc": b"\0",
            "handlers/vision/app.pyc": b"\0",
            "handlers/vision/.app.py.swp": b"\0",
            "handlers/vision/app.py~": "",
            "handlers/vision/.DS_Store": b"\0",
            "handlers/vision/.env": "SECRET=1\n",
            "handlers/language/app.py": "",
        }
    )
    project.wheel("numbers", {"numbers/__init__.py": "ONE = 1\n"})
    project.package(
        'build = "build.py"\nhandler = "handlers.vision.app.handler"', requirements=("numbers==1.0",)
    )

    archive = project.archive()

    assert members(archive) == {
        "handlers/__init__.py": b"",
        "handlers/common/__init__.py": b"",
        "handlers/common/errors.py": b"class Wrong(Exception): ...\n",
        "handlers/vision/__init__.py": b"",
        "handlers/vision/app.py": b"def handler(event, context):\n    return {}\n",
        "handlers/vision/data/labels.txt": b"cat\n",
        "handlers/vision/models.py": b"MODEL = 1\n",
        "numbers-1.0.dist-info/METADATA": b"Name: numbers\nVersion: 1.0\n",
        "numbers/__init__.py": b"ONE = 1\n",
    }
    assert archive.name == "vision"
    assert archive.handler == "handlers.vision.app.handler"
    assert archive.target == arm


def test_generated_files_are_in_the_zip_and_decide_its_hash(project, arm):
    package = project.root / "handlers" / "vision" / "package.toml"
    plain = project.archive()
    first, second = (
        LambdaArchive.from_package(
            package,
            target=arm,
            cache=project.cache,
            pip=project.pip,
            generated={"handlers/vision/list.json": data},
        )
        for data in (b"[1]", b"[2]")
    )
    assert members(first) == {**members(plain), "handlers/vision/list.json": b"[1]"}
    assert members(second)["handlers/vision/list.json"] == b"[2]"
    assert len({plain.digest, first.digest, second.digest}) == 3


def test_a_generated_file_does_not_replace_a_source(project, arm):
    package = project.root / "handlers" / "vision" / "package.toml"
    with pytest.raises(ArchiveError, match=r"both hold 'handlers/vision/app.py', with different contents"):
        LambdaArchive.from_package(
            package,
            target=arm,
            cache=project.cache,
            pip=project.pip,
            generated={"handlers/vision/app.py": b""},
        )


def test_the_properties_describe_the_zip(project):
    archive = project.archive()

    data = archive.zip_path.read_bytes()
    assert archive.zip_path.is_absolute()
    assert archive.source_code_hash == base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert archive.digest == hashlib.sha256(data).hexdigest()
    assert archive.zip_bytes == len(data)
    assert archive.unpacked_bytes == sum(len(content) for content in members(archive).values())
    assert repr(archive) == (
        f"LambdaArchive('vision', python3.13 on arm64, 'vision-{archive.digest[:16]}.zip')"
    )


def test_a_folder_goes_to_the_root_of_the_zip(tmp_path, project, arm):
    project.wheel("numbers", {"numbers.py": "ONE = 1\n"})
    source = tmp_path / "greeter"
    (source / "templates").mkdir(parents=True)
    (source / "app.py").write_text("import numbers\n")
    (source / "templates" / "hello.txt").write_text("hello")
    (source / "tests").mkdir()
    (source / "tests" / "data.txt").write_text("kept: a plain folder has no rules of its own")
    lock = source / "requirements.txt"
    lock.write_text(f"numbers==1.0 --hash=sha256:{'0' * 64}\n")

    archive = LambdaArchive(
        source,
        target=arm,
        requirements=lock,
        exclude=["*.dist-info/**"],
        cache=project.cache,
        pip=project.pip,
    )

    assert sorted(members(archive)) == ["app.py", "numbers.py", "templates/hello.txt", "tests/data.txt"]
    assert archive.name == "greeter"
    assert archive.handler is None


def test_the_name_of_a_folder_s_archive_can_be_given(project, arm):
    archive = LambdaArchive(
        project.root / "handlers" / "common", target=arm, name="shared code", cache=project.cache
    )

    assert archive.name == "shared code"
    assert archive.zip_path.name == f"shared-code-{archive.digest[:16]}.zip"


def test_a_cache_inside_the_source_is_not_archived(tmp_path, arm):
    (tmp_path / "app.py").write_text("")

    LambdaArchive(tmp_path, target=arm, cache=tmp_path / "cache")
    (tmp_path / "app.py").write_text("changed")
    archive = LambdaArchive(tmp_path, target=arm, cache=tmp_path / "cache")

    assert list(members(archive)) == ["app.py"]


def test_entries_are_sorted_and_carry_fixed_dates_and_modes(project):
    script = project.root / "handlers" / "vision" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    (project.root / "handlers" / "vision" / "app.py").chmod(0o600)
    project.wheel("tool", {"tool/program": "x", "tool/data": "y"}, executable=("tool/program",))
    project.package(requirements=("tool==1.0",))

    with zipfile.ZipFile(project.archive().zip_path) as opened:
        infos = opened.infolist()

    names = [info.filename for info in infos]
    assert names == sorted(names)
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.create_system for info in infos} == {3}
    modes = {info.filename: info.external_attr >> 16 for info in infos}
    assert modes.pop("handlers/vision/run.sh") == stat.S_IFREG | 0o755
    assert modes.pop("tool/program") == stat.S_IFREG | 0o755
    assert set(modes.values()) == {stat.S_IFREG | 0o644}


def test_the_same_sources_give_the_same_bytes_whatever_surrounds_them(tmp_path, new_project):
    archives = []
    for number, (umask, time) in enumerate([(0o022, 1_000_000_000), (0o077, 1_700_000_000)]):
        previous = os.umask(umask)
        try:
            project = new_project(tmp_path / f"place {number}")
            names = ["b.py", "a.py", "é.py", "B2.py"]
            for name in names if number else reversed(names):
                project.write({f"handlers/vision/{name}": f"# {name}\n"})
            project.wheel("numbers", {"numbers/b.py": "2", "numbers/a.py": "1"})
            project.package('exclude = ["numbers/b.py"]', requirements=("numbers==1.0",))
            for file in project.root.rglob("*"):
                os.utime(file, (time, time))
            archives.append(project.archive())
        finally:
            os.umask(previous)

    assert archives[0].zip_path.read_bytes() == archives[1].zip_path.read_bytes()
    assert archives[0].source_code_hash == archives[1].source_code_hash
    assert archives[0].zip_path != archives[1].zip_path


@pytest.mark.parametrize("settings", [{"LC_ALL": "C", "PYTHONHASHSEED": "1"}, {"TZ": "Asia/Tokyo"}])
def test_locale_time_zone_and_hash_seed_play_no_part(tmp_path, project, settings):
    project.write({"handlers/vision/ä.py": "", "handlers/vision/z.py": "", "handlers/vision/Z2.py": ""})
    program = (
        "import sys; from lambda_archives import *\n"
        "target = Target(python_version='3.13', architecture='arm64')\n"
        "print(LambdaArchive.from_package(sys.argv[1], target=target, cache=sys.argv[2]).digest)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(project.root / "handlers" / "vision"), str(tmp_path / "other")],
        cwd=PROJECT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == project.archive().digest


def test_a_wheel_s_files_are_taken_over_as_its_publisher_compressed_them(project):
    text = b"the same words again and again " * 1000
    wheel = project.wheel("words", {"words/all.txt": text})
    project.package(requirements=("words==1.0",))

    archive = project.archive()

    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(archive.zip_path) as after:
        assert after.getinfo("words/all.txt").compress_type == zipfile.ZIP_DEFLATED
        assert after.getinfo("words/all.txt").compress_size == before.getinfo("words/all.txt").compress_size
        # The sources are not compressed: what zlib makes of them differs between its implementations.
        assert after.getinfo("handlers/vision/app.py").compress_type == zipfile.ZIP_STORED
        assert after.read("words/all.txt") == text


def rename(root: Path) -> None:
    (root / "handlers/common/errors.py").rename(root / "handlers/common/faults.py")


def split(root: Path) -> None:
    file = root / "handlers/common/errors.py"
    text = file.read_text()
    file.write_text(text[:6])
    (root / "handlers/common/errors2.py").write_text(text[6:])


def move_between_files(root: Path) -> None:
    text = (root / "handlers/common/errors.py").read_text()
    (root / "handlers/common/errors.py").write_text("")
    (root / "handlers/common/__init__.py").write_text(text)


def make_executable(root: Path) -> None:
    (root / "handlers/common/errors.py").chmod(0o755)


def change_a_byte(root: Path) -> None:
    (root / "handlers/common/errors.py").write_text("class Wrung(Exception): ...\n")


@pytest.mark.parametrize("change", [rename, split, move_between_files, make_executable, change_a_byte])
def test_what_changes_a_file_s_path_mode_or_bytes_changes_the_hash(project, change):
    before = project.archive().source_code_hash

    change(project.root)

    assert project.archive().source_code_hash != before


def add_empty_folder(root: Path) -> None:
    (root / "handlers/common/empty").mkdir()


def add_bytecode(root: Path) -> None:
    (root / "handlers/common/__pycache__").mkdir()
    (root / "handlers/common/__pycache__/errors.cpython-313.pyc").write_bytes(b"\0")


def restrict_to_owner(root: Path) -> None:
    (root / "handlers/common/errors.py").chmod(0o600)


def touch(root: Path) -> None:
    os.utime(root / "handlers/common/errors.py", (1, 1))


@pytest.mark.parametrize("change", [add_empty_folder, add_bytecode, restrict_to_owner, touch])
def test_nothing_else_changes_the_hash(project, change):
    before = project.archive().source_code_hash

    change(project.root)

    assert project.archive().source_code_hash == before


def test_the_same_sources_for_two_targets_are_two_archives_of_the_same_bytes(project, arm):
    intel = Target(python_version="3.13", architecture="x86_64")

    first, second = project.archive(arm), project.archive(intel)

    assert first.zip_path != second.zip_path
    assert first.digest == second.digest


def test_more_than_lambda_takes_is_refused_with_the_largest_folders(project):
    with (project.root / "handlers" / "vision" / "model.bin").open("wb") as file:
        file.truncate(262_144_000)

    with pytest.raises(ArchiveError) as caught:
        project.archive()

    assert str(caught.value) == (
        f"{project.root}/handlers/vision/package.toml: 262,144,071 bytes unpacked are too many, "
        "Lambda takes less than 262,144,000; leave files out with exclude, or debug symbols with strip = true in a "
        "package.toml. The largest: handlers 262,144,071"
    )


def test_a_handler_that_is_not_in_the_archive_is_refused(project):
    project.package('handler = "handlers.vision.main.handler"')

    with pytest.raises(ArchiveError) as caught:
        project.archive()

    assert str(caught.value) == (
        f"{project.root}/handlers/vision/package.toml: handler 'handlers.vision.main.handler' names no module of the "
        "archive (handlers/vision/main.py); correct it or include the module"
    )


def test_excluding_everything_is_refused(project):
    project.package('exclude = ["handlers/**"]')

    with pytest.raises(ArchiveError) as caught:
        project.archive()

    assert str(caught.value) == (
        f"{project.root}/handlers/vision/package.toml: every file is left out by exclude; remove a pattern"
    )


def test_the_example_of_the_class_runs():
    import doctest

    import lambda_archives.lambda_archive
    import lambda_archives.target

    for module in (lambda_archives.lambda_archive, lambda_archives.target):
        result = doctest.testmod(module, extraglobs={"LambdaArchive": LambdaArchive, "Target": Target})
        assert result.attempted > 0
        assert result.failed == 0


def test_the_public_names_are_these():
    import lambda_archives

    assert lambda_archives.__all__ == ["Architecture", "ArchiveError", "LambdaArchive", "Target"]


def test_importing_it_starts_neither_jsii_nor_what_only_a_build_needs():
    program = (
        "import sys, lambda_archives\n"
        "print([name for name in ('cdktf', 'constructs_lib', 'jsii', 'packaging', 'pip') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
