"""A stand-in for the native module of this name in `awslambdaric`, which AWS builds for Linux only.

On other systems the runtime folder of the workers links to this file; it has the same four functions, and
nothing here may import more than the standard library.
"""

from __future__ import annotations

import os
from http.client import HTTPConnection, HTTPException, HTTPMessage

_PREFIX = "/2018-06-01/runtime/invocation/"
_KEPT = (
    "Content-Type", "Lambda-Runtime-Aws-Request-Id", "Lambda-Runtime-Aws-Tenant-Id", "Lambda-Runtime-Client-Context",
    "Lambda-Runtime-Cognito-Identity", "Lambda-Runtime-Deadline-Ms", "Lambda-Runtime-Invocation-Id",
    "Lambda-Runtime-Invoked-Function-Arn", "Lambda-Runtime-Trace-Id",
)  # fmt: skip

_connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
_headers = {"User-Agent": "aws-lambda-python"}


def initialize_client(user_agent: str) -> None:
    """Set the name under which the client presents itself."""
    _headers["User-Agent"] = user_agent


def next() -> tuple[bytes, dict[str, str | None]]:  # noqa: A001 - the native module's name for it
    """Wait for the next event; gives its bytes and its headers."""
    body, headers = _request("GET", "next", failure="Failed to get next")
    return body, {name: _text(headers.get(name)) for name in _KEPT}


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
    _request("POST", path, data, headers, failure=f"Failed to post invocation {what}")


def _request(
    method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None, *, failure: str
) -> tuple[bytes, HTTPMessage]:
    try:
        _connection.request(method, _PREFIX + path, body, {**_headers, **(headers or {})})
        response = _connection.getresponse()
        content = response.read()
    except (OSError, HTTPException) as error:
        _connection.close()
        raise RuntimeError(failure) from error
    if not 200 <= response.status < 300:
        raise RuntimeError(failure)
    return content, response.headers


def _text(header: str | None) -> str | None:
    """Return a header, which `http.client` reads as Latin-1, as UTF-8."""
    return None if header is None else header.encode("latin-1").decode()
