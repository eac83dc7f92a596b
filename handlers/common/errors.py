"""The errors a service may answer with, as one tree.

    ServiceError
    ├── InvalidRequest         400  the request is not what the schema asks for
    │   ├── InvalidJson        400  the body is not strict JSON
    │   └── ContentFiltered    400  a guardrail blocks what the request or the answer says
    ├── Forbidden              403  the caller may not use the service or the model
    ├── NotFound               404  no such path
    │   ├── UnknownOperation   404  the function has no operation of that name
    │   └── UnknownService     404  no function has a service of that name
    ├── MethodNotAllowed       405  the path exists, with other methods
    ├── PayloadTooLarge        413  more bytes, pixels or items than the service takes
    ├── UnsupportedMediaType   415  a content type the operation does not read
    ├── UnprocessableInput     422  well formed, but the service cannot work on it
    │   └── IdempotencyKeyReused 422  the same Idempotency-Key came with another body
    ├── TooManyRequests        429  the caller has reached the limit of requests a minute
    │   └── BudgetExceeded     429  the call could use more than a limit leaves (`budgets.py`)
    ├── InternalError          500  our fault; the log has the cause
    │   └── ResponseTooLarge   500  the answer does not fit in a Lambda response
    ├── BackendError           502  the AI backend failed or answered nonsense
    ├── BackendUnavailable     503  the AI backend is busy or down: try again later
    │   ├── GuardrailUnavailable 503  a guardrail could not judge a text, so that it is not passed on
    │   └── PayloadLinkExpired 503  the presigned URL of an input or output has expired: make a new one
    └── BackendTimeout         504  the AI backend did not answer in time

The class name is the error's name in a direct invocation, so that a state machine's Catch and Retry can match it.
A message is shown to the caller: it says what is wrong and what to do, and never repeats any part of the input.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar


class ServiceError(Exception):
    """Error that the caller sees.

    Args:
        message: What is wrong and what to do, without any part of the input; the class's own message without it.
        detail: What the log should have besides, such as a backend's error code; never part of the input either.
        param: The field of the request that is wrong, such as `messages[0].content`. Default: none in particular.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    default_message: ClassVar[str] = "The service failed. The request id finds the cause in its log."
    retry_helps: bool = False
    """Whether the same request may succeed later."""

    def __init__(
        self, message: str | None = None, *, detail: str | None = None, param: str | None = None
    ) -> None:
        self.message = self.default_message if message is None else message
        self.detail = detail
        self.param = param
        super().__init__(self.message)

    @property
    def headers(self) -> dict[str, str]:
        """The extra response headers that go with the error."""
        return {}


class InvalidRequest(ServiceError):
    """The request is not what the operation's schema asks for."""

    code = "invalid_request"
    status = 400
    default_message = "The request is not valid."


class InvalidJson(InvalidRequest):
    """The body is not strict JSON."""

    code = "invalid_json"
    default_message = "The body is not valid JSON."


class ContentFiltered(InvalidRequest):
    """A guardrail blocks what the request or the answer says."""

    code = "content_filter"
    default_message = "A guardrail blocks this content. Change what the request says or asks for."


class Forbidden(ServiceError):
    """The caller is known, but has no permission for the operation."""

    code = "forbidden"
    status = 403
    default_message = "You may not make this request."


class NotFound(ServiceError):
    """There is nothing at this path."""

    code = "not_found"
    status = 404
    default_message = "There is nothing at this path."


class UnknownOperation(NotFound):
    """The function has no operation of the name asked for."""

    code = "unknown_operation"
    default_message = "There is no operation of this name."


class UnknownService(NotFound):
    """No function has a service of the name asked for."""

    code = "unknown_service"
    default_message = "There is no service of this name."


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
    default_message = "The input is too large."


class UnsupportedMediaType(ServiceError):
    """The operation does not read this content type."""

    code = "unsupported_media_type"
    status = 415
    default_message = "The content type is not supported."


class UnprocessableInput(ServiceError):
    """The request is well formed, but the service cannot work on what it holds."""

    code = "unprocessable_input"
    status = 422
    default_message = "The service cannot work on this input."


class IdempotencyKeyReused(UnprocessableInput):
    """An Idempotency-Key that stands for another request came again."""

    code = "idempotency_key_reused"
    default_message = "This Idempotency-Key belongs to a request with another body. Use a new key."


class TooManyRequests(ServiceError):
    """The caller has made as many requests as a caller may.

    Args:
        message: What the limit is.
        retry_after_seconds: Seconds until requests are taken again.
        detail: For the log only.
    """

    code = "too_many_requests"
    status = 429
    retry_helps = True
    default_message = "Too many requests. Try again later."

    def __init__(
        self, message: str | None = None, *, retry_after_seconds: int = 60, detail: str | None = None
    ) -> None:
        super().__init__(message, detail=detail)
        self.retry_after_seconds = retry_after_seconds

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, in seconds."""
        return {"Retry-After": str(self.retry_after_seconds)}


class InternalError(ServiceError):
    """Something failed that the caller can do nothing about; the log has the cause."""


class ResponseTooLarge(InternalError):
    """The answer does not fit in a Lambda response."""

    code = "response_too_large"
    default_message = "The answer is larger than one response can be. Ask for less at a time."


class BackendError(ServiceError):
    """The AI backend failed, refused us, or answered what cannot be used."""

    code = "backend_error"
    status = 502
    default_message = "The AI backend failed."


class BackendUnavailable(ServiceError):
    """The AI backend is busy or down.

    Args:
        message: What is wrong.
        retry_after_seconds: How long the caller should wait before trying again.
        detail: For the log only.
    """

    code = "backend_unavailable"
    status = 503
    retry_helps = True
    default_message = "The AI backend is busy. Try again later."

    def __init__(
        self, message: str | None = None, *, retry_after_seconds: int = 5, detail: str | None = None
    ) -> None:
        super().__init__(message, detail=detail)
        self.retry_after_seconds = retry_after_seconds

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, in seconds."""
        return {"Retry-After": str(self.retry_after_seconds)}


class GuardrailUnavailable(BackendUnavailable):
    """A guardrail could not judge a text, so that it is not passed on."""

    code = "guardrail_unavailable"
    default_message = "The guardrail cannot judge the content now. Try again later."


class PayloadLinkExpired(BackendUnavailable):
    """The presigned URL of an input or output has expired, or the credentials that signed it have."""

    code = "payload_link_expired"
    default_message = "The work took too long to begin. Try again later."


class BackendTimeout(ServiceError):
    """The AI backend did not answer within the time that was left."""

    code = "backend_timeout"
    status = 504
    retry_helps = True
    default_message = "The AI backend did not answer in time. Try again later."


def error_named(name: str) -> type[ServiceError] | None:
    """The class of an error that a function raised in a direct invocation; None for what is not in the tree.

    Args:
        name: The errorType of the failed invocation.
    """
    return _BY_NAME.get(name)


E = TypeVar("E", bound=ServiceError)


def register(error: type[E]) -> type[E]:
    """Add the error of another module to those that `error_named` finds. A decorator."""
    _BY_NAME[error.__name__] = error
    return error


_BY_NAME: dict[str, type[ServiceError]] = {
    error.__name__: error
    for error in (
        InvalidRequest,
        InvalidJson,
        ContentFiltered,
        Forbidden,
        NotFound,
        UnknownOperation,
        UnknownService,
        PayloadTooLarge,
        UnsupportedMediaType,
        UnprocessableInput,
        IdempotencyKeyReused,
        TooManyRequests,
        InternalError,
        ResponseTooLarge,
        BackendError,
        BackendUnavailable,
        GuardrailUnavailable,
        PayloadLinkExpired,
        BackendTimeout,
    )
}
