"""Model Context Protocol, as far as this server speaks it: versions, headers, requests and results.

Since 2026-07-28 each request says in `params._meta` which version it is of, and headers repeat that, its method and its
tool. Clients of older versions send `initialize` first, and then name the version that was agreed in a header. Both are
answered without a session, by the same function. The models are those of the official SDK.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    DEFAULT_NEGOTIATED_VERSION,
    HEADER_MISMATCH,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
    UNSUPPORTED_PROTOCOL_VERSION,
    ErrorData,
    Implementation,
    InitializeRequestParams,
    JSONRPCError,
    JSONRPCResponse,
    Result,
    UnsupportedProtocolVersionErrorData,
)
from mcp_types.methods import serialize_server_result, validate_client_request
from mcp_types.version import (
    HANDSHAKE_PROTOCOL_VERSIONS,
    KNOWN_PROTOCOL_VERSIONS,
    MODERN_PROTOCOL_VERSIONS,
    is_version_at_least,
)
from pydantic import ValidationError

from handlers.mcp.contract import METHOD_HEADER, NAME_HEADER, VERSION_HEADER
from handlers.mcp.models import Message

Headers = Mapping[str, Sequence[str]]

INITIALIZE: Final = "initialize"
_STATUS: Final = {METHOD_NOT_FOUND: 404}
_BAD_REQUEST: Final = 400
_ENCODED: Final = re.compile(r"=\?base64\?(.*)\?=")


class Refusal(Exception):
    """Request that the protocol does not allow.

    Args:
        code: One of JSON-RPC's or MCP's numbers.
        message: What is wrong, without any part of the request.
        data: Details for programs. Default: none.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error = ErrorData(code=code, message=message, data=data)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and the version by which it is answered.

    Attributes:
        message: The request.
        version: The version.
    """

    message: Message
    version: str

    @property
    def is_modern(self) -> bool:
        """True if the request describes itself, without an `initialize` before it."""
        return self.version in MODERN_PROTOCOL_VERSIONS

    @property
    def has_structured_content(self) -> bool:
        """True if results of tools have structured content besides text and images."""
        return is_version_at_least(self.version, "2025-06-18")

    @classmethod
    def of(cls, message: Message, headers: Headers) -> Exchange:
        """Find the version of a request.

        Raises:
            Refusal: The headers and the request differ, or the version is not supported.
        """
        named = headers.get(VERSION_HEADER.lower(), ())
        meta = message.params.get("_meta")
        described = isinstance(meta, dict) and PROTOCOL_VERSION_META_KEY in meta
        if message.method == INITIALIZE and not described and not {*named} & {*MODERN_PROTOCOL_VERSIONS}:
            return cls(message, HANDSHAKE_PROTOCOL_VERSIONS[-1])
        if not described and not named:
            return cls(message, DEFAULT_NEGOTIATED_VERSION)
        if not described and len(named) == 1 and named[0] in HANDSHAKE_PROTOCOL_VERSIONS:
            return cls(message, named[0])
        if not isinstance(meta, dict) or not described or CLIENT_CAPABILITIES_META_KEY not in meta:
            raise Refusal(
                INVALID_PARAMS,
                f"params._meta should have {PROTOCOL_VERSION_META_KEY} and {CLIENT_CAPABILITIES_META_KEY}.",
            )
        version = meta[PROTOCOL_VERSION_META_KEY]
        _check_headers(message, headers, version)
        if version not in MODERN_PROTOCOL_VERSIONS:
            raise unsupported_version(str(version))
        return cls(message, str(version))

    def check_params(self) -> None:
        """Check the parameters of the request.

        Raises:
            Refusal: The version has no such method, or the parameters are not those of the method.
        """
        try:
            validate_client_request(self.message.method, self.version, self.message.params)
        except KeyError:
            raise Refusal(
                METHOD_NOT_FOUND, "There is no such method in this version of the protocol."
            ) from None
        except ValidationError as error:
            places = {".".join(map(str, one["loc"][:2])) for one in error.errors(include_input=False)}
            raise Refusal(INVALID_PARAMS, f"Not valid: {', '.join(sorted(places))[:200]}.") from None

    def answer(self, result: Result, server: Implementation) -> dict[str, object]:
        """Return the response with a result, as its version has it."""
        data = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        shaped = serialize_server_result(self.message.method, self.version, data)
        if self.is_modern:
            info = server.model_dump(mode="json", by_alias=True, exclude_none=True)
            shaped["_meta"] = {**shaped.get("_meta", {}), SERVER_INFO_META_KEY: info}
        response = JSONRPCResponse(jsonrpc="2.0", id=self.message.id, result=shaped)
        return response.model_dump(mode="json")


def refusal_of(message: Message, refusal: Refusal, *, is_modern: bool) -> tuple[dict[str, object], int]:
    """Return the response to a request that is refused, and its HTTP status."""
    error = JSONRPCError(jsonrpc="2.0", id=message.id, error=refusal.error)
    body = error.model_dump(mode="json", exclude_none=True)
    return body, _STATUS.get(refusal.error.code, _BAD_REQUEST) if is_modern else 200


def negotiated_version(params: Mapping[str, Any]) -> str:
    """Return the version for a client that sent `initialize`: its own, or the newest that begins so."""
    wanted = InitializeRequestParams.model_validate(params, by_name=False).protocol_version
    return wanted if wanted in HANDSHAKE_PROTOCOL_VERSIONS else HANDSHAKE_PROTOCOL_VERSIONS[-1]


def unsupported_version(requested: str) -> Refusal:
    """Return the refusal of a version, which names those that are supported."""
    supported = list(reversed(KNOWN_PROTOCOL_VERSIONS))
    data = UnsupportedProtocolVersionErrorData(supported=supported, requested=requested[:32])
    return Refusal(
        UNSUPPORTED_PROTOCOL_VERSION, "This version of the protocol is not supported.", data.model_dump()
    )


def _check_headers(message: Message, headers: Headers, version: object) -> None:
    expected = {VERSION_HEADER: version, METHOD_HEADER: message.method}
    if message.method == "tools/call" and "name" in message.params:
        expected[NAME_HEADER] = message.params["name"]
    for header, value in expected.items():
        sent = headers.get(header.lower(), ())
        if len(sent) != 1 or _decoded(sent[0]) != value:
            raise Refusal(HEADER_MISMATCH, f"The header {header} should be what the body says.")


def _decoded(value: str) -> str | None:
    """Return the value of a header, which clients write as base64 if it is not plain ASCII."""
    encoded = _ENCODED.fullmatch(value)
    if encoded is None:
        return value
    try:
        return base64.b64decode(encoded[1], validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
