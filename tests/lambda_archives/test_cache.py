"""Nothing is done twice, and nothing that is broken is used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lambda_archives import ArchiveError, LambdaArchive, Target
from tests.support.paths import PROJECT

PROGRAM = """
import json, os, sys
opened = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        opened.append(os.fspath(arguments[0]))
from lambda_archives import LambdaArchive, Target
sys.addaudithook(watch)
target = Target(python_version="3.13", architecture="arm64")
package, cache, *pip = sys.argv[1:]
archive = LambdaArchive.from_package(package, target=target, cache=cache, pip=pip)
print(json.dumps({"digest": archive.digest, "path": str(archive.zip_path), "opened": opened}))
"""


@pytest.fixture
def wheels(project):
    """A project that needs a wheel."""
    project.wheel("numbers", {"numbers/__init__.py": "ONE = 1\n" * 1000})
    project.package(requirements=("numbers==1.0",))
    return project


def start(project):
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            PROGRAM,
            str(project.root / "handlers/vision"),
            str(project.cache),
            *project.pip,
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )


def result(process):
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(out)


def entries(project):
    (folder,) = project.cache.glob("handlers-vision-*")
    return folder


def layers(project):
    (folder,) = project.cache.glob(".layers-*")
    return folder


def test_when_nothing_changed_the_sources_are_read_once_and_the_rest_not_at_all(wheels):
    wheels.archive()
    before = {file: file.stat().st_ino for file in entries(wheels).iterdir()}

    opened = result(start(wheels))["opened"]

    ours = [path for path in opened if path.startswith(str(wheels.root.parent))]
    sources = [path for path in ours if path.endswith(".py")]
    assert sorted(sources) == sorted(map(str, (wheels.root / "handlers").rglob("*.py")))
    rest = sorted(set(ours) - set(sources))
    (record,) = entries(wheels).glob("archive-*.json")
    service = wheels.root / "handlers" / "vision"
    assert rest == sorted(map(str, [record, service / "package.toml", service / "requirements.txt"]))
    assert {file: file.stat().st_ino for file in entries(wheels).iterdir()} == before
    assert len(wheels.pip_calls) == 1


def test_a_changed_handler_needs_no_pip(wheels):
    first = wheels.archive()
    wheels.write({"handlers/vision/app.py": "changed\n"})
    second = wheels.archive()

    assert first.digest != second.digest
    assert len(wheels.pip_calls) == 1


@pytest.mark.parametrize("key", ["requirements", "target", "exclude", "exclude_if_present", "strip"])
def test_what_decides_the_wheels_asks_pip_again(wheels, arm, key):
    wheels.archive()
    target = arm
    if key == "requirements":
        lock = wheels.root / "handlers/vision/requirements.txt"
        lock.write_text(lock.read_text() + "# a comment\n")
    elif key == "target":
        target = Target(python_version="3.12", architecture="arm64")
    elif key.startswith("exclude"):
        wheels.package(f'{key} = ["*.dist-info/**"]', requirements=("numbers==1.0",))
    else:
        wheels.package("strip = true", requirements=("numbers==1.0",))

    wheels.archive(target)

    assert len(wheels.pip_calls) == 2


def test_the_same_content_asked_for_differently_is_the_same_file(wheels):
    first = wheels.archive()
    lock = wheels.root / "handlers/vision/requirements.txt"
    lock.write_text(lock.read_text() + "# a comment\n")

    assert wheels.archive().zip_path == first.zip_path


def test_a_failed_build_leaves_nothing_behind(wheels):
    (wheels.shelf / "stderr").write_text("no\n")
    with pytest.raises(ArchiveError):
        wheels.archive()

    assert list(entries(wheels).iterdir()) == []

    (wheels.shelf / "stderr").unlink()
    assert wheels.archive().zip_bytes > 0


def truncate(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(100)


def overwrite(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[50] ^= 255
    file.write_bytes(data)


def remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("damage", [truncate, overwrite, remove])
@pytest.mark.parametrize("name", ["vision-*.zip", "archive-*.json", "layer-*.zip", "layer-*.json"])
def test_whatever_is_damaged_in_the_cache_is_made_again(wheels, name, damage):
    digest = wheels.archive().digest
    (victim,) = wheels.cache.glob(f"*/{name}")
    damage(victim)
    if name.startswith("layer"):  # it is used only when the archive itself must be made
        (entries(wheels) / f"vision-{digest[:16]}.zip").unlink()

    again = wheels.archive()

    assert again.digest == digest
    assert again.zip_path.stat().st_size == again.zip_bytes
    assert len(wheels.pip_calls) == (2 if name.startswith("layer") else 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 1}',
        '{"format": 0, "zip_name": "x"}',
        "\udcff",
        '{"format": 1, "zip_name": 3}',
    ],
)
def test_a_record_that_makes_no_sense_is_ignored(wheels, text):
    digest = wheels.archive().digest
    (record,) = entries(wheels).glob("archive-*.json")
    record.write_bytes(text.encode("utf-8", "surrogateescape"))

    assert wheels.archive().digest == digest


def test_a_cache_that_was_copied_without_its_times_is_still_good(wheels):
    first = wheels.archive()
    os.utime(first.zip_path, (1_700_000_000, 1_700_000_000))
    inode = first.zip_path.stat().st_ino

    assert wheels.archive().zip_path.stat().st_ino == inode
    assert first.zip_path.stat().st_mtime == 315_532_800


def test_two_processes_at_once_agree_and_leave_nothing_behind(wheels):
    first, second = (result(process) for process in [start(wheels), start(wheels)])

    assert (first["digest"], first["path"]) == (second["digest"], second["path"])
    assert wheels.archive().digest == first["digest"]
    assert sorted(file.name.split("-")[0] for file in entries(wheels).iterdir()) == ["archive", "vision"]
    assert sorted(file.suffix for file in layers(wheels).iterdir()) == [".json", ".zip"]


def test_only_the_archives_used_last_are_kept(wheels):
    for number in range(6):
        wheels.write({"handlers/vision/app.py": f"# {number}\n"})
        last = wheels.archive()
        for record in entries(wheels).glob(
            "archive-*.json"
        ):  # the clock may be too coarse to tell them apart
            status = record.stat()
            os.utime(record, ns=(status.st_atime_ns - 10**9, status.st_mtime_ns - 10**9))

    assert len(list(entries(wheels).glob("vision-*.zip"))) == 3
    assert len(list(entries(wheels).glob("archive-*.json"))) == 3
    assert len(list(layers(wheels).glob("layer-*.zip"))) == 1
    assert last.zip_path.exists()


def test_functions_with_the_same_requirements_share_a_layer(wheels, arm):
    wheels.archive()
    wheels.write({"handlers/other/app.py": "def handler(event, context): ...\n"})
    for file in ("package.toml", "requirements.txt"):
        text = (wheels.root / "handlers/vision" / file).read_text()
        wheels.write({f"handlers/other/{file}": text.replace("vision", "other")})

    other = LambdaArchive.from_package(
        wheels.root / "handlers/other", target=arm, cache=wheels.cache, pip=wheels.pip
    )

    assert other.name == "other"
    assert len(wheels.pip_calls) == 1
    assert len(list(layers(wheels).glob("layer-*.zip"))) == 1


def test_a_layer_that_no_archive_needs_is_deleted_after_an_hour(wheels):
    wheels.archive()
    (old,) = layers(wheels).glob("layer-*.json")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    wheels.wheel("letters", {"letters/__init__.py": "A = 'a'\n"})
    for number in range(4):  # after three other archives, nothing is made from the first layer
        wheels.package(requirements=("letters==1.0",))
        wheels.write({"handlers/vision/app.py": f"# {number}\n"})
        wheels.archive()

    assert not old.exists()
    assert len(list(layers(wheels).glob("layer-*.zip"))) == 1


def test_what_killed_processes_left_behind_is_deleted_after_an_hour(wheels):
    wheels.archive()
    old, new = entries(wheels) / "building-old", entries(wheels) / "building-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (time.time() - 4000, time.time() - 4000))

    wheels.write({"handlers/vision/app.py": "changed\n"})
    wheels.archive()

    assert not old.exists()
    assert new.exists()


def test_a_cache_that_cannot_be_written_to_is_named(project):
    project.cache.write_text("a file where the folder should be")

    with pytest.raises(ArchiveError) as caught:
        project.archive()

    assert str(caught.value) == (
        f"{project.cache}/handlers-vision-python3.13-arm64: archives cannot be cached here: Not a directory; set "
        "LAMBDA_ARCHIVES_CACHE to a folder that can be written to"
    )


def test_a_read_only_cache_is_read(wheels, monkeypatch):
    first = wheels.archive()

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(shutil, "rmtree", refuse)

    assert wheels.archive().zip_path == first.zip_path


def test_the_cache_is_in_the_project_unless_the_environment_names_another(
    project, tmp_path, arm, monkeypatch
):
    package = project.root / "handlers" / "vision"
    monkeypatch.delenv("LAMBDA_ARCHIVES_CACHE", raising=False)

    inside = LambdaArchive.from_package(package, target=arm)
    assert inside.zip_path.parent == (
        project.root / ".cache" / "archives" / "handlers-vision-python3.13-arm64"
    )

    monkeypatch.setenv("LAMBDA_ARCHIVES_CACHE", str(tmp_path / "elsewhere"))
    outside = LambdaArchive.from_package(package, target=arm)
    assert outside.zip_path.parent == tmp_path / "elsewhere" / "handlers-vision-python3.13-arm64"
    assert outside.digest == inside.digest
