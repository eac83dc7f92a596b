"""What `make demo` calls right and wrong, against a server of the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tools import demo
from tools.calls import Call, WrongAnswer, calls, expect
from tools.console import step


@contextmanager
def api(status: int, answer: bytes) -> Iterator[str]:
    """A server that gives every request the same answer; yields its invoke URL."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/prod"
        finally:
            server.shutdown()
            thread.join()


def positive(answer: Any) -> str:
    expect(answer["value"] > 0, "a positive value", answer)
    return f"value {answer['value']}"


ASKED = Call("is it positive?", "GET", "/value", positive)


def test_a_right_answer_gives_the_line_to_show() -> None:
    with api(200, b'{"value": 7}') as url:
        status, content, milliseconds = demo.call(url, ASKED)
    assert milliseconds > 0
    assert demo.judge(ASKED, status, content) == "value 7"


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (500, b"{}", "expected status 200, got 500: {}"),
        (200, b"<html>", "expected JSON, got b'<html>'"),
        (200, b'{"value": -1}', 'expected a positive value, got {"value": -1}'),
        (200, b"{}", "KeyError 'value' in {}"),
        (200, b"[]", "TypeError list indices must be integers or slices, not str in []"),
    ],
)
def test_a_wrong_answer_says_what_was_expected(status: int, content: bytes, problem: str) -> None:
    with pytest.raises(WrongAnswer) as wrong:
        demo.judge(ASKED, status, content)
    assert str(wrong.value) == problem


def test_every_call_of_the_demo_refuses_a_wrong_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with api(200, json.dumps({"status": "down", "services": [], "message": "no"}).encode()) as url:
        assert demo.call_all(url) == len(calls())
    assert capsys.readouterr().out.count("WRONG") == len(calls())


def test_a_server_that_is_not_there_counts_as_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with api(200, b"{}") as url:
        pass
    assert demo.call_all(url) == len(calls())
    assert "no answer" in capsys.readouterr().out


def test_a_step_prints_what_came_of_it_and_its_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with step("lay the table") as current:
        current.note("four plates")
    shown = capsys.readouterr().out.split()
    assert shown[:5] == ["lay", "the", "table", "four", "plates"]
    assert float(shown[5]) >= 0
    assert shown[6] == "s"


def test_a_step_that_fails_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), step("lay the table"):
        raise RuntimeError("no plates")
    assert "failed" in capsys.readouterr().out
