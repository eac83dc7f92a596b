"""Stand-in for the native module of this name in `awslambdaric`, with the same four functions.

AWS builds its own for Linux only. This one runs on every system, and asks for the next event together with the last
response: a warm invocation then wakes the worker once, not twice. What the Runtime API answers to both is read by
`next`, which raises if it rejected the response. The runtime folder of the workers links to this file, and nothing here may
import more than the standard library.
"""

from __future__ import annotations

import os
import socket

_PREFIX = "/2018-06-01/runtime/invocation/"
_DEADLINE = "Lambda-Runtime-Deadline-Ms"
_TEXTS = (
    "Content-Type", "Lambda-Runtime-Aws-Request-Id", "Lambda-Runtime-Aws-Tenant-Id", "Lambda-Runtime-Client-Context",
    "Lambda-Runtime-Cognito-Identity", "Lambda-Runtime-Invocation-Id", "Lambda-Runtime-Invoked-Function-Arn",
    "Lambda-Runtime-Trace-Id",
)  # fmt: skip


class _Client:
    """One connection to the Runtime API."""

    def __init__(self, address: str) -> None:
        self.user_agent = "aws-lambda-python"
        self._address = address
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._unread: list[str] = []  # what was sent and not answered, oldest first

    def next(self) -> tuple[bytes, dict[str, str | int | None]]:
        try:
            if not self._unread:
                self._send(self._request("GET", "next"), "get next")
            while True:
                what, (status, headers, body) = self._unread[0], self._response()
                del self._unread[0]
                if not 200 <= status < 300:
                    self._disconnect()
                    raise RuntimeError(f"Failed to {what}")
                if not self._unread:
                    return body, _event_headers(headers)
        except (OSError, ValueError) as error:
            self._disconnect()
            raise RuntimeError("Failed to get next") from error

    def post(self, path: str, body: bytes, headers: dict[str, str], what: str) -> None:
        try:
            request = self._request("POST", path, {**headers, "Content-Length": str(len(body))})
            self._send(request + body + self._request("GET", "next"), f"post invocation {what}", "get next")
        except OSError as error:
            self._disconnect()
            raise RuntimeError(f"Failed to post invocation {what}") from error

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _request(self, method: str, path: str, headers: dict[str, str] | None = None) -> bytes:
        all_headers = {"Host": self._address, "User-Agent": self.user_agent, **(headers or {})}
        lines = [
            f"{method} {_PREFIX}{path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in all_headers.items()),
        ]
        return "\r\n".join((*lines, "\r\n")).encode()

    def _send(self, data: bytes, *what: str) -> None:
        self._unread += what
        if self._socket is None:
            host, _, port = self._address.rpartition(":")
            self._socket = socket.create_connection((host, int(port)))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(data)

    def _response(self) -> tuple[int, dict[str, str], bytes]:
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._receive()
        status, *lines = self._received[:end].decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        begin, size = end + 4, int(headers.get("content-length", "0"))
        while len(self._received) < begin + size:
            self._receive()
        body = bytes(self._received[begin : begin + size])
        del self._received[: begin + size]
        return int(status.split(" ")[1]), headers, body

    def _receive(self) -> None:
        data = b"" if self._socket is None else self._socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the Runtime API has closed the connection")
        self._received += data


_client = _Client(os.environ["AWS_LAMBDA_RUNTIME_API"])


def _event_headers(headers: dict[str, str]) -> dict[str, str | int | None]:
    return {
        _DEADLINE: int(headers[_DEADLINE.lower()]),
        **{name: headers.get(name.lower()) for name in _TEXTS},
    }


def initialize_client(user_agent: str) -> None:
    """Set the name under which the client presents itself."""
    _client.user_agent = user_agent


def next() -> tuple[bytes, dict[str, str | int | None]]:  # noqa: A001 - the native module's name for it
    """Wait for the next event; gives its bytes and its headers."""
    return _client.next()


def post_invocation_result(
    invoke_id: str, data: bytes, content_type: str, invocation_id: str | None = None
) -> None:
    """Send what the handler returned."""
    _post(f"{invoke_id}/response", data, {"Content-Type": content_type}, invocation_id, "response")


def post_error(invoke_id: str, error: str, xray_fault: str, invocation_id: str | None = None) -> None:
    """Send what the handler raised."""
    headers = {"Content-Type": "application/json"}
    if xray_fault.isascii() and "\n" not in xray_fault:
        headers["Lambda-Runtime-Function-Xray-Error-Cause"] = xray_fault
    _post(f"{invoke_id}/error", error.encode("utf-8"), headers, invocation_id, "error")


def _post(path: str, data: bytes, headers: dict[str, str], invocation_id: str | None, what: str) -> None:
    if invocation_id:
        headers["Lambda-Runtime-Invocation-Id"] = invocation_id
    _client.post(path, data, headers, what)
