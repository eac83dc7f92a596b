"""A model behind OpenAI's protocol: a server on this machine with the faults that such servers have."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from handlers.chat.backend import Call, Completion
from handlers.chat.openai_backend import ApiKey, OpenAiBackend
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    InvalidRequest,
    ServiceError,
)
from tests.support.aws import Answering, stubbed
from tests.support.chat import HELLO, WEATHER, request

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
CANARY = "canary-7f3e"


def completion(finish_reason: str = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    return {"id": "x", "object": "chat.completion", "model": "qwen3", "choices": [choice], "usage": USAGE}


class Upstream:
    """The server: answers each request as it is told, and remembers what came."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.content: bytes = json.dumps(completion(content="Hello!")).encode()
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.released = threading.Event()
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                upstream.requests.append((self.path, dict(self.headers.items()), body))
                upstream.before()
                self.send_response(upstream.status)
                for name, value in upstream.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in upstream.headers:
                    self.send_header("Content-Length", str(len(upstream.content)))
                self.end_headers()
                self.wfile.write(upstream.content)
                upstream.after()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def stop(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.stop()


def complete(upstream: Upstream, seconds: float = 25, key: ApiKey | None = None, **fields: Any) -> Completion:
    backend = OpenAiBackend(model="qwen3", base_url=upstream.url, key=key)
    return backend.complete(request(**fields), deadline=Deadline.after(seconds))


def failure(upstream: Upstream, seconds: float = 25, key: ApiKey | None = None) -> ServiceError:
    with pytest.raises(ServiceError) as raised:
        complete(upstream, seconds, key)
    assert CANARY not in raised.value.message
    assert CANARY not in (raised.value.detail or "")
    return raised.value


def test_what_was_sent_goes_on_with_the_target_s_model(upstream: Upstream) -> None:
    made = complete(upstream, temperature=0.5, tools=[WEATHER], seed=7)
    assert made == Completion(
        text="Hello!", calls=[], finish_reason="stop", prompt_tokens=7, completion_tokens=3
    )
    ((path, headers, body),) = upstream.requests
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert body == {
        "model": "qwen3",
        "messages": [HELLO],
        "temperature": 0.5,
        "tools": [WEATHER],
        "seed": 7,
    }


def test_a_schema_goes_on_under_its_own_name(upstream: Upstream) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "any", "schema": {"type": "object"}}}
    complete(upstream, response_format=form)
    assert upstream.requests[0][2]["response_format"] == form


def test_tool_calls_come_back(upstream: Upstream) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    upstream.content = json.dumps(completion("tool_calls", content=None, tool_calls=[call])).encode()
    made = complete(upstream)
    assert (made.text, made.finish_reason, made.calls) == (
        None,
        "tool_calls",
        [Call("c1", "get_weather", "{}")],
    )


def test_the_key_comes_from_secrets_manager_and_is_read_once(upstream: Upstream) -> None:
    with stubbed("secretsmanager") as (api, stub):
        stub.add_response("get_secret_value", {"SecretString": "key-1\n"}, {"SecretId": "models-key"})
        key = ApiKey("models-key", api=api, clock=lambda: 0)
        for _ in range(2):
            complete(upstream, key=key)
    assert [headers["Authorization"] for _, headers, _ in upstream.requests] == ["Bearer key-1"] * 2


@pytest.mark.parametrize("rotated", ["by time", "by refusal"])
def test_a_rotated_key_is_read_again(upstream: Upstream, rotated: str) -> None:
    now = [0.0]
    secrets = Answering({"get_secret_value": {"SecretString": "old"}})
    key = ApiKey("models-key", api=secrets, clock=lambda: now[0])  # type: ignore[arg-type]
    if rotated == "by time":
        complete(upstream, key=key)
        now[0] = 300
    else:
        upstream.status = 401
        assert type(failure(upstream, key=key)) is BackendError
        upstream.status = 200
    secrets.answers = {"get_secret_value": {"SecretString": "new"}}
    complete(upstream, key=key)
    assert upstream.requests[-1][1]["Authorization"] == "Bearer new"


@pytest.mark.parametrize(
    "value", [{"SecretBinary": b"x"}, {"SecretString": "a\nb"}, {"SecretString": "ключ"}]
)
def test_a_secret_that_is_no_key(upstream: Upstream, value: dict[str, Any]) -> None:
    secrets: Any = Answering({"get_secret_value": value})
    assert type(failure(upstream, key=ApiKey("models-key", api=secrets))) is BackendError
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequest),
        (401, BackendError),
        (403, BackendError),
        (404, BackendError),
        (408, BackendTimeout),
        (422, InvalidRequest),
        (429, BackendUnavailable),
        (500, BackendUnavailable),
        (503, BackendUnavailable),
        (504, BackendTimeout),
        (302, BackendError),
    ],
)
def test_statuses(upstream: Upstream, status: int, error: type[ServiceError]) -> None:
    upstream.status, upstream.headers = status, {"Location": "http://127.0.0.1:9/"}
    upstream.content = json.dumps({"error": {"message": CANARY, "param": "temperature"}}).encode()
    failed = failure(upstream)
    assert type(failed) is error
    assert failed.param == ("temperature" if error is InvalidRequest else None)


@pytest.mark.parametrize(
    ("value", "seconds"), [("17", 17), ("99999", 3_600), ("-1", 5), ("Wed, 21 Oct 2015", 5), ("", 5)]
)
def test_retry_after(upstream: Upstream, value: str, seconds: int) -> None:
    upstream.status, upstream.headers = 429, {"Retry-After": value}
    failed = failure(upstream)
    assert isinstance(failed, BackendUnavailable)
    assert failed.retry_after_seconds == seconds


GARBAGE: list[Any] = [
    CANARY,
    [],
    {},
    {"choices": []},
    {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]},
    {**completion(content="x"), "usage": None},
    completion(content=None),
    completion(content=7),
    completion("nonsense", content="x"),
    completion(content=None, tool_calls=[{"id": "c1"}]),
]


@pytest.mark.parametrize("answer", GARBAGE)
def test_garbage(upstream: Upstream, answer: Any) -> None:
    upstream.content = json.dumps(answer).encode()
    assert type(failure(upstream)) is BackendError


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff", b"[" * 100_000, b"x" * 5_000_001])
def test_what_is_not_json(upstream: Upstream, content: bytes) -> None:
    upstream.content = content
    assert type(failure(upstream)) is BackendError


def test_an_answer_that_breaks_off(upstream: Upstream) -> None:
    upstream.headers = {"Content-Length": "1000", "Connection": "close"}
    assert type(failure(upstream)) is BackendUnavailable


def test_a_slow_answer(upstream: Upstream) -> None:
    upstream.before = upstream.released.wait
    assert type(failure(upstream, seconds=0.3)) is BackendTimeout


def test_an_answer_that_stalls(upstream: Upstream) -> None:
    upstream.headers = {"Content-Length": "1000"}
    upstream.after = upstream.released.wait
    assert type(failure(upstream, seconds=0.3)) is BackendTimeout


def test_no_time_left(upstream: Upstream) -> None:
    assert type(failure(upstream, seconds=0)) is BackendTimeout
    assert upstream.requests == []


def test_nothing_listens() -> None:
    made = Upstream()
    made.stop()
    assert type(failure(made)) is BackendUnavailable


@pytest.mark.parametrize("url", ["http://models.example/v1", "ftp://127.0.0.1/v1", "file:///etc/passwd", ""])
def test_only_https_or_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not https; use https, or http on 127\.0\.0\.1"):
        OpenAiBackend(model="qwen3", base_url=url)
