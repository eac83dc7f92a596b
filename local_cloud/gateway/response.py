"""HTTP response from the result of a Lambda function (proxy integration)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from local_cloud.gateway.definition import ApiDefinition
from local_cloud.gateway.errors import BAD_FUNCTION_ANSWER, CONFIGURATION, GatewayError
from local_cloud.gateway.media_types import first_accepted, is_binary
from local_cloud.gateway.reserved_headers import is_header, sendable
from local_cloud.messages import Headers, Response

LARGEST_FUNCTION_RESPONSE = 6_291_556

_MEMBERS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
_STREAMED_MEMBERS = frozenset({"statusCode", "headers", "multiValueHeaders", "cookies"})

# Of a function's headers, this is remapped besides those of every response; and these are not sent at all.
_REMAPPED = "x-amzn-trace-id"
_DROPPED = frozenset({"expect", "host", "proxy-authenticate", "trailer", "upgrade", "via"})


def function_response(payload: bytes, api: ApiDefinition, accept: str | None) -> Response:
    """Return the response that a function's answer stands for.

    Args:
        payload: What the handler returned, as JSON.
        api: The API, for its binary media types.
        accept: The request's `Accept` header; its first entry decides whether a binary body is decoded.
    """
    if len(payload) > LARGEST_FUNCTION_RESPONSE:
        raise _malformed(f"the answer has {len(payload)} bytes; {LARGEST_FUNCTION_RESPONSE} are allowed")
    try:
        answer = json.loads(payload)
    except ValueError:
        raise _malformed("the answer is not JSON") from None
    status, headers = _head(answer, _MEMBERS, "the answer")
    return Response(status, headers, _body(answer, api, accept))


def streamed_head(head: Any) -> tuple[int, Headers]:
    """Return the status and the headers that a streaming function has sent before its body.

    Args:
        head: The object before the delimiter, with the members `statusCode`, `headers`, `multiValueHeaders` and
            `cookies`, all of which may be missing.
    """
    status, headers = _head(head, _STREAMED_MEMBERS, "the JSON before the delimiter")
    cookies = head.get("cookies") or []
    if not isinstance(cookies, list):
        raise _malformed("cookies must be a list")
    return status, (*headers, *_headers(None, {"Set-Cookie": cookies}))


def _head(answer: Any, members: frozenset[str], what: str) -> tuple[int, Headers]:
    """Return the status and the headers of an answer."""
    if not isinstance(answer, dict):
        raise _malformed(f"{what} is not an object")
    if unknown := sorted(answer.keys() - members):
        raise _malformed(f"{what} has members that are not allowed: {', '.join(unknown)}")
    headers = _headers(answer.get("headers"), answer.get("multiValueHeaders"))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("Content-Type", "application/json"), *headers)
    return _status(answer.get("statusCode")), headers


def _status(value: Any) -> int:
    if value is None:
        return 200
    try:
        status = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else 0
    except ValueError:
        status = 0
    if not 200 <= status <= 599:
        raise _malformed(f"statusCode is {value!r}")
    return status


def _headers(single: Any, multiple: Any) -> Headers:
    """Merge both maps: a name in both keeps the spelling and the values of `multiValueHeaders`, then its single one."""
    if not isinstance(single, Mapping | None) or not isinstance(multiple, Mapping | None):
        raise _malformed("headers and multiValueHeaders must be objects")
    merged: dict[str, tuple[str, list[str]]] = {}
    for name, values in (multiple or {}).items():
        if not isinstance(values, list):
            raise _malformed(f"multiValueHeaders[{name!r}] must be a list")
        merged.setdefault(name.lower(), (name, []))[1].extend(
            _text(name, value) for value in values if value is not None
        )
    for name, value in (single or {}).items():
        if value is None:
            continue
        text = _text(name, value)
        values = merged.setdefault(name.lower(), (name, []))[1]
        if text not in values:
            values.append(text)
    return sendable(
        tuple(
            (f"x-amzn-Remapped-{name}" if lower == _REMAPPED else name, value)
            for lower, (name, values) in merged.items()
            if lower not in _DROPPED
            for value in values
        )
    )


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (str, int, float)):
        text = str(value).strip()
    else:
        raise _malformed(f"header {name!r} must be a string, a number or a boolean")
    if not is_header(name, text):
        raise _malformed(f"header {name!r} has characters that no header may have")
    return text


def _body(answer: dict[str, Any], api: ApiDefinition, accept: str | None) -> bytes:
    body = answer.get("body")
    encoded = answer.get("isBase64Encoded")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise _malformed("body must be a string")
    if not isinstance(encoded, bool | None):
        raise _malformed("isBase64Encoded must be a boolean")
    if encoded and is_binary(first_accepted(accept) or "", api.binary_media_types):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise GatewayError(CONFIGURATION, "isBase64Encoded is true, but the body is not base64") from None
    return body.encode("utf-8", "replace")


def _malformed(detail: str) -> GatewayError:
    return GatewayError(BAD_FUNCTION_ANSWER, f"malformed Lambda proxy response: {detail}")
