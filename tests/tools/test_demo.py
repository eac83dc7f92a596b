"""Answers that `make demo` accepts and rejects, against a server of the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from deploy_tools.callers import CallerKind, Callers
from deploy_tools.console import step
from handlers.chat.offline_backend import MODEL
from tools import demo
from tools.calls import Call, WrongAnswer, calls, error, expect
from tools.demo_agents import open_approval, run_agent
from tools.demo_calls import Demo, call, judge
from tools.demo_workflows import document, run_job, summary
from tools.refusals import preflights


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

        do_GET = do_POST = do_OPTIONS = answer  # noqa: N815

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


class Nobody(Callers):
    """Callers who need no credentials."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", {})

    def headers(
        self,
        kind: CallerKind,
        method: str,  # noqa: ARG002
        url: str,  # noqa: ARG002
        body: bytes | None,  # noqa: ARG002
    ) -> dict[str, str]:
        return {"X-Caller": kind}


def demo_at(url: str) -> Demo:
    return Demo({"invoke_url": url}, Nobody())


ASKED = Call("is it positive?", "GET", "/value", positive)


def test_a_right_answer_gives_the_line_to_show() -> None:
    with api(200, b'{"value": 7}') as url:
        status, content, milliseconds = call(url, ASKED, Nobody())
    assert milliseconds > 0
    assert judge(ASKED, status, content) == "value 7"


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
        judge(ASKED, status, content)
    assert str(wrong.value) == problem


def test_every_call_of_the_demo_refuses_a_wrong_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with api(200, json.dumps({"status": "down", "services": [], "message": "no"}).encode()) as url:
        shown = demo_at(url)
        demo.call_services(shown)
    assert (shown.right, shown.wrong) == (0, len(calls()))
    assert capsys.readouterr().out.count("WRONG") == len(calls())


def test_every_call_of_a_workflow_refuses_a_wrong_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with api(
        200, b'{"text": "", "model": "another", "summary": "", "status": "lost", "failed": ["all"]}'
    ) as url:
        shown = demo_at(url)
        for request in (document(), summary("", MODEL)):
            assert shown.make(request) == b""
        run_job(shown)
    assert (shown.right, shown.wrong) == (0, 3)
    assert capsys.readouterr().out.count("WRONG") == 3


def test_an_agent_that_does_not_start_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with api(200, b'{"status": "lost"}') as url:
        monkeypatch.setenv("MODEL_BASE_URL", url)  # something listens there
        shown = demo_at(url)
        run_agent(shown)
    assert (shown.right, shown.wrong) == (0, 1)
    assert "The model at http" in capsys.readouterr().out


def test_a_job_that_waits_for_no_approval_is_wrong() -> None:
    waiting = Call("", "GET", "/jobs/1", open_approval(scripted=True))
    with pytest.raises(WrongAnswer, match="IndexError"):
        judge(waiting, 200, b'{"approvals": []}')


def test_a_server_that_is_not_there_counts_as_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with api(200, b"{}") as url:
        pass
    shown = demo_at(url)
    demo.call_services(shown)
    assert shown.wrong == len(calls())
    assert "no answer" in capsys.readouterr().out


def test_what_should_be_refused_and_is_not_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    refused = Call("no token", "POST", "/value", error("unauthorized"), status=401, caller="anonymous")
    with api(200, b"{}") as url:
        shown = demo_at(url)
        shown.refuse(refused)
        for request, check in preflights("http://localhost:3000", "https://elsewhere.example"):
            shown.preflight(request, check)
    # A page of another origin may not call where nothing allows it.
    assert (shown.right, shown.wrong) == (1, 2)
    with api(401, b'{"code": "unauthorized", "message": "No.", "requestId": "1"}') as url:
        shown = demo_at(url)
        shown.refuse(refused)
    assert (shown.right, shown.wrong) == (1, 0)
    assert "unauthorized: No." in capsys.readouterr().out


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
