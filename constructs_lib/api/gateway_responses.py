"""Gateway responses: API Gateway's own errors in the format of the services behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from constructs_lib.api.cors import Cors
from constructs_lib.checks import check_choice, check_mapping, check_pattern
from constructs_lib.errors import ConflictError
from constructs_lib.routes.definitions import GatewayResponseDefinition

if TYPE_CHECKING:
    from constructs_lib.service_contract import ErrorFormat

ResponseType = Literal[
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
]
"""API Gateway's names of its errors. The two that start with DEFAULT are for errors without an entry."""

_FORBIDDEN: Final = (403, "forbidden", "You may not make this request.")
_UNAVAILABLE: Final = (500, "internal_error", "The request could not be handled.")
_ANSWERS: Final[Mapping[ResponseType, tuple[int | None, str, str]]] = MappingProxyType(
    {
        "ACCESS_DENIED": _FORBIDDEN,
        "API_CONFIGURATION_ERROR": _UNAVAILABLE,
        "AUTHORIZER_CONFIGURATION_ERROR": _UNAVAILABLE,
        # The authorizer fails closed where what it asks does not answer.
        "AUTHORIZER_FAILURE": (
            503,
            "backend_unavailable",
            "The credentials cannot be checked; try again later.",
        ),
        "BAD_REQUEST_BODY": (400, "invalid_request", "The request's body is not valid."),
        "BAD_REQUEST_PARAMETERS": (400, "invalid_request", "A required parameter is missing or not valid."),
        "DEFAULT_4XX": (None, "invalid_request", "The request was refused."),
        "DEFAULT_5XX": (None, "internal_error", "The request could not be handled."),
        "EXPIRED_TOKEN": (403, "expired_token", "The credentials have expired."),
        "INTEGRATION_FAILURE": (502, "backend_error", "The service failed to answer."),
        "INTEGRATION_TIMEOUT": (504, "backend_timeout", "The service did not answer in time."),
        "INVALID_API_KEY": _FORBIDDEN,
        "INVALID_SIGNATURE": (403, "invalid_signature", "The request's signature is not valid."),
        # API Gateway uses it for unknown routes and for unsigned requests.
        "MISSING_AUTHENTICATION_TOKEN": (
            403,
            "forbidden",
            "There is nothing at this path, or the request carries no credentials.",
        ),
        "QUOTA_EXCEEDED": (429, "quota_exceeded", "The quota of requests is used up."),
        "REQUEST_TOO_LARGE": (413, "payload_too_large", "The request's body is too large."),
        "RESOURCE_NOT_FOUND": (404, "not_found", "There is nothing at this path."),
        "THROTTLED": (429, "too_many_requests", "Too many requests at once; try again later."),
        "UNAUTHORIZED": (401, "unauthorized", "Credentials are missing or not valid."),
        "UNSUPPORTED_MEDIA_TYPE": (415, "unsupported_media_type", "The content type is not supported."),
        "WAF_FILTERED": _FORBIDDEN,
    }
)
_RETRY_AFTER_SECONDS: Final[Mapping[ResponseType, int]] = MappingProxyType(
    {"AUTHORIZER_FAILURE": 5, "QUOTA_EXCEEDED": 3600, "THROTTLED": 1}
)
_NO_RETRY: Final = ("API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR")
"""Errors with 5xx that last until the deployment is corrected."""

_REQUEST_ID: Final = "context.requestId"
_WHERE: Final = "GatewayResponses"
_TEXT: Final = r"[A-Za-z0-9 .,;:!?()/_-]{1,200}"


class _Problem:
    """The format of `handlers/common/error_format.py` that is named so."""

    of_whole_api: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "description": "What is wrong, for programs."},
            "message": {"type": "string", "description": "What is wrong, for people."},
            "requestId": {"type": "string", "description": "What the logs know the request by."},
        },
        "required": ["code", "message", "requestId"],
    }

    def render(
        self, *, code: str, message: str, request_id: str, **_: object
    ) -> tuple[Mapping[str, object], Mapping[str, str]]:
        return {"code": code, "message": message, "requestId": request_id}, {}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayResponses:
    """API Gateway's own errors as JSON (`aws_api_gateway_gateway_response`, one for each type).

    Each is `{"code": …, "message": …, "requestId": …}`, or has the format of a contract's errors. The texts are fixed:
    they repeat nothing of the request, and do not tell apart reasons of the same type. They have the headers
    that browsers need (see `Cors`), `Retry-After` and `Cache-Control: no-store`.

    Attributes:
        messages: Other messages, by API Gateway's name of the error, such as `{"THROTTLED": "Slow down."}`.
            Default: none.
        headers: More headers of all errors, with their values. Default: none.
        error_format: Format of the bodies, and headers that belong to it: the `error_format` of a contract. Default: a
            code, a message and the request's id.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> responses = GatewayResponses(messages={"THROTTLED": "Slow down."})
        >>> api = RestApi(stack, "api", name="shop", gateway_responses=responses)
        >>> method = api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
        >>> next(one.template for one in api.definition.gateway_responses if one.response_type == "THROTTLED")
        '{"code":"too_many_requests","message":"Slow down.","requestId":"$context.requestId"}'
    """

    messages: Mapping[ResponseType, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    error_format: ErrorFormat | None = None

    def __post_init__(self) -> None:
        check_mapping(_WHERE, "messages", self.messages)
        for response_type, message in self.messages.items():
            check_choice(_WHERE, "messages", response_type, ResponseType)
            check_pattern(
                _WHERE,
                f"messages['{response_type}']",
                message,
                _TEXT,
                "use plain text, at most 200 characters",
            )
        for name, value in self.headers.items():
            check_pattern(
                _WHERE, "headers", name, r"[A-Za-z0-9-]+", "name a header, such as 'X-Frame-Options'"
            )
            check_pattern(
                _WHERE, f"headers['{name}']", value, r"[ !-&(-~]{1,200}", "use plain text without quotes"
            )
            if name.lower().startswith("access-control-"):
                raise ConflictError(_WHERE, f"headers has '{name}'", "pass cors=Cors(...) to the API")

    @property
    def error_schema(self) -> Mapping[str, Any]:
        """JSON schema of the bodies."""
        return self._format.schema

    @property
    def _format(self) -> ErrorFormat:
        return self.error_format or _Problem()

    def definitions(self, cors: Cors | None = None) -> tuple[GatewayResponseDefinition, ...]:
        """Return them as data, one for each type of error.

        Args:
            cors: Origins whose pages may read the errors. Default: none.
        """
        common = {
            "Cache-Control": "'no-store'",
            **({} if cors is None else cors.error_headers),
            **{name: f"'{value}'" for name, value in self.headers.items()},
        }
        return tuple(self._definition(response_type, common) for response_type in get_args(ResponseType))

    def _definition(
        self, response_type: ResponseType, common: Mapping[str, str]
    ) -> GatewayResponseDefinition:
        status, code, message = _ANSWERS[response_type]
        expected = status or (500 if response_type == "DEFAULT_5XX" else 400)
        throttled = response_type in _RETRY_AFTER_SECONDS
        body, described = self._format.render(
            status=expected,
            code=code,
            message=self.messages.get(response_type, message),
            request_id=f"${_REQUEST_ID}",
            retry_helps=throttled or (expected >= 500 and response_type not in _NO_RETRY),
        )
        headers = {**common, **{name: _header(value) for name, value in described.items()}}
        if throttled:
            headers["Retry-After"] = f"'{_RETRY_AFTER_SECONDS[response_type]}'"
        return GatewayResponseDefinition(
            response_type=response_type,
            status_code=status,
            headers=tuple(headers.items()),
            template=json.dumps(body, separators=(",", ":")),
        )


def _header(value: str) -> str:
    """Return a header's value as API Gateway takes it: the name of a variable, or a text in quotes."""
    return _REQUEST_ID if value == f"${_REQUEST_ID}" else f"'{value}'"
