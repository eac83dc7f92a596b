"""Calls of AWS APIs of the local cloud that need no SDK, whose import takes longer than the calls."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from deploy_tools.errors import DeploymentError

_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""To the local cloud, without the proxy of the caller's shell."""
_TIMEOUT_SECONDS: Final = 60.0


class LocalApiError(DeploymentError):
    """The local cloud answered with an error.

    Attributes:
        code: Code of the error, such as `ResourceNotFoundException`.
        body: The answer.
    """

    def __init__(self, code: str, message: str, body: Mapping[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.body = body


def call(
    endpoint_url: str,
    service: str,
    path: str,
    body: object = None,
    *,
    region: str,
    method: str = "GET",
    target: str | None = None,
) -> dict[str, Any]:
    """Call an operation whose request and response are JSON, and return the response.

    Args:
        endpoint_url: URL of the local cloud.
        service: Name of the service in a signature, such as `lambda`.
        path: Path of the operation, escaped.
        body: Content of the request. Default: none.
        region: AWS region.
        method: HTTP method.
        target: Name of the operation, of services that have it in `X-Amz-Target`.

    Raises:
        LocalApiError: The local cloud answered with an error.
        DeploymentError: It does not answer.
    """
    # The local cloud tells the services apart by the credential's scope; it does not check the signature here.
    scope = f"Credential=local/20260101/{region}/{service}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}
    if target is not None:
        headers |= {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
    elif body is not None:
        headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{endpoint_url}{path}", data, headers, method=method)  # noqa: S310
    try:
        with _DIRECT.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        raise _error(error.read(), error.code) from None
    except (OSError, ValueError) as error:
        raise DeploymentError(f"the local cloud at {endpoint_url} does not answer: {error}") from None


def _error(content: bytes, status: int) -> LocalApiError:
    try:
        body = json.loads(content)
        code = str(body.get("__type") or body.get("Type") or f"HTTP {status}")
        message = str(body.get("message") or body.get("Message") or "")
    except (ValueError, AttributeError):
        body, code, message = {}, f"HTTP {status}", content[:500].decode("utf-8", "replace")
    return LocalApiError(code, message, body)
