"""Keys of a package.toml, and errors of one that is wrong."""

from __future__ import annotations

import pytest

from lambda_archives import ArchiveError, LambdaArchive
from lambda_archives.package_file import read_package_file

INCLUDE = 'include = ["handlers/vision"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (INCLUDE + "requirement = 'r.txt'", "unknown key 'requirement'; did you mean 'requirements'?"),
        (
            INCLUDE + "colour = 'red'",
            "unknown key 'colour'; the keys are build, build_inputs, exclude, exclude_if_present, handler, include, requirements, strip",
        ),
        ("include = [", "is not a TOML file: Invalid value (at end of document)"),
        ("", "include is missing or empty; list the source files and folders to ship"),
        ("include = 'a'", "include is 'a'; make it a list of strings that are not empty"),
        ("include = ['a', 3]", "include is ['a', 3]; make it a list of strings that are not empty"),
        (INCLUDE + "handler = 3", "handler is 3; make it a string that is not empty"),
        (INCLUDE + "strip = 'yes'", "strip is 'yes'; make it true or false"),
        (INCLUDE + "build = ''", "build is ''; make it a string that is not empty"),
        (
            "include = ['../outside']",
            "include has '../outside'; name a file or folder below the project's root, with '/'",
        ),
        (
            "include = ['/etc']",
            "include has '/etc'; name a file or folder below the project's root, with '/'",
        ),
        (
            "include = ['handlers\\vision']",
            r"include has 'handlers\\vision'; name a file or folder below the project's root, with '/'",
        ),
        (
            INCLUDE + "build_inputs = ['.']",
            "build_inputs has '.'; name a file or folder below the project's root, with '/'",
        ),
    ],
)
def test_a_wrong_package_file_is_refused(project, text, message):
    project.write({"handlers/vision/package.toml": text})

    with pytest.raises(ArchiveError) as caught:
        project.archive()

    assert str(caught.value) == f"{project.root}/handlers/vision/package.toml: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "include = ['handlers/vison']",
            "include 'handlers/vison' does not exist below {root}; correct or remove it",
        ),
        (
            "include = ['handlers/empty']",
            "include 'handlers/empty' holds no files to ship; correct or remove it",
        ),
        (
            INCLUDE + "requirements = 'lock.txt'",
            "requirements is 'lock.txt', but {root}/handlers/vision/lock.txt is not a file; correct the path",
        ),
        (
            INCLUDE + "build = 'make.py'",
            "build is 'make.py', but {root}/handlers/vision/make.py is not a file; correct the path",
        ),
        (
            INCLUDE + "build_inputs = ['models']",
            "build_inputs 'models' does not exist below {root}; correct or remove it",
        ),
        (
            INCLUDE + "exclude = ['handlers/vision/*.txt']",
            "exclude 'handlers/vision/*.txt' matches no file of the archive; correct or remove it, or move it to exclude_if_present in the package.toml if only some targets have such a file",
        ),
        (
            INCLUDE + "exclude = ['handlers/vision']",
            "exclude 'handlers/vision' names a folder; write 'handlers/vision/**'",
        ),
    ],
)
def test_a_package_file_that_does_not_fit_its_project_is_refused(project, text, message):
    (project.root / "handlers" / "empty").mkdir()
    project.write({"handlers/vision/package.toml": text})

    with pytest.raises(ArchiveError) as caught:
        project.archive()

    assert str(caught.value) == (
        f"{project.root}/handlers/vision/package.toml: {message.format(root=project.root)}"
    )


def test_a_missing_package_file_is_refused(tmp_path, arm):
    with pytest.raises(ArchiveError) as caught:
        LambdaArchive.from_package(tmp_path / "package.toml", target=arm)

    assert str(caught.value) == (
        f"{tmp_path}/package.toml: there is no such package file; correct the path or write one"
    )


def test_the_root_is_the_nearest_folder_above_with_a_cdktf_json(project):
    package = read_package_file(project.root / "handlers" / "vision", root=None)

    assert package.root == project.root
    assert package.file == project.root / "handlers" / "vision" / "package.toml"


def test_a_project_without_a_cdktf_json_must_name_its_root(project):
    (project.root / "cdktf.json").unlink()

    with pytest.raises(ArchiveError) as caught:
        read_package_file(project.root / "handlers" / "vision", root=None)

    assert str(caught.value) == (
        f"{project.root}/handlers/vision/package.toml: no folder above it holds a cdktf.json; say which folder is the "
        "root="
    )
    assert read_package_file(project.root / "handlers" / "vision", root=project.root).root == project.root


def test_a_relative_path_starts_from_the_root(project):
    package = read_package_file(
        project.root.joinpath("handlers/vision/package.toml").relative_to(project.root), root=project.root
    )

    assert package.include == ("handlers/__init__.py", "handlers/common", "handlers/vision")


def test_a_file_included_twice_is_archived_once(project):
    project.write({"handlers/vision/package.toml": 'include = ["handlers", "handlers/vision/app.py"]'})
    first = project.archive()
    project.write({"handlers/vision/package.toml": 'include = ["handlers/vision/app.py", "handlers"]'})

    assert project.archive().digest == first.digest
