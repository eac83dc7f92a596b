"""Answers: what an operation returned, or why it did not, as the response API Gateway expects from a function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel

from handlers.common.error_format import PROBLEM, ErrorFormat
from handlers.common.errors import InternalError, ResponseTooLarge, ServiceError

MAX_RESPONSE_BYTES = 6_000_000
"""Lambda takes 6,291,556 bytes; the rest is for the envelope around the body."""

HEADERS = {
    "Content-Type": "application/json",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Headers of every response with JSON."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A result with headers or a status of its own.

    Attributes:
        result: The result; a direct invocation gets this alone. None: the response has no body.
        headers: Further headers of the HTTP response.
        status: The HTTP status. Default: the operation's.
    """

    result: T | None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None


def plain(result: BaseModel | Mapping[str, object] | None) -> dict[str, object]:
    """Return the result of an operation as JSON values; an empty object if it has none."""
    if result is None:
        return {}
    return result.model_dump(mode="json") if isinstance(result, BaseModel) else dict(result)


def checked_json(value: Mapping[str, object]) -> str:
    """Write an answer as JSON.

    Raises:
        InternalError: The answer holds what JSON has not, such as NaN or bytes.
        ResponseTooLarge: It would not fit in a Lambda response.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode("utf-8"))
    except (TypeError, ValueError, RecursionError):
        raise InternalError from None
    # Inside the response the body is a JSON string: quotes double, and a runtime may write other letters as \\uXXXX.
    if size * 6 > MAX_RESPONSE_BYTES and len(json.dumps(text)) > MAX_RESPONSE_BYTES:
        raise ResponseTooLarge
    return text


def proxy_response(
    result: Mapping[str, object] | None, status: int = 200, headers: Mapping[str, str] | None = None
) -> dict[str, object]:
    """The response of a proxy integration; without a body for None.

    Raises:
        InternalError: See `checked_json`.
        ResponseTooLarge: See `checked_json`.
    """
    return _response(status, "" if result is None else checked_json(result), headers or {})


def error_response(
    error: ServiceError,
    request_id: str,
    headers: Mapping[str, str] | None = None,
    *,
    error_format: ErrorFormat = PROBLEM,
) -> dict[str, object]:
    """Return the response for an error, with the error's status.

    Args:
        error: The error.
        request_id: The id of the request.
        headers: Further headers. Default: none.
        error_format: Format of the body, and of the headers that describe the error. Default: `PROBLEM`.
    """
    body, described = error_body(error, request_id, error_format)
    return _response(error.status, body, {**described, **(headers or {})})


def error_body(
    error: ServiceError, request_id: str, error_format: ErrorFormat
) -> tuple[str, Mapping[str, str]]:
    """Return the JSON of an error, and the headers that belong to it."""
    body, described = error_format.render(
        status=error.status,
        code=error.code,
        message=error.message,
        request_id=request_id,
        param=error.param,
        retry_helps=error.retry_helps,
    )
    return json.dumps(body, separators=(",", ":")), {**described, **error.headers}


def _response(status: int, body: str, headers: Mapping[str, str]) -> dict[str, object]:
    return {"statusCode": status, "headers": {**HEADERS, **headers}, "body": body, "isBase64Encoded": False}
