"""Structured logs: what was called, how it ended, how long it took; never what was sent or answered.

The caller is logged as a keyed hash, which API Gateway's access log has too.

An exception's text often holds the value that caused it, so an unexpected exception is logged as its type and the
places it came through, without its text.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import PurePath
from typing import IO, cast

from aws_lambda_powertools.logging.logger import Logger

from handlers.common.errors import InternalError, ServiceError

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LAST_FRAMES = 12
_FIRST_SERVER_ERROR = 500
_CLIENT_CLOSED = 499


class InvocationLog:
    """The log of a service: one line an invocation.

    Args:
        service_name: The service's name in the lines where POWERTOOLS_SERVICE_NAME is not set. Lines are written at
            LOG_LEVEL; at INFO without it, or when it is none of Python's levels.
    """

    def __init__(self, service_name: str) -> None:
        level = os.environ.get("LOG_LEVEL", "INFO").upper()
        self._logger = Logger(
            service=os.environ.get("POWERTOOLS_SERVICE_NAME") or service_name,
            level=level if level in _LEVELS else "INFO",
            stream=cast(IO[str], _StandardOutput()),
            location=None,
            utc=True,
            use_rfc3339=True,
        )
        self._cold_start = True

    def begin(self, request_id: str) -> InvocationLine:
        """Start the line of an invocation, and its clock."""
        was_cold, self._cold_start = self._cold_start, False
        return InvocationLine(self._logger, request_id, cold_start=was_cold)

    def backend_failure(self, backend: str, error: ServiceError) -> None:
        """Write that a backend failed and the invocation goes on without it.

        Args:
            backend: Name of the backend.
            error: Its failure.
        """
        fields = {"backend": backend, "error_code": error.code}
        if error.detail:
            fields["error_detail"] = error.detail
        self._logger.warning("backend", extra=fields)


class InvocationLine:
    """The log line of one invocation, written when it has ended.

    Attributes:
        operation: The name of the operation once it is known.
        caller: The keyed hash of the caller once it is known; None where the line has none.
    """

    def __init__(self, logger: Logger, request_id: str, *, cold_start: bool) -> None:
        self.operation: str | None = None
        self.caller: str | None = None
        self._logger = logger
        self._request_id = request_id
        self._cold_start = cold_start
        self._started = time.perf_counter()

    def success(self) -> None:
        """Write that it went well."""
        self._logger.info("invocation", extra=self._fields(200))

    def disconnect(self) -> None:
        """Write that the caller disconnected before the answer was complete."""
        self._logger.info("invocation", extra=self._fields(_CLIENT_CLOSED))

    def failure(self, error: Exception) -> ServiceError:
        """Write that it failed, and where, if that is our fault or a backend's.

        Returns:
            The error for the caller: the same, or an InternalError for an unexpected exception.
        """
        shown = error if isinstance(error, ServiceError) else InternalError()
        fields = self._fields(shown.status) | {"error_code": shown.code}
        if shown.detail:
            fields["error_detail"] = shown.detail
        if shown.status < _FIRST_SERVER_ERROR:
            self._logger.info("invocation", extra=fields)
        else:
            self._logger.error("invocation", extra=fields | _without_values(error))
        return shown

    def message_failure(self, message_id: str, receive_count: int, error: Exception) -> None:
        """Write that one message of a batch was not handled, and where that went wrong."""
        fields = {
            "request_id": self._request_id,
            "message_id": message_id,
            "receive_count": receive_count,
            "error_code": error.code if isinstance(error, ServiceError) else InternalError.code,
        }
        if isinstance(error, ServiceError) and error.detail:
            fields["error_detail"] = error.detail
        self._logger.error("message", extra=fields | _without_values(error))

    def batch(self, *, handled: int, failed: int) -> None:
        """Write how many messages of a batch were handled, and how many come again."""
        self._logger.info("invocation", extra=self._fields(200) | {"handled": handled, "failed": failed})

    def _fields(self, status: int) -> dict[str, object]:
        return {
            "request_id": self._request_id,
            **({} if self.caller is None else {"caller": self.caller}),
            "operation": self.operation,
            "status": status,
            "duration_ms": round((time.perf_counter() - self._started) * 1000, 3),
            "cold_start": self._cold_start,
        }


def _without_values(error: BaseException) -> dict[str, object]:
    types: list[str] = []
    current: BaseException | None = error
    while current is not None and len(types) < _LAST_FRAMES:
        types.append(type(current).__qualname__)
        current = current.__cause__ or current.__context__
    frames = traceback.extract_tb(error.__traceback__)[-_LAST_FRAMES:]
    return {
        "error_types": types,
        "error_frames": [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }


class _StandardOutput:
    """The standard output of the moment of writing, which the runtime may have replaced since the import."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()
