"""The log of requests: a line each, written at once, in a file that does not grow without end."""

from __future__ import annotations

from pathlib import Path

from local_cloud.messages import Request, Response
from local_cloud.request_log import RequestLog

GET = Request(
    method="GET",
    path="/shop/\udcff",
    query="",
    headers=(),
    body=b"",
    peer="127.0.0.1",
    protocol="HTTP/1.1",
    port=4566,
)


def test_a_request_is_a_line_that_is_there_at_once(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "logs" / "requests.log")
    log.write(GET, Response(200, (), b"four"), 0.0123, "shop")
    (line,) = (tmp_path / "logs" / "requests.log").read_text(encoding="utf-8").splitlines()
    log.close()
    assert line.split(" ", 1)[1] == "200 GET    /shop/\\udcff 12.3 ms 4 B shop"


def test_a_full_file_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    log = RequestLog(path, most_bytes=200)
    for number in range(20):
        log.write(GET, Response(200 + number, (), b""), 0.001)
    log.close()
    text = (tmp_path / "requests.log.1").read_text(encoding="utf-8") + path.read_text(encoding="utf-8")
    assert path.stat().st_size <= 200
    assert [line.split()[1] for line in text.splitlines()][-1] == "219"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["requests.log", "requests.log.1"]


def test_a_log_from_before_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    path.write_text("before\n", encoding="utf-8")
    log = RequestLog(path)
    log.write(GET, Response(200, (), b""), 0.001)
    log.close()
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2
