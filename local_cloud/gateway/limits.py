"""The sizes that API Gateway refuses before it looks at an API."""

from __future__ import annotations

from local_cloud.gateway.errors import (
    BODY_TOO_LARGE,
    HEADERS_TOO_LONG,
    REQUEST_TOO_LARGE,
    URL_TOO_LONG,
    GatewayError,
)
from local_cloud.messages import Request

LARGEST_REQUEST_BODY = 10 * 1024 * 1024
LARGEST_FUNCTION_EVENT = 6 * 1024 * 1024
LONGEST_URL = 10_240
LARGEST_HEADERS = 10_240


def check_edge(request: Request) -> None:
    """Refuse an address or headers that are too long."""
    length = len(request.path) + len(request.query)
    if length > LONGEST_URL:
        raise GatewayError(URL_TOO_LONG, f"the URL has {length} characters; {LONGEST_URL} are allowed")
    size = sum(len(name) + len(value) for name, value in request.headers)
    if size > LARGEST_HEADERS:
        raise GatewayError(HEADERS_TOO_LONG, f"the headers have {size} bytes; {LARGEST_HEADERS} are allowed")


def check_body(request: Request) -> None:
    """Refuse a body that is too large."""
    if request.oversized:
        raise GatewayError(BODY_TOO_LARGE, f"the body is larger than {LARGEST_REQUEST_BODY} bytes")


def check_event(payload: bytes) -> None:
    """Refuse a request whose event Lambda would not take."""
    if len(payload) > LARGEST_FUNCTION_EVENT:
        raise GatewayError(
            REQUEST_TOO_LARGE, f"the event has {len(payload)} bytes; Lambda takes {LARGEST_FUNCTION_EVENT}"
        )
