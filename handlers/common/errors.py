"""The errors a service may answer with, as one tree.

    ServiceError
    ├── InvalidRequest         400  the request is not what the schema asks for
    │   └── InvalidJson        400  the body is not strict JSON
    ├── NotFound               404  no such path
    │   └── UnknownOperation   404  no operation or service of that name
    ├── MethodNotAllowed       405  the path exists, with other methods
    ├── PayloadTooLarge        413  more bytes, pixels or items than the service takes
    ├── UnsupportedMediaType   415  a content type the operation does not read
    ├── UnprocessableInput     422  well formed, but the service cannot work on it
    ├── InternalError          500  our fault; the log has the cause
    │   └── ResponseTooLarge   500  the answer does not fit in a Lambda response
    ├── BackendError           502  the AI backend failed or answered nonsense
    ├── BackendUnavailable     503  the AI backend is busy or down: try again later
    └── BackendTimeout         504  the AI backend did not answer in time

The class name is the error's name in a direct invocation, so that a state machine's Catch and Retry can match it.
A message is shown to the caller: it says what is wrong and what to do, and never repeats any part of the input.
"""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """An error that the caller is told about.

    Args:
        message: What is wrong and what to do, without any part of the input.
        detail: What the log should have besides, such as a backend's error code; never part of the input either.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, detail: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    @property
    def headers(self) -> dict[str, str]:
        """The extra response headers that go with the error."""
        return {}


class InvalidRequest(ServiceError):
    """The request is not what the operation's schema asks for."""

    code = "invalid_request"
    status = 400


class InvalidJson(InvalidRequest):
    """The body is not strict JSON."""

    code = "invalid_json"


class NotFound(ServiceError):
    """There is nothing at this path."""

    code = "not_found"
    status = 404


class UnknownOperation(NotFound):
    """There is no operation, or no service, of the name asked for."""

    code = "unknown_operation"


class MethodNotAllowed(ServiceError):
    """The path exists, but not with this method.

    Args:
        allowed: The methods that the path has.
    """

    code = "method_not_allowed"
    status = 405

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"This path takes {', '.join(allowed)} only.")
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        """`Allow`, which HTTP demands of a 405."""
        return {"Allow": ", ".join(self.allowed)}


class PayloadTooLarge(ServiceError):
    """The input has more bytes, pixels or items than the operation takes."""

    code = "payload_too_large"
    status = 413


class UnsupportedMediaType(ServiceError):
    """The operation does not read this content type."""

    code = "unsupported_media_type"
    status = 415


class UnprocessableInput(ServiceError):
    """The request is well formed, but the service cannot work on what it holds."""

    code = "unprocessable_input"
    status = 422


class InternalError(ServiceError):
    """Something failed that the caller can do nothing about; the log has the cause."""

    code = "internal_error"
    status = 500

    def __init__(
        self, message: str = "The service failed. The request id finds the cause in its log."
    ) -> None:
        super().__init__(message)


class ResponseTooLarge(InternalError):
    """The answer does not fit in a Lambda response."""

    code = "response_too_large"

    def __init__(self) -> None:
        super().__init__("The answer is larger than one response can be. Ask for less at a time.")


class BackendError(ServiceError):
    """The AI backend failed, refused us, or answered what cannot be used."""

    code = "backend_error"
    status = 502

    def __init__(self, message: str = "The AI backend failed.", *, detail: str | None = None) -> None:
        super().__init__(message, detail=detail)


class BackendUnavailable(ServiceError):
    """The AI backend is busy or down.

    Args:
        message: What is wrong.
        retry_after_seconds: How long the caller should wait before trying again.
        detail: For the log only.
    """

    code = "backend_unavailable"
    status = 503

    def __init__(
        self,
        message: str = "The AI backend is busy. Try again later.",
        *,
        retry_after_seconds: int = 5,
        detail: str | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
        self.retry_after_seconds = retry_after_seconds

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, in seconds."""
        return {"Retry-After": str(self.retry_after_seconds)}


class BackendTimeout(ServiceError):
    """The AI backend did not answer within the time that was left."""

    code = "backend_timeout"
    status = 504

    def __init__(
        self,
        message: str = "The AI backend did not answer in time. Try again later.",
        *,
        detail: str | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
