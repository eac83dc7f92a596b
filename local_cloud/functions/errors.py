"""The errors of Lambda's Invoke API, so that a caller can answer exactly as AWS would.

What goes wrong *inside* a function (an exception, a crash, a timeout) is not an exception here: it is an
`InvocationResult` with a `function_error`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class FunctionServiceError(Exception):
    """A request that Lambda refuses before (or without) running the function.

    Attributes:
        code: The error code of AWS, such as `ResourceNotFoundException`.
        reason: The `Reason` member of the answer, or None where the error has none.
    """

    code = "ServiceException"
    status = 500

    def __init_subclass__(cls, *, code: str, status: int) -> None:
        cls.code, cls.status = code, status

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason

    @property
    def content(self) -> dict[str, str]:
        """Return the members of the answer."""
        content = {"Type": "User" if self.status < 500 else "Service", "Message": self.message}
        return content if self.reason is None else {**content, "Reason": self.reason}


class CodeRejected(FunctionServiceError, code="CodeRejectedException", status=422):
    """New code of a function cannot be loaded.

    Args:
        error: The function's error object, as Lambda has it: `errorType`, `errorMessage` and perhaps `stackTrace`.
    """

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error.get('errorType')}: {error.get('errorMessage')}")
        self.error = error

    @classmethod
    def of(cls, payload: bytes, task_root: Path) -> CodeRejected:
        """Return the error of a payload, with paths relative to the folder of the code."""
        return cls(json.loads(payload.decode().replace(f"{task_root}/", "")))


class CodeReplaced(FunctionServiceError, code="CodeReplacedException", status=409):
    """The function's archive is not the one that files were to be replaced in."""


class FunctionNotFound(FunctionServiceError, code="ResourceNotFoundException", status=404):
    """There is no such function, version or alias."""


class InvalidRequestContent(FunctionServiceError, code="InvalidRequestContentException", status=400):
    """The payload is not JSON."""


class InvalidRuntime(FunctionServiceError, code="InvalidRuntimeException", status=502):
    """The function asks for a runtime, an architecture or a package type that cannot run on this machine."""


class InvalidZipFile(FunctionServiceError, code="InvalidZipFileException", status=502):
    """The function's archive cannot be unpacked."""


class RequestTooLarge(FunctionServiceError, code="RequestTooLargeException", status=413):
    """The payload is over Lambda's limit for the kind of invocation."""


class ServiceUnavailable(FunctionServiceError, code="ServiceException", status=500):
    """The local cloud itself cannot run the function: it is stopping, or a process cannot be started."""


class TooManyRequests(FunctionServiceError, code="TooManyRequestsException", status=429):
    """The account's or the function's concurrency is used up."""
