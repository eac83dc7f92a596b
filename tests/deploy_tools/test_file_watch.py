"""Changes of an app's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy_tools.file_watch import FileWatch


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[FileWatch]:
    for name in ("handlers/vision", "docs", "cdktf.out"):
        (tmp_path / name).mkdir(parents=True)
    watch = FileWatch(tmp_path, ["handlers"])
    yield watch
    watch.close()


def test_files_of_the_folder_and_all_below_named_entries(watch: FileWatch, tmp_path: Path) -> None:
    for name in ("main.py", "handlers/vision/app.py"):
        (tmp_path / name).write_text("1")
        assert watch.next() == {tmp_path / name}


def test_a_file_that_an_editor_replaces_and_one_that_is_deleted(watch: FileWatch, tmp_path: Path) -> None:
    file = tmp_path / "handlers" / "app.py"
    file.write_text("1")
    assert watch.next() == {file}
    (tmp_path / "new.swp").write_text("2")
    (tmp_path / "new.swp").replace(file)
    assert watch.next() == {file}
    file.unlink()
    assert watch.next() == {file}


def test_what_is_no_source_is_left_out(watch: FileWatch, tmp_path: Path) -> None:
    names = (
        "docs/a.md",
        "cdktf.out/x",
        ".env",
        "terraform.shop.tfstate",
        "handlers/app.py~",
        "handlers/.app.py.swp",
    )
    for name in (*names, "last.py"):
        (tmp_path / name).write_text("1")
    assert watch.next() == {tmp_path / "last.py"}


def test_an_entry_that_is_watched_later(watch: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    watch.extend(["handlers", "workflows", "missing"])
    (tmp_path / "workflows" / "new.py").write_text("1")
    assert watch.next() == {tmp_path / "workflows" / "new.py"}
