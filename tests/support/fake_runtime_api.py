"""Lambda's Runtime API as AWS documents it: gives events to one runtime client and records its responses."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
_WAIT_SECONDS = 10.0


@dataclass
class Posted:
    """A request of the client: its chunks come one by one.

    Attributes:
        on_connection_of_event: It came on the connection on which the client fetched the event.
    """

    path: str
    headers: dict[str, str]
    on_connection_of_event: bool
    chunks: queue.Queue[bytes | None] = field(default_factory=queue.Queue)
    trailers: dict[str, str] = field(default_factory=dict)

    def chunk(self) -> bytes | None:
        """The next chunk, None at the end of the body."""
        return self.chunks.get(timeout=_WAIT_SECONDS)

    def rest(self) -> bytes:
        """Return the rest of the body."""
        return b"".join(iter(self.chunk, None))


class FakeRuntimeApi:
    """A Runtime API on a port of its own."""

    def __init__(self) -> None:
        self.events: queue.Queue[Any] = queue.Queue()
        self.posted: queue.Queue[Posted] = queue.Queue()
        self.hang_up = threading.Event()
        """Set: the connection is closed before the next chunk is read."""
        self.closes_after_event = False
        """The connection is closed after an event was sent."""
        self._closed = threading.Event()
        api = self

        class Connection(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            has_sent_event = False

            def do_GET(self) -> None:
                body = json.dumps(api.events.get(timeout=_WAIT_SECONDS)).encode()
                self.send_response(200)
                for name, value in (
                    ("Lambda-Runtime-Aws-Request-Id", REQUEST_ID),
                    ("Lambda-Runtime-Deadline-Ms", "9999999999999"),
                    (
                        "Lambda-Runtime-Invoked-Function-Arn",
                        "arn:aws:lambda:us-east-1:123456789012:function:demo",
                    ),
                    ("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
                    ("Content-Length", str(len(body))),
                ):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.has_sent_event = True
                self.close_connection = api.closes_after_event

            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                posted = Posted(self.path, headers, self.has_sent_event)
                api.posted.put(posted)
                if "content-length" in posted.headers:
                    posted.chunks.put(self.rfile.read(int(posted.headers["content-length"])))
                else:
                    while size := int(self.rfile.readline(), 16):
                        posted.chunks.put(self.rfile.read(size))
                        self.rfile.readline()
                        if api.hang_up.is_set():
                            self.close_connection = True
                            return
                    while line := self.rfile.readline().strip():
                        name, _, value = line.decode().partition(": ")
                        posted.trailers[name.lower()] = value
                posted.chunks.put(None)
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def finish(self) -> None:
                super().finish()
                with suppress(OSError):  # the client has closed it
                    self.connection.shutdown(socket.SHUT_RDWR)
                api._closed.set()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
        self.address = f"127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator[FakeRuntimeApi]:
        """Listen while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def wait_until_closed(self) -> None:
        """Wait until a connection is closed."""
        assert self._closed.wait(_WAIT_SECONDS)

    def next_posted(self) -> Posted:
        """The next request that the client posts."""
        return self.posted.get(timeout=_WAIT_SECONDS)
