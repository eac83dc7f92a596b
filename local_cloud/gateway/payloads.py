"""Bodies on their way through a mapping: the template for them, and the result of content handling."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from local_cloud.gateway.errors import CONFIGURATION, GatewayError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.media_types import first_accepted, is_binary

TO_BINARY = "CONVERT_TO_BINARY"
TO_TEXT = "CONVERT_TO_TEXT"
_JSON = "application/json"


def essence(content_type: str | None) -> str:
    """Return a content type without its parameters; none counts as JSON."""
    return (content_type or "").partition(";")[0].strip().lower() or _JSON


def request_content(exchange: Exchange, handling: str | None) -> bytes | str:
    """Return a request's body as an integration takes it: text, or the bytes of a binary one."""
    body = exchange.request.body
    content_type = exchange.request.header("content-type") or _JSON
    declared_binary = is_binary(content_type, exchange.stage.api.binary_media_types)
    if handling == TO_BINARY:
        return body if declared_binary else _decoded(body)
    if declared_binary:
        return base64.b64encode(body).decode() if handling == TO_TEXT else body
    return body.decode("utf-8", "replace")


def response_text(exchange: Exchange, body: bytes, content_type: str | None, handling: str | None) -> str:
    """Return an integration's answer as a response template reads it."""
    if content_type is None or not is_binary(content_type, exchange.stage.api.binary_media_types):
        return body.decode("utf-8", "replace")
    if handling != TO_TEXT:
        raise GatewayError(
            CONFIGURATION, f"a mapping template cannot read a binary answer; use {TO_TEXT} for {content_type}"
        )
    return base64.b64encode(body).decode()


def response_body(exchange: Exchange, body: bytes, content_type: str | None, handling: str | None) -> bytes:
    """Return what a client gets of an integration's answer, or of the text that a template has made of it."""
    media_types = exchange.stage.api.binary_media_types
    sent_binary = content_type is not None and is_binary(content_type, media_types)
    wants_binary = is_binary(first_accepted(exchange.request.header("accept")) or "", media_types)
    becomes_binary = handling == TO_BINARY or (handling is None and wants_binary)
    if sent_binary:
        return body if becomes_binary else base64.b64encode(body)
    return _decoded(body) if becomes_binary else body.decode("utf-8", "replace").encode()


def choose_template(templates: Mapping[str, str], accept: str | None) -> tuple[str, str] | None:
    """Return the content type and the text of the response template that a client wants: its own, or that for JSON."""
    by_type = {essence(name): (essence(name), text) for name, text in templates.items()}
    wanted = essence((accept or "").partition(",")[0])
    return by_type.get(wanted) or by_type.get(_JSON) or next(iter(by_type.values()), None)


def _decoded(body: bytes) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise GatewayError(
            CONFIGURATION, f"the body shall become binary, but is not base64 ({TO_BINARY})"
        ) from None
