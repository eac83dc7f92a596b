"""The Runtime API on its own, spoken to over a bare socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from local_cloud.functions.chunked_body import ChunkedBody
from local_cloud.functions.invocation import Invocation
from local_cloud.functions.response_stream import StreamSource
from local_cloud.functions.runtime_api import LARGEST_RESPONSE_BYTES, RuntimeApi

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Listener:
    running: str | None = "r1"
    ready: int = 0
    answers: list[tuple[bytes | None, bool]] = field(default_factory=list)
    init_errors: list[bytes] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    streams: list[StreamSource] = field(default_factory=list)
    ended: list[bytes | None] = field(default_factory=list)

    def runtime_ready(self) -> None:
        self.ready += 1

    def runtime_runs(self, request_id: str) -> bool:
        return request_id == self.running

    def runtime_answered(self, body: bytes | None, *, failed: bool) -> None:
        self.answers.append((body, failed))

    def runtime_stream_began(self, source: StreamSource) -> None:
        self.streams.append(source)

    def runtime_stream_chunk(self, data: bytes) -> None:
        self.chunks.append(data)

    def runtime_stream_ended(self, error: bytes | None) -> None:
        self.ended.append(error)

    def runtime_init_failed(self, body: bytes) -> None:
        self.init_errors.append(body)


@dataclass
class Talk:
    api: RuntimeApi
    listener: Listener
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(1 << 16), 5)

    async def ask(self, message: bytes) -> bytes:
        self.writer.write(message)
        await self.writer.drain()
        return await self.read()


def talk(script: Callable[[Talk], Awaitable[None]]) -> None:
    async def run() -> None:
        listener = Listener()
        api = RuntimeApi(listener)
        await api.start()
        host, _, port = api.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            await script(Talk(api, listener, reader, writer))
        finally:
            writer.close()
            api.close()
            await asyncio.sleep(0)

    asyncio.run(run())


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST /2018-06-01/runtime/{path} HTTP/1.1", *headers, f"content-LENGTH: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def event(payload: bytes = b"{}") -> bytes:
    return invocation(payload=payload).message(deadline_ms=5)


def invocation(**options: Any) -> Invocation:
    given = {"payload": b"{}", "request_id": "r1", "invoked_arn": "arn:x", "trace_header": "Root=1"}
    return Invocation(**given | {"on_end": None, "future": None} | options)


def test_next_waits_until_there_is_an_event() -> None:
    async def script(talk: Talk) -> None:
        talk.writer.write(NEXT)
        await asyncio.sleep(0.05)
        assert talk.listener.ready == 1
        talk.api.send(event(b'{"a":1}'))
        assert await talk.read() == (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: r1\r\n"
            b"Lambda-Runtime-Deadline-Ms: 5\r\nLambda-Runtime-Invoked-Function-Arn: arn:x\r\n"
            b'Lambda-Runtime-Trace-Id: Root=1\r\nContent-Length: 7\r\n\r\n{"a":1}'
        )

    talk(script)


def test_an_event_that_comes_first_waits_for_next_and_can_be_taken_back_until_then() -> None:
    async def script(talk: Talk) -> None:
        talk.api.send(event())
        assert talk.api.take_back()
        assert not talk.api.take_back()
        talk.api.send(event())
        assert (await talk.ask(NEXT)).endswith(b"\r\n\r\n{}")
        assert not talk.api.take_back()

    talk(script)


def test_an_event_is_kept_when_the_connection_breaks_before_it_is_sent() -> None:
    async def script(talk: Talk) -> None:
        talk.writer.write(NEXT)
        await asyncio.sleep(0.05)
        talk.writer.close()
        await asyncio.sleep(0.05)
        talk.api.send(event())
        assert talk.api.take_back()

    talk(script)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_requests_may_arrive_in_pieces(size: int) -> None:
    async def script(talk: Talk) -> None:
        message = post("invocation/r1/response", b'"answer"', "Content-Type: application/json")
        for start in range(0, len(message), size):
            talk.writer.write(message[start : start + size])
            await talk.writer.drain()
            await asyncio.sleep(0)
        assert (await talk.read()).startswith(b"HTTP/1.1 202 Accepted\r\n")
        assert talk.listener.answers == [(b'"answer"', False)]

    talk(script)


def test_several_requests_may_arrive_at_once() -> None:
    async def script(talk: Talk) -> None:
        talk.api.send(event())
        answer = await talk.ask(
            post("invocation/r1/response", b"") + post("invocation/r1/error", b"{}") + NEXT
        )
        while answer.count(b"HTTP/1.1 ") < 3:
            answer += await talk.read()
        assert talk.listener.answers == [(b"", False), (b"{}", True)]
        assert talk.listener.ready == 1

    talk(script)


def test_an_answer_that_comes_with_the_next_request_is_accepted_together_with_the_next_event() -> None:
    async def script(talk: Talk) -> None:
        talk.writer.write(post("invocation/r1/response", b"1") + NEXT)
        while talk.listener.ready == 0:
            await asyncio.sleep(0)
        assert talk.listener.answers == [(b"1", False)]
        talk.api.send(event(b"[2]"))
        answer = await talk.read()
        assert answer.startswith(b"HTTP/1.1 202 Accepted\r\n")
        assert answer.endswith(b"[2]")

    talk(script)


def test_an_answer_to_another_invocation_is_refused() -> None:
    async def script(talk: Talk) -> None:
        answer = await talk.ask(post("invocation/r0/response", b"late"))
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b'"errorType":"InvalidRequestID"' in answer
        assert talk.listener.answers == []

    talk(script)


def test_an_init_error_is_passed_on() -> None:
    async def script(talk: Talk) -> None:
        answer = await talk.ask(post("init/error", b'{"errorType":"E"}'))
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert talk.listener.init_errors == [b'{"errorType":"E"}']

    talk(script)


def test_an_answer_over_the_limit_is_read_and_dropped() -> None:
    async def script(talk: Talk) -> None:
        too_much = b"x" * (LARGEST_RESPONSE_BYTES + 1)
        assert (await talk.ask(post("invocation/r1/response", too_much))).startswith(b"HTTP/1.1 202 ")
        assert (await talk.ask(post("invocation/r1/response", too_much[1:]))).startswith(b"HTTP/1.1 202 ")
        assert talk.listener.answers == [(None, False), (too_much[1:], False)]

    talk(script)


def test_a_client_that_expects_to_be_asked_is_asked() -> None:
    async def script(talk: Talk) -> None:
        head, _, body = post("invocation/r1/response", b'"x"', "Expect: 100-continue").partition(b"\r\n\r\n")
        assert await talk.ask(head + b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await talk.ask(body)).startswith(b"HTTP/1.1 202 ")

    talk(script)


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"GET /elsewhere HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (post("invocation/r1/other", b""), b"400 Bad Request"),
        (post("restore/error", b""), b"404 Not Found"),
        (b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\n\r\n", b"411 Length Required"),
        (b"POST /x HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"411 Length Required"),
    ],
)
def test_what_it_does_not_know_it_refuses(message: bytes, status: bytes) -> None:
    async def script(talk: Talk) -> None:
        assert (await talk.ask(message)).startswith(b"HTTP/1.1 " + status + b"\r\n")

    talk(script)


def test_headers_without_an_end_are_refused() -> None:
    async def script(talk: Talk) -> None:
        talk.writer.write(b"GET / HTTP/1.1\r\nA: " + b"x" * (5 * 1024 * 1024))
        assert (await talk.read()).startswith(b"HTTP/1.1 431 ")

    talk(script)


def test_no_header_value_can_begin_a_new_line() -> None:
    options = {"trace_header": "x\r\nEvil: 1", "client_context": '{\n"custom": {}}'}
    message = invocation(**options).message(deadline_ms=1)
    assert b"\r\nEvil" not in message
    assert b'\r\nLambda-Runtime-Client-Context: { "custom": {}}\r\n' in message


STREAM = (
    b"POST /2018-06-01/runtime/invocation/r1/response HTTP/1.1\r\n"
    b"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def test_a_streamed_answer_is_passed_on_chunk_by_chunk() -> None:
    async def script(talk: Talk) -> None:
        talk.writer.write(STREAM + b"3\r\none\r\n")
        while not talk.listener.chunks:
            await asyncio.sleep(0)
        assert (talk.listener.chunks, talk.listener.ended) == ([b"one"], [])
        assert (await talk.ask(b"3;x=y\r\ntwo\r\n0\r\n\r\n")).startswith(b"HTTP/1.1 202 ")
        assert (talk.listener.chunks, talk.listener.ended) == ([b"one", b"two"], [None])
        assert talk.listener.answers == []
        talk.api.send(event(b"7"))
        assert (await talk.ask(NEXT)).endswith(b"\r\n\r\n7")

    talk(script)


@pytest.mark.parametrize(
    ("body", "error"), [(b"eyJlcnJvclR5cGUiOiAiWCJ9", b'{"errorType": "X"}'), (b"no base64!", b"{}")]
)
def test_trailers_are_the_error_of_a_streamed_answer(body: bytes, error: bytes) -> None:
    async def script(talk: Talk) -> None:
        trailers = b"Lambda-Runtime-Function-Error-Type: X\r\nLambda-Runtime-Function-Error-Body: " + body
        message = STREAM + b"1\r\na\r\n0\r\n" + trailers + b"\r\n\r\n"
        assert (await talk.ask(message)).startswith(b"HTTP/1.1 202 ")
        assert (talk.listener.chunks, talk.listener.ended) == ([b"a"], [error])

    talk(script)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (STREAM.replace(b"r1", b"r2"), b"This invocation is not running"),
        (STREAM.replace(b"r1/response", b"r1/error"), b"This invocation is not running"),
        (STREAM.replace(b"chunked", b"identity"), b"needs Transfer-Encoding: chunked"),
        (STREAM + b"x\r\n", b"chunks of the body are not valid"),
        (STREAM + b"\r\n", b"chunks of the body are not valid"),
        (STREAM + b"1\r\nabc", b"chunks of the body are not valid"),
        (STREAM + b"1" * 1_100_000, b"chunks of the body are not valid"),
    ],
)
def test_streamed_answers_that_are_not_valid(message: bytes, text: bytes) -> None:
    async def script(talk: Talk) -> None:
        talk.writer.write(message)
        answer = await talk.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert text in answer
        assert talk.listener.ended == []

    talk(script)


def test_after_a_hang_up_nothing_more_is_passed_on_and_the_client_is_disconnected() -> None:
    async def script(talk: Talk) -> None:
        talk.writer.write(STREAM)
        while not talk.listener.streams:
            await asyncio.sleep(0)
        (source,) = talk.listener.streams
        source.hang_up()
        source.resume()
        with contextlib.suppress(ConnectionResetError):
            assert await talk.read() == b""
        assert (talk.listener.chunks, talk.listener.ended) == ([], [])

    talk(script)


def test_chunks_may_be_cut_anywhere() -> None:
    message = b"3\r\none\r\nA\r\n0123456789\r\n0\r\nName: value\r\n\r\nrest"
    for size in (1, 2, 3, 7, len(message)):
        body, buffer, decoded = ChunkedBody(), bytearray(), b""
        for start in range(0, len(message), size):
            buffer += message[start : start + size]
            decoded += body.decode(buffer)
        assert (decoded, body.ended, body.trailers) == (b"one0123456789", True, {"name": "value"})
        assert bytes(buffer) == b"rest"
