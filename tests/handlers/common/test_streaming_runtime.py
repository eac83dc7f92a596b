"""The runtime client that streams, against the Runtime API's documented protocol."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers.common import streaming_runtime
from handlers.common.streaming_runtime import Runtime, StreamedResponse
from tests.support.fake_runtime_api import REQUEST_ID, FakeRuntimeApi, Posted

RESPONSE = f"/2018-06-01/runtime/invocation/{REQUEST_ID}/response"
ERROR = f"/2018-06-01/runtime/invocation/{REQUEST_ID}/error"
END = b"\0" * 8
EVENTS = {"Content-Type": "text/event-stream"}
CLIENT = Path(streaming_runtime.__file__)


@pytest.fixture
def api() -> Iterator[FakeRuntimeApi]:
    with FakeRuntimeApi().serving() as api:
        yield api


class Running:
    """A client that answers one event on a thread of its own."""

    def __init__(self, api: FakeRuntimeApi, handler: Callable[[Any, Any], Any], **options: Any) -> None:
        runtime = Runtime(api.address, handler, **options)
        self._thread = threading.Thread(target=runtime.run_once)
        self._thread.start()
        api.events.put({"name": "Ada"})

    def join(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        assert "keep-alive" not in {thread.name for thread in threading.enumerate()}


def answer(api: FakeRuntimeApi, handler: Callable[[Any, Any], Any]) -> Posted:
    running = Running(api, handler)
    posted = api.next_posted()
    running.join()
    return posted


def test_the_first_chunk_is_sent_with_the_prelude_before_the_second_exists(api: FakeRuntimeApi) -> None:
    go_on = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"one"
        assert go_on.wait(10)
        yield b""
        yield b"two"

    running = Running(api, lambda event, context: StreamedResponse(chunks(), 201, {"X-Name": event["name"]}))
    posted = api.next_posted()
    assert posted.chunk() == b'{"statusCode": 201, "headers": {"X-Name": "Ada"}}' + END + b"one"
    go_on.set()
    assert (posted.chunk(), posted.chunk()) == (b"two", None)
    running.join()
    assert posted.path == RESPONSE
    assert posted.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert posted.headers["transfer-encoding"] == "chunked"
    assert posted.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert (
        posted.headers["trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    )
    assert posted.trailers == {}


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("result", [StreamedResponse([b"one"]), {"body": "one"}, "one"])
def test_the_response_takes_the_connection_of_the_event_unless_it_was_closed(
    api: FakeRuntimeApi, closes: bool, result: Any
) -> None:
    api.closes_after_event = closes

    def handler(event: Any, context: Any) -> Any:
        if closes:
            api.wait_until_closed()
        return result

    posted = answer(api, handler)
    assert b"one" in posted.rest()
    assert posted.on_connection_of_event is not closes


def test_status_and_headers_can_change_until_the_first_chunk_exists(api: FakeRuntimeApi) -> None:
    def handler(event: Any, context: Any) -> StreamedResponse:
        response = StreamedResponse([])

        def chunks() -> Iterator[bytes]:
            response.status, response.headers = 503, {"retry-after": "1"}
            response.multi_value_headers = {"set-cookie": ("a=1", "b=2")}
            yield b"busy"

        response.chunks = chunks()
        return response

    prelude, _, body = answer(api, handler).rest().partition(END)
    assert json.loads(prelude) == {
        "statusCode": 503,
        "headers": {"retry-after": "1"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
    }
    assert body == b"busy"


def test_a_handler_may_be_a_generator(api: FakeRuntimeApi) -> None:
    def handler(event: Any, context: Any) -> Iterator[bytes]:
        yield context.aws_request_id.encode()
        yield b"."

    prelude, _, body = answer(api, handler).rest().partition(END)
    assert json.loads(prelude) == {
        "statusCode": 200,
        "headers": {"Content-Type": "application/octet-stream"},
    }
    assert body == f"{REQUEST_ID}.".encode()


@pytest.mark.parametrize(
    ("body", "sent"),
    [({"body": "é"}, "é".encode()), ({"body": "/w==", "isBase64Encoded": True}, b"\xff"), ({}, b"")],
)
def test_the_response_of_a_buffered_function_is_sent_too(
    api: FakeRuntimeApi, body: dict[str, Any], sent: bytes
) -> None:
    head = {"statusCode": 404, "headers": {"A": "b"}, "multiValueHeaders": {"C": ["d", "e"]}}
    prelude, _, rest = answer(api, lambda event, context: {**head, **body}).rest().partition(END)
    assert json.loads(prelude) == head
    assert rest == sent


def test_other_results_are_sent_as_json_and_not_streamed(api: FakeRuntimeApi) -> None:
    posted = answer(api, lambda event, context: {"hello": event["name"]})
    assert posted.path == RESPONSE
    assert json.loads(posted.rest()) == {"hello": "Ada"}
    assert "lambda-runtime-function-response-mode" not in posted.headers


def test_an_error_before_the_first_chunk_is_reported_as_the_invocations(api: FakeRuntimeApi) -> None:
    def from_the_chunks(event: Any, context: Any) -> Iterator[bytes]:
        raise ValueError("no upstream")
        yield b""

    def from_the_handler(event: Any, context: Any) -> Any:
        raise ValueError("no upstream")

    for handler in (from_the_chunks, from_the_handler):
        posted = answer(api, handler)
        assert posted.path == ERROR
        assert posted.headers["lambda-runtime-function-error-type"] == "ValueError"
        document = json.loads(posted.rest())
        assert (document["errorType"], document["errorMessage"]) == ("ValueError", "no upstream")
        assert document["requestId"] == REQUEST_ID


@pytest.mark.parametrize("chunk", ["text", None, 3])
def test_chunks_that_are_not_bytes_are_an_error_that_says_so(api: FakeRuntimeApi, chunk: Any) -> None:
    posted = answer(api, lambda event, context: StreamedResponse(iter([chunk])))
    assert posted.path == ERROR
    assert json.loads(posted.rest())["errorMessage"] == (
        f"a chunk of the response is of type {type(chunk).__name__}; yield bytes"
    )


def test_an_error_after_the_first_chunk_follows_the_body_as_trailers(
    api: FakeRuntimeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(event: Any, context: Any) -> Iterator[bytes]:
        yield b"one"
        raise TimeoutError("the upstream has stopped")

    posted = answer(api, handler)
    assert posted.rest().endswith(END + b"one")
    assert posted.trailers["lambda-runtime-function-error-type"] == "TimeoutError"
    document = json.loads(base64.b64decode(posted.trailers["lambda-runtime-function-error-body"]))
    assert document["errorMessage"] == "the upstream has stopped"
    logged = json.loads(capsys.readouterr().out)
    assert (logged["level"], logged["errorType"], logged["requestId"]) == (
        "ERROR",
        "TimeoutError",
        REQUEST_ID,
    )


def test_a_silent_event_stream_gets_comments_between_its_events(api: FakeRuntimeApi) -> None:
    go_on = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"data: 1\n"
        yield b"\n"
        assert go_on.wait(10)
        yield b"data: "
        yield b"2\n\n"

    running = Running(
        api, lambda event, context: StreamedResponse(chunks(), headers=EVENTS), keep_alive_seconds=0.01
    )
    posted = api.next_posted()
    assert (posted.chunk() or b"").endswith(END + b"data: 1\n")
    assert [posted.chunk() for _ in range(3)] == [b"\n", b": keep-alive\n\n", b": keep-alive\n\n"]
    go_on.set()
    rest = posted.rest()
    assert rest.replace(b": keep-alive\n\n", b"") == b"data: 2\n\n"
    running.join()


def test_no_comment_is_sent_inside_of_an_event_or_in_another_kind_of_body(api: FakeRuntimeApi) -> None:
    for headers, first in ((EVENTS, b"data: 1"), ({"Content-Type": "text/plain"}, b"one\n\n")):
        go_on = threading.Event()

        def chunks(first: bytes = first, go_on: threading.Event = go_on) -> Iterator[bytes]:
            yield first
            go_on.wait(0.1)  # ten times the silence after which a comment is due
            yield b"\n\n"

        running = Running(
            api,
            lambda event, context, chunks=chunks, headers=headers: StreamedResponse(
                chunks(), headers=headers
            ),
            keep_alive_seconds=0.01,
        )
        posted = api.next_posted()
        assert posted.rest().endswith(END + first + b"\n\n")
        running.join()


def test_the_chunks_are_closed_and_no_thread_is_left_when_the_caller_disconnects(api: FakeRuntimeApi) -> None:
    closed = threading.Event()

    def chunks() -> Iterator[bytes]:
        try:
            while True:
                yield b"data: more\n\n" * 1000
        finally:
            closed.set()

    api.hang_up.set()
    running = Running(api, lambda event, context: StreamedResponse(chunks(), headers=EVENTS))
    api.next_posted()
    running.join()
    assert closed.is_set()
    api.hang_up.clear()
    assert answer(api, lambda event, context: StreamedResponse([b"next"])).rest().endswith(END + b"next")


def test_a_long_stream_of_chunks_arrives_whole(api: FakeRuntimeApi) -> None:
    posted = answer(api, lambda event, context: StreamedResponse(b"%d " % number for number in range(10_000)))
    assert posted.rest().partition(END)[2].split() == [b"%d" % number for number in range(10_000)]


def run_as_wrapper(api: FakeRuntimeApi, folder: Path, handler: str) -> subprocess.Popen[str]:
    """Start the file as Lambda does: with the command line of AWS's client as arguments."""
    wrapper = folder / "handlers" / "common" / CLIENT.name
    wrapper.parent.mkdir(parents=True)
    wrapper.write_bytes(CLIENT.read_bytes())
    wrapper.chmod(0o755)
    environment = {
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "LAMBDA_TASK_ROOT": str(folder),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": handler,
        "PATH": os.defpath,
    }
    command = [str(wrapper), sys.executable, "-S", "-s", "-m", "some.module", "x"]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_the_file_is_the_wrapper_that_lambda_starts(api: FakeRuntimeApi, tmp_path: Path) -> None:
    (tmp_path / "errors.py").write_text("NAME = 'ours'")
    (tmp_path / "app.py").write_text(
        "import errors, sys\n"
        "def handler(event, context):\n"
        "    yield f'{errors.NAME} {sys.flags.no_site} {context.function_name}'.encode()\n"
    )
    process = run_as_wrapper(api, tmp_path, "app.handler")
    try:
        api.events.put({})
        assert api.next_posted().rest().endswith(END + b"ours 1 ")
    finally:
        process.kill()
        process.communicate()


def test_a_handler_that_cannot_be_loaded_is_reported(api: FakeRuntimeApi, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import nothing_like_it")
    process = run_as_wrapper(api, tmp_path, "app.handler")
    posted = api.next_posted()
    assert posted.path == "/2018-06-01/runtime/init/error"
    assert json.loads(posted.rest())["errorType"] == "ModuleNotFoundError"
    assert "nothing_like_it" in process.communicate(timeout=10)[0]
    assert process.returncode == 1


def test_the_file_is_executable_in_every_archive_that_includes_it() -> None:
    assert CLIENT.stat().st_mode & 0o111 == 0o111
