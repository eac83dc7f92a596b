"""The errors of Lambda's Invoke API, so that a caller can answer exactly as AWS would.

FunctionServiceError
├── FunctionNotFound        404 ResourceNotFoundException
├── InvalidRequestContent   400 InvalidRequestContentException
├── InvalidRuntime          502 InvalidRuntimeException
├── InvalidZipFile          502 InvalidZipFileException
├── RequestTooLarge         413 RequestTooLargeException
├── ServiceUnavailable      500 ServiceException
└── TooManyRequests         429 TooManyRequestsException

What goes wrong *inside* a function (an exception, a crash, a timeout) is no exception here: it is an
`InvocationResult` with a `function_error`.
"""

from __future__ import annotations


class FunctionServiceError(Exception):
    """A request that Lambda refuses before (or without) running the function.

    Attributes:
        code: The error code of AWS, such as `ResourceNotFoundException`.
        status: The HTTP status that goes with it.
        message: The text for the caller.
        reason: The `Reason` member of the answer, or None where the error has none.
    """

    code = "ServiceException"
    status = 500

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class FunctionNotFound(FunctionServiceError):
    """There is no such function, version or alias."""

    code = "ResourceNotFoundException"
    status = 404


class InvalidRequestContent(FunctionServiceError):
    """The payload is not JSON."""

    code = "InvalidRequestContentException"
    status = 400


class InvalidRuntime(FunctionServiceError):
    """The function asks for a runtime, an architecture or a package type that cannot run on this machine."""

    code = "InvalidRuntimeException"
    status = 502


class InvalidZipFile(FunctionServiceError):
    """The function's archive cannot be unpacked."""

    code = "InvalidZipFileException"
    status = 502


class RequestTooLarge(FunctionServiceError):
    """The payload is over Lambda's limit for the kind of invocation."""

    code = "RequestTooLargeException"
    status = 413


class ServiceUnavailable(FunctionServiceError):
    """The local cloud itself cannot run the function: it is stopping, or a process cannot be started."""

    code = "ServiceException"
    status = 500


class TooManyRequests(FunctionServiceError):
    """The account's or the function's concurrency is used up."""

    code = "TooManyRequestsException"
    status = 429
