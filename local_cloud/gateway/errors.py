"""The errors that the gateway itself answers with, and the one for what it cannot do yet.

How AWS answers is partly recorded and partly best knowledge (`reference/gateway-behaviour.md` of the project's notes
says which); all of it is in this one table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of error.

    Attributes:
        response_type: The type under which an API may customize it.
        message: The text of its body; None where AWS gives none.
        error_type: The value of `x-amzn-ErrorType`; empty for an error that is plain text.
        member: The name of the text in the body.
    """

    response_type: str
    status: int
    message: str | None
    error_type: str
    member: str = "message"


_INTERNAL = "Internal server error"

NO_ROUTE = Fault("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token", "MissingAuthenticationTokenException")  # fmt: skip
FORBIDDEN = Fault("ACCESS_DENIED", 403, "Forbidden", "ForbiddenException")
WAF_FILTERED = Fault("WAF_FILTERED", 403, "Forbidden", "ForbiddenException")
THROTTLED = Fault("THROTTLED", 429, "Too Many Requests", "TooManyRequestsException")
REQUEST_TOO_LARGE = Fault("REQUEST_TOO_LARGE", 413, "Request Too Long", "BadRequestException")
# The function ran and failed, or gave back what is not a response.
BAD_FUNCTION_ANSWER = Fault("DEFAULT_5XX", 502, _INTERNAL, "InternalServerErrorException")
# The API is deployed in a way that cannot work: no permission, no function, not POST, no base64 where it should be.
CONFIGURATION = Fault("API_CONFIGURATION_ERROR", 500, _INTERNAL, "InternalServerErrorException")
INTEGRATION_TIMEOUT = Fault("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out", "InternalServerErrorException")  # fmt: skip
INTEGRATION_FAILURE = Fault("INTEGRATION_FAILURE", 504, "Network error communicating with endpoint", "InternalServerErrorException")  # fmt: skip

# Who calls, and whether they may. The texts of AWS_IAM that name the caller are made where they arise.
UNAUTHORIZED = Fault("UNAUTHORIZED", 401, "Unauthorized", "UnauthorizedException")
TOKEN_EXPIRED = Fault("UNAUTHORIZED", 401, "The incoming token has expired", "UnauthorizedException")
DENIED = Fault("ACCESS_DENIED", 403, "User is not authorized to access this resource", "AccessDeniedException", "Message")  # fmt: skip
EXPLICITLY_DENIED = Fault("ACCESS_DENIED", 403, "User is not authorized to access this resource with an explicit deny", "AccessDeniedException", "Message")  # fmt: skip
# The authorizer failed; or it cannot be invoked, or its response is not valid.
AUTHORIZER_FAILURE = Fault("AUTHORIZER_FAILURE", 500, None, "AuthorizerFailureException")
AUTHORIZER_CONFIGURATION = Fault("AUTHORIZER_CONFIGURATION_ERROR", 500, None, "AuthorizerConfigurationException")  # fmt: skip
INVALID_SIGNATURE = Fault(
    "INVALID_SIGNATURE",
    403,
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
    "Key and signing method. Consult the service documentation for details.",
    "InvalidSignatureException",
)
UNKNOWN_CREDENTIALS = Fault("INVALID_SIGNATURE", 403, "The security token included in the request is invalid.", "UnrecognizedClientException")  # fmt: skip
CREDENTIALS_EXPIRED = Fault("EXPIRED_TOKEN", 403, "The security token included in the request is expired", "ExpiredTokenException")  # fmt: skip
INVALID_API_KEY = Fault("INVALID_API_KEY", 403, "Forbidden", "ForbiddenException")
QUOTA_EXCEEDED = Fault("QUOTA_EXCEEDED", 429, "Limit Exceeded", "LimitExceededException")

BAD_REQUEST_BODY = Fault("BAD_REQUEST_BODY", 400, "Invalid request body", "BadRequestException")
UNSUPPORTED_MEDIA_TYPE = Fault("UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported Media Type", "BadRequestException")

# Refused at the edge, before there is an API: no API can customize these.
URL_TOO_LONG = Fault("", 414, "Request-URI Too Long", "BadRequestException")
# Plain text without an error type, as measured on AWS.
BODY_TOO_LARGE = Fault("", 413, "HTTP content length exceeded 10485760 bytes.", "")
HEADERS_TOO_LONG = Fault("", 431, "Request Header Fields Too Large", "BadRequestException")


def missing_parameters(names: Iterable[str]) -> Fault:
    """Return the error for a request that lacks parameters."""
    message = f"Missing required request parameters: [{', '.join(names)}]"
    return Fault("BAD_REQUEST_PARAMETERS", 400, message, "BadRequestException")


class GatewayError(Exception):
    """A request that the gateway answers itself.

    Attributes:
        fault: What is answered.
        reason: Why, for the developer's log; never part of the answer.
    """

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


class UnsupportedFeatureError(Exception):
    """The deployed API asks for something that the local cloud does not do: answered with 501, never passed over."""

    def __init__(self, feature: str) -> None:
        super().__init__(feature)
        self.feature = feature


def fits(pattern: str, text: str, fault: Fault) -> bool:
    """Return whether a regular expression of an API matches a whole text; one that is malformed is the fault."""
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error as error:
        raise GatewayError(fault, f"{pattern} is not a regular expression: {error}") from None
