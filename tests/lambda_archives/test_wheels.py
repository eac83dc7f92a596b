"""Wheels: download, files for the archive, and errors for missing ones."""

from __future__ import annotations

import sys
import zipfile

import pytest

from lambda_archives import ArchiveError, LambdaArchive, Target

NO_MATCH = (
    "WARNING: Location 'file:///elsewhere' is ignored: it is neither a file nor a directory.\n"
    "ERROR: Could not find a version that satisfies the requirement numbers==1.0 (from versions: 0.9)\n"
    "ERROR: No matching distribution found for numbers==1.0\n"
)
WRONG_HASH = (
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package "
    "versions, please update the hashes. Otherwise, examine the package contents carefully; someone may have tampered "
    "with them.\n"
    "    numbers==1.0 from file:///numbers.whl (from -r requirements.txt (line 1)):\n"
    "        Expected sha256 0000\n"
    "             Got        1111\n"
)
UNREACHABLE = (
    "WARNING: Retrying (Retry(total=4, connect=None, read=None, redirect=None, status=None)) after connection broken by "
    "'NewConnectionError: Failed to establish a new connection': /simple/numbers/\n"
) + NO_MATCH


def names(archive):
    with zipfile.ZipFile(archive.zip_path) as opened:
        return [name for name in opened.namelist() if not name.startswith("handlers/")]


def failure(project, target):
    with pytest.raises(ArchiveError) as caught:
        project.archive(target)
    return str(caught.value)


@pytest.fixture
def lock(project):
    return project.root / "handlers" / "vision" / "requirements.txt"


def test_pip_is_asked_for_hashed_wheels_of_the_target_and_nothing_else(project, arm, monkeypatch):
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    monkeypatch.setenv("PIP_PLATFORM", "any")
    monkeypatch.setenv("PIP_FIND_LINKS", str(project.shelf))
    project.wheel("numbers", {"numbers.py": ""})
    project.package(requirements=("Numbers==1.0", 'windows-only==1 ; sys_platform == "win32"'))

    project.archive()

    (call,) = project.pip_calls
    assert call["requirements"] == [f"numbers==1.0 --hash=sha256:{'0' * 64}"]
    assert call["options"] == [
        "download",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
        *arm.pip_options,
    ]
    assert "PIP_FIND_LINKS" in call["settings"]
    assert not {"PIP_NO_BINARY", "PIP_PLATFORM"} & set(call["settings"])


def test_a_wheel_s_files_lie_where_they_are_imported_from(project):
    project.wheel(
        "numbers",
        {
            "numbers/__init__.py": "",
            "numbers/__pycache__/__init__.cpython-313.pyc": b"\0",
            "numbers-1.0.data/purelib/pure.py": "",
            "numbers-1.0.data/platlib/plat.so": b"\0",
            "numbers-1.0.data/data/share/numbers/table.txt": "",
            "numbers-1.0.data/scripts/numbers": "#!python",
            "numbers-1.0.data/headers/numbers.h": "",
            "numbers-1.0.dist-info/entry_points.txt": "[console_scripts]",
            "numbers-1.0.dist-info/licenses/LICENSE": "",
        },
    )
    project.package(requirements=("numbers==1.0",))

    assert names(project.archive()) == [
        "numbers-1.0.dist-info/METADATA",
        "numbers-1.0.dist-info/entry_points.txt",
        "numbers-1.0.dist-info/licenses/LICENSE",
        "numbers/__init__.py",
        "plat.so",
        "pure.py",
        "share/numbers/table.txt",
    ]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_wheel_may_be_compressed_in_any_way(project, compression):
    project.wheel("numbers", {"numbers.py": "ONE = 1\n" * 100}, compression=compression)
    project.package(requirements=("numbers==1.0",))

    with zipfile.ZipFile(project.archive().zip_path) as opened:
        assert opened.read("numbers.py") == b"ONE = 1\n" * 100
        assert {info.compress_type for info in opened.infolist()} == {zipfile.ZIP_STORED}


def test_a_wheel_that_would_write_outside_the_archive_is_refused(project, arm):
    project.wheel("numbers", {"../evil.py": ""})
    project.package(requirements=("numbers==1.0",))

    assert failure(project, arm) == (
        "numbers-1.0-py3-none-any.whl: holds the unsafe path '../evil.py'; use another version"
    )


def test_wheels_that_clash_are_refused_unless_one_is_left_out(project, arm):
    project.wheel("one", {"tests/__init__.py": "1"})
    project.wheel("two", {"tests/__init__.py": "2"})
    project.package(requirements=("one==1.0", "two==1.0"))

    assert failure(project, arm) == (
        f"{project.root}/handlers/vision/package.toml: one-1.0-py3-none-any.whl and two-1.0-py3-none-any.whl both hold "
        "'tests/__init__.py', with different contents; leave one out with exclude"
    )

    project.package('exclude = ["tests/**"]', requirements=("one==1.0", "two==1.0"))

    assert names(project.archive()) == ["one-1.0.dist-info/METADATA", "two-1.0.dist-info/METADATA"]


def test_what_only_some_targets_have_may_be_left_out_where_it_is(project):
    project.wheel("numbers", {"numbers/one.py": "", "numbers/two.py": ""})
    project.package(
        'exclude_if_present = ["numbers/o*.py", "numbers/three.py"]', requirements=("numbers==1.0",)
    )

    assert names(project.archive()) == ["numbers-1.0.dist-info/METADATA", "numbers/two.py"]


def test_a_wheel_that_clashes_with_the_sources_is_refused(project, arm, lock):
    project.wheel("numbers", {"handlers/__init__.py": "# theirs"})
    project.package(requirements=("numbers==1.0",))

    assert failure(project, arm) == (
        f"{project.root}/handlers/vision/package.toml: {project.root}/handlers/__init__.py and {lock} both hold "
        "'handlers/__init__.py', with different contents; leave one out with exclude"
    )


def test_no_wheel_for_the_target(project, arm, lock):
    (project.shelf / "stderr").write_text(NO_MATCH)
    project.package(requirements=("numbers==1.0",))

    assert failure(project, arm) == (
        f"{lock}: numbers==1.0 has no wheel for python3.13 on arm64, tags manylinux_2_34_aarch64 and older; pin a "
        "version that has one, leave the package out, choose another target, or build its wheel (pip wheel) for an index or a "
        "--find-links folder of pip's configuration. pip said:\n"
        "    ERROR: Could not find a version that satisfies the requirement numbers==1.0 (from versions: 0.9)\n"
        "    ERROR: No matching distribution found for numbers==1.0"
    )


def test_no_wheel_for_this_machine(project, lock):
    (project.shelf / "stderr").write_text(NO_MATCH)
    project.package(requirements=("numbers==1.0",))
    target = Target.this_machine()

    assert failure(project, target).startswith(
        f"{lock}: numbers==1.0 has no wheel for {target}; pin a version that has one, leave the package out, choose "
        "another target, or build its wheel (pip wheel) for an index or a --find-links folder of pip's configuration. pip "
        "said:\n"
    )


def test_a_wheel_with_another_hash(project, arm, lock):
    (project.shelf / "stderr").write_text(WRONG_HASH)
    project.package(requirements=("numbers==1.0",))

    assert failure(project, arm).startswith(
        f"{lock}: the wheel of numbers==1.0 has none of the hashes in the file; make the file again if the hashes of "
        "this wheel are missing, and trust no other. pip said:\n    ERROR: THESE PACKAGES DO NOT MATCH"
    )


def test_an_index_that_cannot_be_reached(project, arm, lock):
    (project.shelf / "stderr").write_text(UNREACHABLE)
    project.package(requirements=("numbers==1.0",))

    assert failure(project, arm) == (
        f"{lock}: pip cannot reach a package index; check the network and pip's configuration. pip said:\n"
        "    ERROR: Could not find a version that satisfies the requirement numbers==1.0 (from versions: 0.9)\n"
        "    ERROR: No matching distribution found for numbers==1.0"
    )


def test_another_failure_of_pip_is_shown_from_its_end(project, arm, lock):
    (project.shelf / "stderr").write_text("".join(f"line {number}\n" for number in range(20)))
    project.package(requirements=("numbers==1.0",))

    assert failure(project, arm) == (
        f"{lock}: pip cannot fetch the wheels. pip said:\n"
        + "\n".join(f"    line {number}" for number in range(5, 20))
    )


def test_an_interpreter_without_pip(project, arm, lock):
    (project.shelf / "stderr").write_text(f"{sys.executable}: No module named pip\n")
    project.package(requirements=("numbers==1.0",))

    assert failure(project, arm) == (
        f"{lock}: {sys.executable} has no pip to fetch wheels with; run `{sys.executable} -m ensurepip`"
    )


def test_a_pip_that_does_not_exist(project, arm, lock):
    project.package(requirements=("numbers==1.0",))

    with pytest.raises(ArchiveError) as caught:
        LambdaArchive.from_package(lock.parent, target=arm, cache=project.cache, pip=["no-such-pip"])

    assert str(caught.value) == (f"{lock}: pip cannot be started as 'no-such-pip': No such file or directory")


def test_a_pip_that_fetches_nothing(project, arm, lock):
    project.package(requirements=("numbers==1.0",))

    assert failure(project, arm) == (
        f"{lock}: pip said it fetched numbers==1.0 but did not; delete pip's cache and retry"
    )


def test_a_damaged_wheel(project, arm):
    wheel = project.wheel("numbers", {"numbers.py": ""})
    wheel.write_bytes(wheel.read_bytes()[:40])
    project.package(requirements=("numbers==1.0",))

    message = failure(project, arm)

    assert message.endswith(
        "numbers-1.0-py3-none-any.whl: is a damaged zip file (File is not a zip file); delete it and pip's cache, and retry"
    )


def test_requirements_that_do_not_apply_need_no_pip(project):
    project.package(requirements=('windows-only==1 ; sys_platform == "win32"',))

    assert names(project.archive()) == []
    assert project.pip_calls == []


def test_a_system_whose_wheels_hold_other_files_may_lack_what_a_pattern_names(project, monkeypatch):
    project.package('exclude = ["pillow.libs/**"]')
    target = Target.this_machine()
    monkeypatch.setattr(sys, "platform", "darwin")

    assert names(project.archive(target)) == []

    monkeypatch.setattr(sys, "platform", "linux")
    project.write({"handlers/vision/app.py": "changed\n"})
    assert failure(project, target) == (
        f"{project.root}/handlers/vision/package.toml: exclude 'pillow.libs/**' matches no file of the archive; correct "
        "or remove it, or move it to exclude_if_present in the package.toml if only some targets have such a file"
    )
