"""Format of the errors of a service over HTTP: the project's own, or that of the protocol that its clients speak.

`Contract(error_format=…)` chooses one; `Service` renders every error by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.common.errors import ServiceError

_FIRST_SERVER_ERROR = 500
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


@dataclass(frozen=True, slots=True)
class ErrorFormat:
    """Body and headers of an error.

    Attributes:
        render: Returns the body and the headers for an error and the id of its request.
        schema: JSON schema of the body; None for the format that API Gateway's own errors have too.
    """

    render: Callable[[ServiceError, str], tuple[Mapping[str, object], Mapping[str, str]]]
    schema: Mapping[str, Any] | None = None


def _problem(error: ServiceError, request_id: str) -> tuple[Mapping[str, object], Mapping[str, str]]:
    return {"code": error.code, "message": error.message, "requestId": request_id}, error.headers


def _openai_error(error: ServiceError, request_id: str) -> tuple[Mapping[str, object], Mapping[str, str]]:
    kind = "server_error" if error.status >= _FIRST_SERVER_ERROR else "invalid_request_error"
    body = {
        "message": error.message,
        "type": _OPENAI_TYPES.get(error.status, kind),
        "param": error.param,
        "code": error.code,
    }
    headers = {"x-request-id": request_id, **error.headers}
    if not error.retry_helps:
        # The SDKs retry every 5xx; this header stops them.
        headers["x-should-retry"] = "false"
    return {"error": body}, headers


PROBLEM = ErrorFormat(_problem)
"""`{"code", "message", "requestId"}`."""

OPENAI_ERROR = ErrorFormat(
    _openai_error,
    {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": {"type": ["string", "null"]},
                    "code": {"type": "string"},
                },
            }
        },
    },
)
"""OpenAI's: `{"error": {"message", "type", "param", "code"}}`, with `x-request-id`, and `x-should-retry: false` where
another attempt cannot succeed."""
