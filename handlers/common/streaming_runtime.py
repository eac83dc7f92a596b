#!/bin/sh
""":" # Runtime client of Lambda functions that stream their response, in the standard library only.

# The shell reads the line above as the command ":", and Python as the start of its docstring. Lambda runs this file in
# place of AWS's client (AWS_LAMBDA_EXEC_WRAPPER), with that one's command line as arguments: the interpreter and its
# options are used. AWS's client for Python cannot stream; when it can, delete this file.
python=$1; shift; options=-P
while case "${1-}" in -m) false;; -?*) true;; *) false;; esac; do options="$options $1"; shift; done
exec "$python" $options "$0"
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import importlib
import json
import os
import select
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_API: Final = "/2018-06-01/runtime"
_ERROR_TYPE: Final = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY: Final = "Lambda-Runtime-Function-Error-Body"
_COMMENT: Final = b": keep-alive\n\n"


@dataclass
class StreamedResponse:
    """An HTTP response whose body is sent while it is produced.

    Status and headers are read when the first chunk exists, so the code that produces the chunks can still change
    them. An exception before the first chunk fails the invocation (502); a later one cuts the body off.

    Attributes:
        chunks: The body. Its method `close`, if it has one as generators do, is called at the end, also when the caller
            has disconnected.
        status: HTTP status. Default: 200.
        headers: HTTP headers. Default: none. Event streams (`text/event-stream`) get a comment line after each 15 s
            without a chunk.
        multi_value_headers: HTTP headers with more than one value, such as `Set-Cookie`. Default: none.
    """

    chunks: Iterable[bytes]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    multi_value_headers: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Context:
    """The second argument of a handler, with the attributes of AWS's context object."""

    client_context: Any = None
    identity: Any = None

    def __init__(self, headers: http.client.HTTPMessage) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until Lambda ends the function, in milliseconds; 0 when it is over."""
        return max(0, self._deadline_ms - int(time.time() * 1000))


class Runtime:
    """The loop of a function: fetch an event, call the handler, send its response.

    A handler returns a `StreamedResponse`, an iterator of bytes, or the dict of a buffered function (`statusCode`,
    `headers`, `body`). Anything else is sent as JSON, without status and headers.

    Args:
        address: `host:port` of the Runtime API.
        handler: The handler.
        keep_alive_seconds: Time without a chunk after which an event stream gets a comment line. Default: 15.
    """

    def __init__(
        self, address: str, handler: Callable[[Any, Any], Any], *, keep_alive_seconds: float = 15.0
    ) -> None:
        self._address = address
        self._handler = handler
        self._keep_alive_seconds = keep_alive_seconds

    def run_once(self) -> None:
        """Wait for one event and answer it.

        Raises:
            OSError: The Runtime API cannot be reached.
            RuntimeError: The Runtime API rejects a request.
        """
        with contextlib.closing(http.client.HTTPConnection(self._address)) as connection:
            self._answer(connection, *_request(connection, "GET", f"{_API}/invocation/next"))

    def _answer(
        self, connection: http.client.HTTPConnection, headers: http.client.HTTPMessage, payload: bytes
    ) -> None:
        if trace := headers.get("Lambda-Runtime-Trace-Id"):
            os.environ["_X_AMZN_TRACE_ID"] = trace
        context = Context(headers)
        path = f"{_API}/invocation/{context.aws_request_id}"
        chunks: Iterator[bytes] | None = None
        try:
            response = _as_response(self._handler(json.loads(payload), context))
            if isinstance(response, bytes):
                start = response
            else:
                chunks = (chunk for chunk in response.chunks if _is_sendable(chunk))
                first = next(chunks, b"")
                start = _prelude(response) + first
        except Exception as error:  # noqa: BLE001 - nothing was sent, so the exception becomes the response
            report_error(connection, f"{path}/error", error, context.aws_request_id)
        else:
            if chunks is None:
                _request(connection, "POST", f"{path}/response", start)
            else:
                self._stream(connection, f"{path}/response", start, response, chunks)
        finally:
            if chunks is not None and callable(close := getattr(response.chunks, "close", None)):
                close()

    def _stream(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        start: bytes,
        response: Any,
        chunks: Iterator[bytes],
    ) -> None:
        events = any("text/event-stream" in str(value).lower() for value in response.headers.values())
        with contextlib.suppress(CallerGone), _Body(connection, path, start) as body:
            stop = _keep_alive(body, self._keep_alive_seconds) if events else None
            try:
                for chunk in chunks:
                    body.send(chunk)
            except CallerGone:
                raise
            except Exception as error:  # noqa: BLE001 - the status was sent: the error follows the body
                body.error = _logged(error, path.split("/")[-2])
            finally:
                if stop is not None:
                    stop()


class CallerGone(Exception):
    """The Runtime API closed the connection before the response was complete."""


class _Body:
    """A response that is being sent: a chunked request, with trailers if it fails after its start."""

    def __init__(self, connection: http.client.HTTPConnection, path: str, start: bytes) -> None:
        self.error: dict[str, Any] | None = None
        self._end = b""
        self._lock = threading.Lock()
        self._connection = _reconnected(connection)
        self._connection.putrequest("POST", path)
        for name, value in (
            ("Content-Type", "application/vnd.awslambda.http-integration-response"),
            ("Lambda-Runtime-Function-Response-Mode", "streaming"),
            ("Transfer-Encoding", "chunked"),
            ("Trailer", f"{_ERROR_TYPE}, {_ERROR_BODY}"),
        ):
            self._connection.putheader(name, value)
        with _caller_may_go():
            self._connection.endheaders()
        self.send(start)

    def send(self, chunk: bytes) -> None:
        """Send one chunk."""
        with self._lock:
            self._send(chunk)

    def send_comment(self, seconds: float) -> float:
        """Send a comment line if there was no chunk for that time; return the time until the next one is due."""
        with self._lock:
            waited = time.monotonic() - self._sent_at
            if waited < seconds:
                return seconds - waited
            if self._end.endswith((b"\n\n", b"\r\n\r\n")):  # not in the middle of an event
                self._send(_COMMENT)
            return seconds

    def _send(self, chunk: bytes) -> None:
        with _caller_may_go():
            self._connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self._end = (self._end + chunk[-4:])[-4:]
        self._sent_at = time.monotonic()

    def __enter__(self) -> _Body:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with contextlib.closing(self._connection):
            if kind is not None:
                return
            trailers = ""
            if self.error is not None:
                encoded = base64.b64encode(json.dumps(self.error).encode()).decode()
                trailers = f"{_ERROR_TYPE}: {self.error['errorType']}\r\n{_ERROR_BODY}: {encoded}\r\n"
            with _caller_may_go():
                self._connection.send(f"0\r\n{trailers}\r\n".encode())
                self._connection.getresponse().read()


@contextlib.contextmanager
def _caller_may_go() -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise CallerGone from error


def _keep_alive(body: _Body, seconds: float) -> Callable[[], None]:
    """Send comment lines from a thread; the function that is returned ends it."""
    ended = threading.Event()

    def run() -> None:
        wait = seconds
        with contextlib.suppress(CallerGone):  # the next chunk finds out too
            while not ended.wait(wait):
                wait = body.send_comment(seconds)

    thread = threading.Thread(target=run, name="keep-alive", daemon=True)
    thread.start()

    def stop() -> None:
        ended.set()
        thread.join()

    return stop


def _as_response(result: Any) -> Any:
    """Return a handler's result as an object with `status`, `headers` and `chunks`, or as the bytes of its JSON."""
    if hasattr(result, "chunks"):
        return result
    if isinstance(result, Mapping) and "statusCode" in result:
        text = result.get("body") or ""
        body = base64.b64decode(text) if result.get("isBase64Encoded") else text.encode()
        headers, lists = result.get("headers") or {}, result.get("multiValueHeaders") or {}
        return StreamedResponse(iter([body]), result["statusCode"], headers, lists)
    if isinstance(result, Iterator):
        return StreamedResponse(result, headers={"Content-Type": "application/octet-stream"})
    return json.dumps(result, ensure_ascii=False).encode()


def _is_sendable(chunk: bytes) -> bool:
    if not isinstance(chunk, bytes):
        raise TypeError(f"a chunk of the response is of type {type(chunk).__name__}; yield bytes")
    return bool(chunk)  # an empty chunk would end the body


def _prelude(response: Any) -> bytes:
    head = {"statusCode": response.status, "headers": dict(response.headers)}
    if lists := getattr(response, "multi_value_headers", None):
        head["multiValueHeaders"] = {name: list(values) for name, values in lists.items()}
    return json.dumps(head).encode() + b"\0" * 8


def _reconnected(connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
    """Return a connection; if the server has closed it since its last response, the next request opens it again."""
    if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
        connection.close()
    return connection


def _request(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[http.client.HTTPMessage, bytes]:
    sent = {"Content-Type": "application/json", **(headers or {})} if method == "POST" else {}
    _reconnected(connection).request(method, path, body, sent)
    response = connection.getresponse()
    content = response.read()
    if not 200 <= response.status < 300 and response.status != 413:  # 413: Lambda has told the caller already
        raise RuntimeError(
            f"the Runtime API answered {method} {path} with {response.status}: {content[:200]!r}"
        )
    return response.headers, content


def report_error(
    connection: http.client.HTTPConnection, path: str, error: BaseException, request_id: str = ""
) -> None:
    """Log an exception and report it to the Runtime API."""
    document = _logged(error, request_id)
    _request(connection, "POST", path, json.dumps(document).encode(), {_ERROR_TYPE: document["errorType"]})


def _logged(error: BaseException, request_id: str) -> dict[str, Any]:
    document = {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
    print(json.dumps({"level": "ERROR", **document}), flush=True)
    return document


def main() -> None:
    """Load the handler that Lambda names and answer events until the process is ended."""
    address, root = os.environ["AWS_LAMBDA_RUNTIME_API"], os.environ["LAMBDA_TASK_ROOT"]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = [
        root,
        f"/opt/python/lib/{version}/site-packages",
        "/opt/python",
        os.environ["LAMBDA_RUNTIME_DIR"],
    ]
    if root not in sys.path:
        sys.path[:0] = places
    try:
        module, _, name = os.environ["_HANDLER"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
    except BaseException as error:
        report_error(http.client.HTTPConnection(address), f"{_API}/init/error", error)
        raise
    runtime = Runtime(address, handler)
    while True:
        runtime.run_once()


if __name__ == "__main__":
    main()
