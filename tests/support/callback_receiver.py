"""Receiver of the callbacks of jobs, like a client's server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.callbacks_here import CALLED

BROKEN = "/broken"
"""Where the receiver answers that it cannot take anything."""


@dataclass(frozen=True, slots=True)
class Callback:
    """Request to a callback address: URL, body and signature."""

    url: str
    body: bytes
    signature: str

    @property
    def content(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """Receiver of callbacks.

    Attributes:
        address: Its host and port.
        received: The callbacks, in the order of their arrival.
    """

    address: str
    received: list[Callback] = field(default_factory=list)

    def of(self, job_id: str) -> list[Callback]:
        """The callbacks for a job."""
        return [one for one in list(self.received) if one.content["id"] == job_id]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver, as long as it is needed."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            url = f"https://{self.headers[CALLED]}{self.path}"
            receiver.received.append(Callback(url, body, self.headers["X-Signature"]))
            self.send_response(500 if self.path == BROKEN else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
