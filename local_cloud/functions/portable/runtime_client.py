"""A stand-in for the native module of this name in `awslambdaric`, which AWS builds for Linux only.

On other systems the runtime folder of the workers links to this file; it gives the same four functions over a plain
socket, and nothing here may import more than the standard library.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_PREFIX = "/2018-06-01/runtime/invocation/"
_KEPT = {
    name.lower(): name
    for name in (
        "Content-Type",
        "Lambda-Runtime-Aws-Request-Id",
        "Lambda-Runtime-Aws-Tenant-Id",
        "Lambda-Runtime-Client-Context",
        "Lambda-Runtime-Cognito-Identity",
        "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Invocation-Id",
        "Lambda-Runtime-Invoked-Function-Arn",
        "Lambda-Runtime-Trace-Id",
    )
}


class _Client:
    """One connection to the Runtime API that is kept open."""

    def __init__(self) -> None:
        self.user_agent = "aws-lambda-python"
        self._socket: socket.socket | None = None
        self._received = b""

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        address = os.environ["AWS_LAMBDA_RUNTIME_API"]
        lines = [f"{method} {path} HTTP/1.1", f"Host: {address}", f"User-Agent: {self.user_agent}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        message = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        with self._connected(address) as connection:
            connection.sendall(message)
            return self._read(connection)

    @contextmanager
    def _connected(self, address: str) -> Iterator[socket.socket]:
        if self._socket is None:
            host, _, port = address.rpartition(":")
            self._socket = socket.create_connection((host, int(port)))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._received = b""
        try:
            yield self._socket
        except BaseException:
            self._socket.close()
            self._socket = None
            raise

    def _read(self, connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self._received:
            self._more(connection)
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *rest = head.decode("utf-8").split("\r\n")
        headers = {}
        for line in rest:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        while len(self._received) < length:
            self._more(connection)
        body, self._received = self._received[:length], self._received[length:]
        return int(first.split(" ", 2)[1]), headers, body

    def _more(self, connection: socket.socket) -> None:
        data = connection.recv(1 << 18)
        if not data:
            raise ConnectionError("the Runtime API has closed the connection")
        self._received += data


_client = _Client()


def initialize_client(user_agent: str) -> None:
    """Set the name under which the client presents itself."""
    _client.user_agent = user_agent


def next() -> tuple[bytes, dict[str, str | None]]:  # noqa: A001 - the native module's name for it
    """Wait for the next event; gives its bytes and its headers."""
    try:
        status, headers, body = _client.request("GET", f"{_PREFIX}next")
    except OSError as error:
        raise RuntimeError("Failed to get next") from error
    if status != 200:
        raise RuntimeError("Failed to get next")
    return body, {name: headers.get(lowered) for lowered, name in _KEPT.items()}


def post_invocation_result(
    invoke_id: str, data: bytes, content_type: str, invocation_id: str | None = None
) -> None:
    """Send what the handler returned."""
    _post(f"{_PREFIX}{invoke_id}/response", data, {"Content-Type": content_type}, invocation_id, "response")


def post_error(invoke_id: str, error: str, xray_fault: str, invocation_id: str | None = None) -> None:
    """Send what the handler raised."""
    headers = {"Content-Type": "application/json"}
    if xray_fault.isascii() and "\n" not in xray_fault:
        headers["Lambda-Runtime-Function-Xray-Error-Cause"] = xray_fault
    _post(f"{_PREFIX}{invoke_id}/error", error.encode("utf-8"), headers, invocation_id, "error")


def _post(path: str, data: bytes, headers: dict[str, str], invocation_id: str | None, what: str) -> None:
    if invocation_id:
        headers["Lambda-Runtime-Invocation-Id"] = invocation_id
    try:
        status, _, _ = _client.request("POST", path, data, headers)
    except OSError as error:
        raise RuntimeError(f"Failed to post invocation {what}") from error
    if not 200 <= status < 300:
        raise RuntimeError(f"Failed to post invocation {what}")
