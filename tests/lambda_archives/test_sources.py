"""Files of a folder that go into an archive, and folders that are rejected."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lambda_archives import ArchiveError, LambdaArchive
from lambda_archives.members import merge_members
from lambda_archives.sources import read_tree
from lambda_archives.zip_writer import Member, MemoryBytes


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "app.py").write_text("code\n")
    return folder


def paths(folder: Path) -> list[str]:
    return [file.path for file in read_tree(folder, path="", boundary=folder)]


def refusal(folder: Path) -> str:
    with pytest.raises(ArchiveError) as caught:
        paths(folder)
    return str(caught.value)


def test_links_inside_the_root_are_followed(source):
    (source / "real").mkdir()
    (source / "real" / "data.txt").write_text("data")
    (source / "folder").symlink_to("real")
    (source / "file.py").symlink_to("app.py")

    files = {file.path: file for file in read_tree(source, path="", boundary=source)}

    assert sorted(files) == ["app.py", "file.py", "folder/data.txt", "real/data.txt"]
    assert files["file.py"].sha256 == files["app.py"].sha256


def test_a_folder_that_is_itself_a_link_is_read(source, tmp_path):
    (tmp_path / "link").symlink_to(source)

    assert paths(tmp_path / "link") == ["app.py"]


def test_a_link_that_leads_outside_is_refused(source, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (source / "link").symlink_to(tmp_path / "secret")

    assert refusal(source) == (
        f"{source}/link: leads to {tmp_path}/secret, outside {source}; put a copy in its place"
    )


def test_an_included_folder_below_a_link_that_leads_outside_is_refused(source, tmp_path):
    (tmp_path / "elsewhere" / "inner").mkdir(parents=True)
    (tmp_path / "elsewhere" / "inner" / "secret.py").write_text("")
    (source / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ArchiveError) as caught:
        list(read_tree(source / "link" / "inner", path="link/inner", boundary=source))

    assert str(caught.value) == (
        f"{source}/link/inner: leads to {tmp_path}/elsewhere/inner, outside {source}; put a copy in its place"
    )


def test_a_link_to_nothing_is_refused(source):
    (source / "link").symlink_to("missing")

    assert refusal(source) == f"{source}/link: is a symbolic link to nothing ({source}/missing); remove it"


def test_a_link_in_a_circle_is_refused(source):
    (source / "inner").mkdir()
    (source / "inner" / "again").symlink_to(source)

    assert refusal(source) == (
        f"{source}/inner/again: is a symbolic link to a folder that holds it; remove the link"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_instead_of_waited_for(source):
    os.mkfifo(source / "pipe")

    assert refusal(source) == f"{source}/pipe: is neither a file nor a folder; remove it"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets any byte into a file's name")
def test_a_name_that_is_not_utf_8_is_refused(source):
    Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9.py")).write_text("")

    assert refusal(source) == f"{source}: the name 'caf\\udce9.py' is not UTF-8; rename the file"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["a\\b.py", "a\nb.py"])
def test_a_name_that_reads_differently_elsewhere_is_refused(source, name):
    (source / name).write_text("")

    assert refusal(source) == (
        f"{source}: the name {name!r} has a backslash or a control character; rename the file"
    )


def test_a_missing_folder_is_refused(tmp_path, arm):
    with pytest.raises(ArchiveError) as caught:
        LambdaArchive(tmp_path / "missing", target=arm, cache=tmp_path / "cache")

    assert str(caught.value) == f"{tmp_path}/missing: there is no such folder; correct the path"


def test_a_folder_without_files_is_refused(tmp_path, arm):
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    (tmp_path / "empty" / ".DS_Store").write_text("")

    with pytest.raises(ArchiveError) as caught:
        LambdaArchive(tmp_path / "empty", target=arm, cache=tmp_path / "cache")

    assert str(caught.value) == f"{tmp_path}/empty: holds no files to ship; put the handler's code there"


def test_a_string_of_patterns_is_refused(source, tmp_path, arm):
    with pytest.raises(ArchiveError) as caught:
        LambdaArchive(source, target=arm, exclude="*.py", cache=tmp_path / "cache")

    assert str(caught.value) == f"{source}: exclude is the string '*.py'; make it a list of patterns"


def test_missing_requirements_are_refused(source, tmp_path, arm):
    with pytest.raises(ArchiveError) as caught:
        LambdaArchive(source, target=arm, requirements=tmp_path / "lock.txt", cache=tmp_path / "cache")

    assert str(caught.value) == (
        f"{source}: requirements is '{tmp_path}/lock.txt', which is not a file; correct the path"
    )


def test_a_file_that_changes_while_it_is_archived_is_refused(source):
    (file,) = read_tree(source, path="", boundary=source)
    (source / "app.py").write_text("other")

    with pytest.raises(ArchiveError) as caught:
        file.member.read()

    assert str(caught.value) == f"{source}/app.py: changed while the archive was being made; try again"


def member(path: str, data: bytes = b"", origin: str = "here") -> Member:
    return Member(path, executable=False, size=len(data), origin=origin, content=MemoryBytes(data))


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("App.py", "app.py", "'App.py' and 'app.py'"),
        ("Data/a.txt", "data/b.txt", "'Data' and 'data'"),
        ("caf\u00e9", "cafe\u0301", "'cafe\u0301' and 'caf\u00e9'"),
    ],
)
def test_paths_that_are_the_same_on_some_systems_are_refused(first, second, shown):
    with pytest.raises(ArchiveError) as caught:
        merge_members("vision", [member(first), member(second)])

    assert str(caught.value) == (
        f"vision: {shown} are the same path on systems that ignore case or accents' encoding; rename one or leave it "
        "out with exclude"
    )


def test_a_file_at_the_path_of_a_folder_is_refused():
    with pytest.raises(ArchiveError) as caught:
        merge_members("vision", [member("a/b", origin="one"), member("a", origin="two")])

    assert str(caught.value) == (
        "vision: one and two hold the file 'a' and a folder of that name; leave one out with exclude"
    )


def test_two_files_at_one_path_are_refused_unless_they_are_the_same():
    same = merge_members("vision", [member("a", b"x", "one.whl"), member("a", b"x", "two.whl")])
    assert [item.origin for item in same] == ["one.whl"]

    with pytest.raises(ArchiveError) as caught:
        merge_members("vision", [member("a", b"x", "one.whl"), member("a", b"y", "two.whl")])

    assert str(caught.value) == (
        "vision: one.whl and two.whl both hold 'a', with different contents; leave one out with exclude"
    )
