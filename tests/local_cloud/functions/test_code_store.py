"""Unpacking archives: once for each content, whole or not at all, and never outside of their folder."""

from __future__ import annotations

import io
import stat
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from local_cloud.functions.code_store import ArchiveChanged, CodeStore
from local_cloud.functions.errors import InvalidZipFile
from tests.support.zips import archive


def unpack(store: CodeStore, content: bytes, **options: list[str]) -> Path:
    return store.unpack("demo", sha256(content).hexdigest(), content, **options)


def entry(name: str, mode: int, content: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        target.writestr(info, content)
    return buffer.getvalue()


def test_an_archive_is_unpacked_once_under_its_hash(tmp_path: Path) -> None:
    store = CodeStore(tmp_path)
    content = archive({"app.py": "1", "package/module.py": "2"})
    folder = unpack(store, content)
    assert folder == tmp_path / "functions" / "demo" / sha256(content).hexdigest()[:16]
    assert (folder / "package" / "module.py").read_text() == "2"
    (folder / "app.py").write_text("changed")
    assert unpack(store, content) == folder
    assert (folder / "app.py").read_text() == "changed"


def test_archives_that_are_not_kept_are_removed(tmp_path: Path) -> None:
    store = CodeStore(tmp_path)
    contents = [archive({"app.py": str(number)}) for number in range(3)]
    folders = [unpack(store, contents[0]), unpack(store, contents[1], keep=[sha256(contents[0]).hexdigest()])]
    assert all(folder.is_dir() for folder in folders)
    newest = unpack(store, contents[2], keep=[sha256(contents[1]).hexdigest()])
    assert sorted((tmp_path / "functions" / "demo").iterdir()) == sorted([folders[1], newest])


def test_only_the_executable_bit_of_a_mode_counts(tmp_path: Path) -> None:
    folder = unpack(CodeStore(tmp_path), entry("tool", 0o100711, "x"))
    assert stat.S_IMODE((folder / "tool").stat().st_mode) == 0o755
    folder = unpack(CodeStore(tmp_path), entry("file", 0o100200, "x"))
    assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o644


def test_a_link_inside_of_the_archive_is_kept(tmp_path: Path) -> None:
    folder = unpack(CodeStore(tmp_path), entry("lib/one.so", stat.S_IFLNK | 0o777, "one.so.1"))
    assert (folder / "lib" / "one.so").readlink() == Path("one.so.1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The archive of function 'demo' cannot be unpacked (File is not a zip file); build it again."),
        (
            archive({"../evil.py": ""}),
            "The archive of function 'demo' holds '../evil.py', a path outside of itself; remove that entry.",
        ),
        (
            archive({"/evil.py": ""}),
            "The archive of function 'demo' holds '/evil.py', a path outside of itself; remove that entry.",
        ),
        (
            entry("lib/evil", stat.S_IFLNK | 0o777, "../../../evil"),
            "The archive of function 'demo' links 'lib/evil' to a path outside of itself; remove that entry.",
        ),
    ],
)
def test_an_archive_that_cannot_be_right_is_refused_and_leaves_nothing(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(InvalidZipFile) as error:
        unpack(CodeStore(tmp_path), content)
    assert error.value.message == message
    assert list((tmp_path / "functions" / "demo").iterdir()) == []


def test_other_content_than_was_asked_for_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(ArchiveChanged):
        CodeStore(tmp_path).unpack("demo", "0" * 64, archive({"app.py": ""}))
