"""A model behind OpenAI's protocol: a server on this machine with the faults that such servers have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handlers.chat.backend import Call, CallPiece, Completion, End, Piece, TextPiece
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
from tests.support.upstream import DONE, END, Upstream, chunk, completion, cut, sse, streamed, upstream

__all__ = ["upstream"]

CANARY = "canary-7f3e"


def complete(upstream: Upstream, seconds: float = 25, key: ApiKey | None = None, **fields: Any) -> Completion:
    backend = OpenAiBackend(model="qwen3", base_url=f"{upstream.url}/v1", key=key)
    return backend.complete(request(**fields), deadline=Deadline.after(seconds))


def failure(upstream: Upstream, seconds: float = 25, key: ApiKey | None = None) -> ServiceError:
    with pytest.raises(ServiceError) as raised:
        complete(upstream, seconds, key)
    assert CANARY not in raised.value.message
    assert CANARY not in (raised.value.detail or "")
    return raised.value


def test_what_was_sent_goes_on_with_the_target_s_model(upstream: Upstream) -> None:
    completion = complete(upstream, temperature=0.5, tools=[WEATHER], seed=7)
    assert completion == Completion(
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
    resource = complete(upstream)
    assert (resource.text, resource.finish_reason, resource.calls) == (
        None,
        "tool_calls",
        [Call("c1", "get_weather", "{}")],
    )


def test_half_a_character_becomes_the_sign_for_one(upstream: Upstream) -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"a": "\udc00"}'},
    }
    answer = completion("tool_calls", content="\ud83d\ude00 \ud83d", tool_calls=[call])
    upstream.content = json.dumps(answer).encode()
    found = complete(upstream)
    assert (found.text, found.calls[0].arguments) == ("\N{GRINNING FACE} \ufffd", '{"a": "\ufffd"}')
    upstream.steps = streamed("\ud83d\ude00 \ud83d", "!")
    texts = [piece.text for piece in stream(upstream) if isinstance(piece, TextPiece)]
    assert texts == ["\N{GRINNING FACE} \ufffd", "!"]


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
    upstream = Upstream()
    upstream.stop()
    assert type(failure(upstream)) is BackendUnavailable


@pytest.mark.parametrize("url", ["http://models.example/v1", "ftp://127.0.0.1/v1", "file:///etc/passwd", ""])
def test_only_https_or_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not https; use https, or http on 127\.0\.0\.1"):
        OpenAiBackend(model="qwen3", base_url=url)


ENDED = End(finish_reason="stop", prompt_tokens=7, completion_tokens=3)


def stream(
    upstream: Upstream,
    first: float = 25,
    seconds: float = 25,
    pieces: list[Piece] | None = None,
    **fields: Any,
) -> list[Piece]:
    """All pieces; also put into a list, for a stream that fails."""
    pieces = [] if pieces is None else pieces
    backend = OpenAiBackend(model="qwen3", base_url=f"{upstream.url}/v1")
    stream = backend.stream(request(**fields), first=Deadline.after(first), deadline=Deadline.after(seconds))
    for piece in stream:
        pieces.append(piece)
    return pieces


def stream_failure(upstream: Upstream, **options: Any) -> tuple[list[Piece], ServiceError]:
    pieces: list[Piece] = []
    with pytest.raises(ServiceError) as raised:
        stream(upstream, pieces=pieces, **options)
    assert CANARY not in f"{raised.value.message} {raised.value.detail}"
    return pieces, raised.value


def test_a_stream_is_asked_for_with_its_usage(upstream: Upstream) -> None:
    assert stream(upstream, temperature=0.5) == [TextPiece("Hel"), TextPiece("lo!"), ENDED]
    ((_, headers, body),) = upstream.requests
    assert headers["Accept"] == "text/event-stream"
    assert body == {
        "model": "qwen3",
        "messages": [HELLO],
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_what_the_caller_says_of_the_stream_is_not_passed_on(upstream: Upstream) -> None:
    complete(upstream, stream=True, stream_options={"include_usage": True})
    assert upstream.requests[0][2] == {"model": "qwen3", "messages": [HELLO]}


def test_each_piece_comes_before_the_next_is_sent(upstream: Upstream) -> None:
    upstream.steps = [chunk(content="one"), upstream.released, chunk(content="two"), *END]
    backend = OpenAiBackend(model="qwen3", base_url=f"{upstream.url}/v1")
    pieces = backend.stream(request(), first=Deadline.after(25), deadline=Deadline.after(25))
    assert next(pieces) == TextPiece("one")
    upstream.released.set()
    assert list(pieces) == [TextPiece("two"), ENDED]


def test_tool_calls_are_streamed(upstream: Upstream) -> None:
    def part(index: int, arguments: str, **more: Any) -> bytes:
        function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
        return chunk(tool_calls=[{"index": index, "function": function, **more}])

    upstream.steps = [
        part(0, "", id="c1", type="function", name="get_weather"),
        part(0, '{"city": '),
        # Some servers repeat the id and the name.
        part(0, '"Rome"}', id="c1", name="get_weather"),
        part(1, "{}", id="c2", name="get_time"),
        *END,
    ]
    assert stream(upstream) == [
        CallPiece(0, "", id="c1", name="get_weather"),
        CallPiece(0, '{"city": '),
        CallPiece(0, '"Rome"}'),
        CallPiece(1, "{}", id="c2", name="get_time"),
        ENDED,
    ]


def test_events_are_read_however_they_are_cut_and_written(upstream: Upstream) -> None:
    whole = b": hello\r\n\r\nevent: message\r\nid: 1\r\n" + b"".join(streamed("Grüße, ", "мир")).replace(
        b"\n", b"\r\n"
    )
    for size in (1, 7, 10_000):
        upstream.steps = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert stream(upstream) == [TextPiece("Grüße, "), TextPiece("мир"), ENDED]
    upstream.steps = [b'data: {"choices": [{"index": 0,\ndata: "delta": {"content": "a"}}]}\n\n', *END]
    assert stream(upstream) == [TextPiece("a"), ENDED]


def test_closing_a_stream_closes_the_connection(upstream: Upstream) -> None:
    def many() -> list[bytes]:
        return [chunk(content="x" * 10_000)] * 10_000

    upstream.steps = many()
    backend = OpenAiBackend(model="qwen3", base_url=f"{upstream.url}/v1")
    pieces = backend.stream(request(), first=Deadline.after(25), deadline=Deadline.after(25))
    next(pieces)
    pieces.close()
    assert upstream.gone.wait(10)


@pytest.mark.parametrize(
    ("status", "error"), [(400, InvalidRequest), (429, BackendUnavailable), (500, BackendUnavailable)]
)
def test_a_stream_that_is_refused(upstream: Upstream, status: int, error: type[ServiceError]) -> None:
    upstream.status, upstream.headers = status, {"Retry-After": "17"}
    pieces, failed = stream_failure(upstream)
    assert (pieces, type(failed)) == ([], error)
    if isinstance(failed, BackendUnavailable) and status == 429:
        assert failed.retry_after_seconds == 17


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([cut], BackendUnavailable),
        ([DONE], BackendUnavailable),
        ([], BackendUnavailable),
        ([chunk("stop"), DONE], BackendError),
        ([chunk("stop"), sse({"choices": [], "usage": {"prompt_tokens": "x"}}), DONE], BackendError),
        ([sse({"error": {"message": CANARY}})], BackendError),
        ([sse(CANARY)], BackendError),
        ([sse([1])], BackendError),
        ([sse({"choices": 1})], BackendError),
        ([sse({"choices": [{"index": 1, "delta": {}}]})], BackendError),
        ([chunk(content=7)], BackendError),
        ([chunk("nonsense")], BackendError),
        ([chunk(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}])], BackendError),
        ([chunk(tool_calls=[{"index": 1, "id": "a", "function": {"name": "b"}}])], BackendError),
        ([b"data: {\n\n"], BackendError),
        ([b"data: \xff\n\n"], BackendError),
        ([b"x" * 1_000_001], BackendError),
    ],
)
def test_a_stream_that_fails(upstream: Upstream, steps: list[Any], error: type[ServiceError]) -> None:
    upstream.steps = steps
    assert type(stream_failure(upstream)[1]) is error
    # After a good piece as well.
    upstream.steps = [chunk(content="Hel"), *steps]
    pieces, failed = stream_failure(upstream)
    assert (pieces, type(failed)) == ([TextPiece("Hel")], error)


def test_an_answer_that_is_not_a_stream(upstream: Upstream) -> None:
    upstream.headers = {"Content-Type": "application/json"}
    assert type(stream_failure(upstream)[1]) is BackendError


def test_a_slow_first_piece(upstream: Upstream) -> None:
    # A role is not a piece yet: another target could still answer.
    upstream.steps = [chunk(role="assistant", content=""), upstream.released, *END]
    pieces, failed = stream_failure(upstream, first=0.3)
    assert (pieces, type(failed)) == ([], BackendTimeout)


def test_a_stream_that_stalls(upstream: Upstream) -> None:
    upstream.steps = [chunk(content="Hel"), upstream.released, *END]
    pieces, failed = stream_failure(upstream, seconds=0.5)
    assert (pieces, type(failed)) == ([TextPiece("Hel")], BackendTimeout)
