"""An API Gateway proxy event, read once into what the service needs, trusting nothing in it that a client wrote."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from handlers.common.errors import InvalidRequest, NotFound, PayloadTooLarge, UnsupportedMediaType

JSON = "application/json"
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """An HTTP request as it came through API Gateway.

    Attributes:
        method: The HTTP method; headers that want to override it have no say.
        resource: The route that API Gateway matched, such as `/vision/text` or `/{proxy+}`.
        path: The path as sent, percent-escapes and all.
        headers: Header values by lower-case name; a header may have come more than once.
        query: The decoded query values by name, in order.
        body: The body as the event holds it, None without one.
        body_is_base64: Whether the body is base64 of the real one.
        request_id: API Gateway's id of the request, if the event has one.
        source_ip: The caller's address as API Gateway saw it.
        path_parameters: What stands in the variable segments of the route, decoded once.
        context_path: The path with the stage or the domain's base path, as the client knows it.
        received_at: Time at which API Gateway received it, in seconds since 1970; None if the event has none.
        context: API Gateway's context of the request, with the authorizer's; no part of it comes from the client.
    """

    method: str
    resource: str
    path: str
    headers: Mapping[str, tuple[str, ...]]
    query: Mapping[str, tuple[str, ...]]
    body: str | None
    body_is_base64: bool
    request_id: str | None
    source_ip: str | None
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    context_path: str = ""
    received_at: float | None = None
    context: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def from_event(cls, event: Mapping[str, object]) -> ProxyRequest:
        """Read the event; what is missing or of the wrong type counts as absent."""
        context = _mapping(event.get("requestContext"))
        body = event.get("body")
        return cls(
            method=_text(event.get("httpMethod")) or "",
            resource=_text(event.get("resource")) or "",
            path=_text(event.get("path")) or "",
            headers={
                name.lower(): values
                for name, values in _all_values(event, single="headers", multiple="multiValueHeaders").items()
            },
            query=_all_values(
                event, single="queryStringParameters", multiple="multiValueQueryStringParameters"
            ),
            body=body if isinstance(body, str) else None,
            body_is_base64=event.get("isBase64Encoded") is True,
            request_id=_text(context.get("requestId")),
            source_ip=_text(_mapping(context.get("identity")).get("sourceIp")),
            path_parameters={
                name: unquote(value)
                for name, value in _mapping(event.get("pathParameters")).items()
                if isinstance(value, str)
            },
            context_path=_text(context.get("path")) or "",
            received_at=_seconds(context.get("requestTimeEpoch")),
            context=context,
        )

    def media_type(self) -> str:
        """The media type of the body, in lower case, without its parameters; JSON when no Content-Type was sent.

        Raises:
            InvalidRequest: Content-Type was sent more than once.
            UnsupportedMediaType: It cannot be read, asks for another charset than UTF-8, or the body is compressed.
        """
        if any(
            value.strip().lower() not in {"", "identity"}
            for value in self.headers.get("content-encoding", ())
        ):
            raise UnsupportedMediaType("Content-Encoding is not supported. Send the body as it is.")
        values = self.headers.get("content-type", ())
        if len(values) > 1:
            raise InvalidRequest("Content-Type was sent more than once.")
        if not values or not values[0].strip():
            return JSON
        media_type, *parameters = (part.strip().lower() for part in values[0].split(";"))
        if not _MEDIA_TYPE.fullmatch(media_type):
            raise UnsupportedMediaType("Content-Type is not a media type such as application/json.")
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "charset" and value.strip().strip('"') not in {"utf-8", "utf8"}:
                raise UnsupportedMediaType("Only charset=utf-8 is supported.")
        return media_type

    def body_bytes(self, *, max_bytes: int) -> bytes:
        """The body as bytes, empty when there is none.

        Args:
            max_bytes: The most that is accepted, counted after base64 decoding.

        Raises:
            PayloadTooLarge: The body is larger.
            InvalidRequest: The event says base64 and the body is not.
        """
        if self.body is None:
            return b""
        # Four characters of base64 are three bytes; the first check spares the work on what cannot fit.
        at_least = len(self.body) * 3 // 4 - 2 if self.body_is_base64 else len(self.body)
        if at_least > max_bytes:
            raise _too_large(max_bytes)
        if self.body_is_base64:
            try:
                data = base64.b64decode(self.body.encode("ascii"), validate=True)
            except (UnicodeEncodeError, binascii.Error, ValueError):
                raise InvalidRequest("The body arrived as base64 that cannot be decoded.") from None
        else:
            data = self.body.encode("utf-8", errors="surrogatepass")
        if len(data) > max_bytes:
            raise _too_large(max_bytes)
        return data

    def plain_path(self) -> str:
        """The path with its escapes decoded once, without a trailing slash.

        Raises:
            NotFound: After decoding it still has escapes, or has `..`, `.`, empty segments, backslashes or control
                characters: no route of ours has them.
        """
        try:
            path = unquote(self.path, errors="strict")
        except UnicodeDecodeError:
            raise NotFound from None
        path = path[:-1] if path.endswith("/") else path
        segments = path.split("/")[1:]
        if (
            not self.path.startswith("/")
            or "%" in path
            or "\\" in path
            or any(not character.isprintable() for character in path)
            or any(segment in {"", ".", ".."} for segment in segments)
        ):
            raise NotFound
        return path or "/"


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {max_bytes:,} bytes.")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if type(milliseconds) is int and milliseconds > 0 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _all_values(event: Mapping[str, object], *, single: str, multiple: str) -> dict[str, tuple[str, ...]]:
    result: dict[str, tuple[str, ...]] = {}
    for name, value in _mapping(event.get(single)).items():
        if isinstance(value, str):
            result[name] = (value,)
    for name, values in _mapping(event.get(multiple)).items():
        if isinstance(values, list) and values:
            result[name] = tuple(value for value in values if isinstance(value, str))
    return result
