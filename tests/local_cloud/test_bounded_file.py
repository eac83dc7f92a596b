"""Log files of bounded size, by many threads, for many names, and over several runs."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local_cloud.bounded_file import BoundedFile, BoundedFolder
from local_cloud.serve import LOG_NAME
from tests.support.paths import PROJECT


def sizes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(directory.iterdir())}


def test_a_full_file_is_kept_until_the_next_is_full(tmp_path: Path) -> None:
    file = BoundedFile(tmp_path / "a.log", most_bytes=10)
    for number in range(10):
        file.write(b"%d..\n" % number)
    file.close()
    assert (tmp_path / "a.log.1").read_text() == "6..\n7..\n"
    assert (tmp_path / "a.log").read_text() == "8..\n9..\n"


def test_a_full_file_that_cannot_be_kept_ends_no_invocation(tmp_path: Path) -> None:
    file = BoundedFile(tmp_path / "a.log", most_bytes=10)
    file.write(b"x" * 10)
    (tmp_path / "a.log.1").mkdir()  # where the full file would be
    for _ in range(2):
        file.write(b"y")
    (tmp_path / "a.log.1").rmdir()
    file.write(b"z")
    file.close()
    assert (tmp_path / "a.log").read_bytes()[-1:] == b"z"


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("before\n")
    file = BoundedFile(tmp_path / "a.log")
    file.write(b"now\n")
    file.close()
    assert (tmp_path / "a.log").read_text() == "before\nnow\n"


def test_a_write_of_more_than_fits_is_whole(tmp_path: Path) -> None:
    file = BoundedFile(tmp_path / "a.log", most_bytes=10)
    file.write(b"x" * 100)
    file.write(b"y" * 100)
    file.close()
    assert (tmp_path / "a.log.1").read_bytes() + (tmp_path / "a.log").read_bytes() == b"x" * 100 + b"y" * 100


def test_threads_lose_nothing_of_what_fits(tmp_path: Path) -> None:
    logs = BoundedFolder(tmp_path, most_files=4, most_bytes=4000)
    with ThreadPoolExecutor(48) as threads:
        list(threads.map(lambda number: logs.write(f"f{number % 4}", b"%05d\n" % number), range(4000)))
    logs.close()
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert sorted(lines) == [f"{number:05}" for number in range(4000)]


def test_functions_that_log_without_end_take_bounded_space(tmp_path: Path) -> None:
    logs = BoundedFolder(tmp_path, most_files=3, most_bytes=1000)
    for _ in range(100):
        for function in ("a", "b"):
            logs.write(function, b"x" * 99 + b"\n")
    assert sizes(tmp_path) == {"a.log": 1000, "a.log.1": 1000, "b.log": 1000, "b.log.1": 1000}
    logs.write("c", b"new\n")
    logs.write("b", b"again\n")
    logs.write("d", b"one more\n")
    logs.close()
    assert set(sizes(tmp_path)) == {"b.log", "b.log.1", "c.log", "d.log"}


def test_logs_of_earlier_runs_count(tmp_path: Path) -> None:
    for run in range(10):
        logs = BoundedFolder(tmp_path, most_files=2, most_bytes=100)
        logs.write(f"f{run}", b"x" * 60)
        logs.write("every", b"x" * 60)
        logs.close()
    assert set(sizes(tmp_path)) == {"f9.log", "every.log", "every.log.1"}
    assert sum(sizes(tmp_path).values()) <= 200


def test_what_is_written_after_the_end_is_dropped(tmp_path: Path) -> None:
    file, logs = BoundedFile(tmp_path / "a.log", most_bytes=10), BoundedFolder(tmp_path)
    file.close()
    logs.close()
    file.write(b"x")
    logs.write("b", b"x")
    assert sizes(tmp_path) == {}


def test_a_disk_that_is_full_ends_no_invocation(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("where the folder would be")
    logs = BoundedFolder(tmp_path / "logs")
    logs.write("a", b"x")
    logs.remark("a", "x")
    logs.close()
    file = BoundedFile(tmp_path / "logs" / "a.log")
    file.write(b"x")
    file.close()


def test_the_log_of_a_local_cloud_in_the_background_is_emptied_when_it_is_full(tmp_path: Path) -> None:
    program = f"""
import logging
from pathlib import Path
from local_cloud import serve
serve.MOST_LOG_BYTES = 1000
logging.basicConfig(handlers=[serve._StandardError(Path({str(tmp_path / LOG_NAME)!r}))], format="%(message)s")
for number in range(1000):
    logging.error("%03d", number)
"""
    (tmp_path / LOG_NAME).parent.mkdir()
    for name in (LOG_NAME, "other.log"):
        with (tmp_path / name).open("ab") as output:
            subprocess.run([sys.executable, "-c", program], cwd=PROJECT, stderr=output, check=True)
    lines = (tmp_path / LOG_NAME).read_text().splitlines()
    assert lines == [f"{number:03}" for number in range(1000 - len(lines), 1000)]
    assert 0 < (tmp_path / LOG_NAME).stat().st_size <= 1004
    assert (tmp_path / "other.log").stat().st_size == 4000
