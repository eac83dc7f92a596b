"""Fake of a model's server on this machine, OpenAI's or Bedrock's: whole and streamed answers, and their faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
WAIT_SECONDS = 30.0
DONE = b"data: [DONE]\n\n"


def completion(finish_reason: str = "stop", **message: Any) -> dict[str, Any]:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    return {"id": "x", "object": "chat.completion", "model": "qwen3", "choices": [choice], "usage": USAGE}


def sse(value: object) -> bytes:
    """One event."""
    return f"data: {json.dumps(value)}\n\n".encode()


def chunk(finish_reason: str | None = None, **delta: Any) -> bytes:
    """One event of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return sse({"id": "x", "object": "chat.completion.chunk", "model": "qwen3", "choices": [choice]})


END = (chunk("stop"), sse({"choices": [], "usage": USAGE}), DONE)
"""The last events of a streamed answer."""


def streamed(*texts: str) -> list[bytes]:
    """All events of a streamed answer."""
    return [chunk(role="assistant", content=""), *(chunk(content=text) for text in texts), *END]


Step = bytes | threading.Event | Callable[[], object]
"""What a streamed answer does next: send bytes, wait for an event of the test, or call a function."""


class Cut(Exception):
    """Raised by a step: the server closes the connection."""


def cut() -> None:
    """Step that closes the connection in the middle of an answer."""
    raise Cut


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        upstream = self.server.upstream
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        upstream.requests.append((self.path, dict(self.headers.items()), body))
        upstream.before()
        self.close_connection = True
        if upstream.status == 200 and (body.get("stream") or self.path.endswith("-stream")):
            self._stream(upstream)
        else:
            self._send(upstream)

    def _send(self, upstream: Upstream) -> None:
        self._begin(upstream.status, {"Content-Length": str(len(upstream.content)), **upstream.headers})
        self.wfile.write(upstream.content)
        upstream.after()

    def _stream(self, upstream: Upstream) -> None:
        headers = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
        self._begin(200, {**headers, **upstream.headers})
        try:
            for step in upstream.steps:
                if isinstance(step, bytes):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(step), step))
                elif isinstance(step, threading.Event):
                    step.wait(WAIT_SECONDS)
                else:
                    step()
            self.wfile.write(b"0\r\n\r\n")
        except Cut:
            return
        except OSError:
            upstream.gone.set()

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    upstream: Upstream


class Upstream:
    """Server with configured answers, which records its requests.

    Attributes:
        status: Status of the answers.
        headers: Further headers of the answers.
        content: Body of an answer that is not streamed.
        steps: What a streamed answer does; used if the request asks for a stream and the status is 200.
        requests: Path, headers and body of each request.
        before: Called before an answer.
        after: Called after an answer that is not streamed.
        gone: Set when a client closes its connection before the end of a streamed answer.
        released: Event that a test may have answers wait for; set at the end of the test.
    """

    def __init__(self) -> None:
        self.reset()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def reset(self) -> None:
        """Answer as a new server does."""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.content: bytes = json.dumps(completion(content="Hello!")).encode()
        self.steps: Sequence[Step] = streamed("Hel", "lo!")
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None
        self.gone = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Stop it; nothing listens at its address then."""
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A server for one test."""
    upstream = Upstream()
    yield upstream
    upstream.stop()
