"""Format of the errors of a service over HTTP: the project's own, or that of the protocol that its clients speak.

`Contract(error_format=…)` chooses one; `Service` renders every error by it, and `GatewayResponses(error_format=…)` those of
API Gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol

_FIRST_SERVER_ERROR = 500
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_TEXT: Final = {"type": "string"}
_JSON_RPC_CODES = {"invalid_json": -32700, "invalid_request": -32600}
_INTERNAL_ERROR: Final = -32603
_OTHER_ERROR: Final = -32000


class ErrorFormat(Protocol):
    """Body and headers of an error."""

    @property
    def of_whole_api(self) -> bool:
        """True if clients need API Gateway's own errors in this format too."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of the body."""

    def render(
        self,
        *,
        status: int,
        code: str,
        message: str,
        request_id: str,
        param: str | None = None,
        retry_helps: bool = False,
    ) -> tuple[Mapping[str, object], Mapping[str, str]]:
        """Return the body, and the headers that belong to it.

        Args:
            status: HTTP status.
            code: What is wrong, for programs, such as `invalid_request`.
            message: What is wrong, for people.
            request_id: Id of the request.
            param: The field of the request that is wrong. Default: none in particular.
            retry_helps: Whether the same request may succeed later. Default: False.
        """


class _Problem:
    of_whole_api: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "code": {**_TEXT, "description": "What is wrong, for programs."},
            "message": {**_TEXT, "description": "What is wrong, for people."},
            "requestId": {**_TEXT, "description": "What the logs know the request by."},
        },
        "required": ["code", "message", "requestId"],
    }

    def render(
        self,
        *,
        status: int,  # noqa: ARG002
        code: str,
        message: str,
        request_id: str,
        param: str | None = None,  # noqa: ARG002
        retry_helps: bool = False,  # noqa: ARG002
    ) -> tuple[Mapping[str, object], Mapping[str, str]]:
        return {"code": code, "message": message, "requestId": request_id}, {}


class _OpenAiError:
    of_whole_api: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": _TEXT,
                    "type": _TEXT,
                    "param": {"type": ["string", "null"]},
                    "code": _TEXT,
                },
            }
        },
    }

    def render(
        self,
        *,
        status: int,
        code: str,
        message: str,
        request_id: str,
        param: str | None = None,
        retry_helps: bool = False,
    ) -> tuple[Mapping[str, object], Mapping[str, str]]:
        kind = "server_error" if status >= _FIRST_SERVER_ERROR else "invalid_request_error"
        error = {
            "message": message,
            "type": _OPENAI_TYPES.get(status, kind),
            "param": param,
            "code": code,
        }
        # The SDKs retry every 5xx; the second header stops them.
        stop = {} if retry_helps else {"x-should-retry": "false"}
        return {"error": error}, {"x-request-id": request_id, **stop}


class _JsonRpcError:
    of_whole_api: ClassVar[bool] = False
    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["jsonrpc", "id", "error"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["string", "integer", "null"]},
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "integer", "description": "What is wrong, by JSON-RPC's numbers."},
                    "message": _TEXT,
                    "data": {"description": "Details; of most errors their `code` and `requestId`."},
                },
            },
        },
    }

    def render(
        self,
        *,
        status: int,
        code: str,
        message: str,
        request_id: str,
        param: str | None = None,  # noqa: ARG002
        retry_helps: bool = False,  # noqa: ARG002
    ) -> tuple[Mapping[str, object], Mapping[str, str]]:
        kind = _INTERNAL_ERROR if status >= _FIRST_SERVER_ERROR else _JSON_RPC_CODES.get(code, _OTHER_ERROR)
        data = {"code": code, "requestId": request_id}
        # Whose id the request has is not known where it cannot be read.
        return {"jsonrpc": "2.0", "id": None, "error": {"code": kind, "message": message, "data": data}}, {}


PROBLEM: Final[ErrorFormat] = _Problem()
"""`{"code", "message", "requestId"}`."""

OPENAI_ERROR: Final[ErrorFormat] = _OpenAiError()
"""OpenAI's: `{"error": {"message", "type", "param", "code"}}`, with `x-request-id`, and `x-should-retry: false` where
another attempt cannot succeed."""

JSON_RPC_ERROR: Final[ErrorFormat] = _JsonRpcError()
"""JSON-RPC's: `{"jsonrpc", "id", "error": {"code", "message", "data"}}`. API Gateway's own errors keep their format."""
