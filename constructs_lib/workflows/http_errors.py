"""HTTP responses to failed workflows: a fixed text by the error's name, never the cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from constructs_lib.checks import check_pattern, check_range
from constructs_lib.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpError:
    """Response to a failed request.

    Attributes:
        status: HTTP status, 400-599.
        code: Code for programs, such as `invalid_request`.
        message: Text for people: what is wrong and what to do.

    Raises:
        ConstructError: if the status is not one of an error, or a text is not valid in the response.

    Example:
        >>> HttpError(status=409, code="sold_out", message="There is none left.").status
        409
    """

    status: int
    code: str
    message: str

    def __post_init__(self) -> None:
        check_range("HttpError", "status", self.status, 400, 599)
        check_pattern("HttpError", "code", self.code, "[a-z][a-z0-9_]{0,63}", "write it as 'invalid_request'")
        if any(character in self.message for character in '"\\$#\n\r\t') or not self.message:
            raise InvalidArgumentError(
                "HttpError",
                f"message {self.message!r} would be evaluated, or end the string around it",
                "write one line without quotes, '\\', '$' and '#'",
            )


INVALID_INPUT: Final = HttpError(
    status=400,
    code="invalid_json",
    message="The body should be a JSON object in UTF-8, at most 32 levels deep, without repeated keys, NaN and half "
    "surrogate pairs.",
)
FORBIDDEN: Final = HttpError(
    status=403, code="forbidden", message="These credentials may not use the service."
)
TOO_LARGE: Final = HttpError(status=413, code="payload_too_large", message="The input is too large.")
TOO_MANY: Final = HttpError(
    status=429, code="too_many_requests", message="Too many requests. Try again later."
)
INTERNAL: Final = HttpError(
    status=500,
    code="internal_error",
    message="The service failed. The request id finds the cause in its log.",
)
FAILED: Final = HttpError(
    status=502,
    code="workflow_failed",
    message="A step of the workflow failed. The request id finds the cause in its log.",
)
CRASHED: Final = HttpError(status=502, code="backend_error", message="The service failed.")
UNAVAILABLE: Final = HttpError(
    status=503, code="backend_unavailable", message="The service is busy. Try again later."
)
TIMED_OUT: Final = HttpError(
    status=504, code="workflow_timeout", message="The workflow did not end in time. Try again later."
)

BUDGET_EXCEEDED: Final = "BudgetExceeded"
"""Error of a workflow whose caller has too little budget. Its cause is the seconds until the budget resets and the message,
such as `5 The key's budget of 3 requests a minute is used up.`"""

ERRORS: Final[Mapping[str, HttpError]] = MappingProxyType(
    {
        "InvalidRequest": HttpError(status=400, code="invalid_request", message="The request is not valid."),
        "InvalidJson": HttpError(status=400, code="invalid_json", message="The body is not valid JSON."),
        "ContentFiltered": HttpError(
            status=400,
            code="content_filter",
            message="A guardrail blocks this content. Change what the request says or asks for.",
        ),
        "Forbidden": FORBIDDEN,
        "NotFound": HttpError(status=404, code="not_found", message="There is nothing at this path."),
        "UnknownOperation": HttpError(
            status=404, code="unknown_operation", message="There is no operation of this name."
        ),
        "UnknownService": HttpError(
            status=404, code="unknown_service", message="There is no service of this name."
        ),
        "PayloadTooLarge": TOO_LARGE,
        "TooManyRequests": TOO_MANY,
        BUDGET_EXCEEDED: HttpError(
            status=429, code="budget_exceeded", message="A budget is used up. Try again later."
        ),
        "UnsupportedMediaType": HttpError(
            status=415, code="unsupported_media_type", message="The content type is not supported."
        ),
        "UnprocessableInput": HttpError(
            status=422, code="unprocessable_input", message="The service cannot work on this input."
        ),
        "IdempotencyKeyReused": HttpError(
            status=422,
            code="idempotency_key_reused",
            message="This Idempotency-Key belongs to a request with another body. Use a new key.",
        ),
        "InternalError": INTERNAL,
        "ResponseTooLarge": HttpError(
            status=500,
            code="response_too_large",
            message="The answer is larger than one response can be. Ask for less at a time.",
        ),
        "BackendError": HttpError(status=502, code="backend_error", message="The AI backend failed."),
        "BackendUnavailable": UNAVAILABLE,
        "GuardrailUnavailable": HttpError(
            status=503,
            code="guardrail_unavailable",
            message="The guardrail cannot judge the content now. Try again later.",
        ),
        "PayloadLinkExpired": HttpError(
            status=503,
            code="payload_link_expired",
            message="The work took too long to begin. Try again later.",
        ),
        "CircuitOpen": HttpError(
            status=503,
            code="circuit_open",
            message="The service has failed several times and is left alone for a moment. Try again later.",
        ),
        "BackendTimeout": HttpError(
            status=504,
            code="backend_timeout",
            message="The AI backend did not answer in time. Try again later.",
        ),
        "States.Timeout": TIMED_OUT,
        "States.HeartbeatTimeout": TIMED_OUT,
        "Sandbox.Timedout": HttpError(
            status=504,
            code="backend_timeout",
            message="The service did not answer in time. Try again later.",
        ),
        "Runtime.ExitError": CRASHED,
        "Lambda.Unknown": CRASHED,
        "States.DataLimitExceeded": HttpError(
            status=413,
            code="payload_too_large",
            message="What the steps hand on is too large. Ask for less at a time.",
        ),
        "Bedrock.ThrottlingException": UNAVAILABLE,
        "BedrockRuntime.ThrottlingException": UNAVAILABLE,
        "DynamoDB.ProvisionedThroughputExceededException": UNAVAILABLE,
        "DynamoDB.ThrottlingException": UNAVAILABLE,
        "Lambda.ServiceException": UNAVAILABLE,
        "Lambda.TooManyRequestsException": UNAVAILABLE,
        "StepFunctions.ExecutionLimitExceeded": UNAVAILABLE,
        "ThrottlingException": UNAVAILABLE,
        "DynamoDB.ConditionalCheckFailedException": HttpError(
            status=409, code="conflict", message="Another request changed the same thing. Try again."
        ),
    }
)
"""Responses by the names of errors: those of this project's services and of Step Functions. All others give a 502."""
