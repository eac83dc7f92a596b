"""Headers that only the gateway may set: they frame the message, or name the connection and the server.

Every response of a deployed API passes here, whether a function, a mapping, an override, a gateway response or a web
ACL has set its headers. A header that framed the body wrongly would let the next response on the connection be forged.
"""

from __future__ import annotations

import re

from local_cloud.gateway.definition import Integration
from local_cloud.gateway.errors import CONFIGURATION, GatewayError
from local_cloud.messages import Headers

REMAPPED = frozenset({
    "authorization", "connection", "content-length", "content-md5", "date", "expect", "host", "max-forwards",
    "proxy-authenticate", "server", "trailer", "upgrade", "user-agent", "www-authenticate", "x-amz-apigw-id",
    "x-amzn-requestid",
})  # fmt: skip
"""Sent as `x-amzn-Remapped-{name}`, as on AWS."""

_NEVER_SENT = frozenset({"keep-alive", "proxy-connection", "transfer-encoding"})
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


_REQUEST_HEADER = "integration.request.header."
_NEVER_MAPPED = frozenset({"content-length", "transfer-encoding"})
_NEVER_MAPPED_FOR_FUNCTIONS = _NEVER_MAPPED | {
    "authorization",
    "connection",
    "expect",
    "proxy-authenticate",
    "te",
}


def refuse_reserved(integration: Integration, *, of_function: bool) -> None:
    """Refuse mappings onto request headers that only the gateway may send."""
    reserved = _NEVER_MAPPED_FOR_FUNCTIONS if of_function else _NEVER_MAPPED
    for name in integration.request_parameters:
        header = name.removeprefix(_REQUEST_HEADER)
        if header != name and header.lower() in reserved:
            raise GatewayError(CONFIGURATION, f"the integration maps onto the reserved header {header}")


def is_header(name: str, value: str) -> bool:
    """Return whether a name and a value can be sent as a header."""
    return _HEADER_NAME.fullmatch(name) is not None and _FORBIDDEN_IN_VALUE.search(value) is None


def sendable(headers: Headers) -> Headers:
    """Return headers without those that would frame the message or inject others; reserved names are remapped."""
    return tuple(
        (
            f"x-amzn-Remapped-{name}" if name.lower() in REMAPPED else name,
            _FORBIDDEN_IN_VALUE.sub("", value),
        )
        for name, value in headers
        if _HEADER_NAME.fullmatch(name) and name.lower() not in _NEVER_SENT
    )
