"""Bodies on their way through a mapping: which template is for them, and what content handling makes of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from local_cloud.gateway.definition import Integration
from local_cloud.gateway.errors import CONFIGURATION, UNSUPPORTED_MEDIA_TYPE, GatewayError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.mapping_templates import MappingTemplates
from local_cloud.gateway.media_types import first_accepted, is_binary

TO_BINARY = "CONVERT_TO_BINARY"
TO_TEXT = "CONVERT_TO_TEXT"
_JSON = "application/json"


def essence(content_type: str | None) -> str:
    """Return a content type without its parameters; none counts as JSON."""
    return (content_type or "").partition(";")[0].strip().lower() or _JSON


def request_body(exchange: Exchange, integration: Integration, templates: MappingTemplates) -> bytes:
    """Return what an integration is sent."""
    body = exchange.request.body
    content_type = exchange.request.header("content-type")
    declared_binary = is_binary(content_type or _JSON, exchange.stage.api.binary_media_types)
    content = _converted(body, declared_binary=declared_binary, handling=integration.content_handling)
    template = _template(integration, essence(content_type))
    if template is None:
        return content if isinstance(content, bytes) else content.encode()
    if isinstance(content, bytes):
        raise GatewayError(
            CONFIGURATION, f"a mapping template cannot read a binary body; use {TO_TEXT} for {content_type}"
        )
    return templates.render(template, content, where="integration request").encode()


def _template(integration: Integration, content_type: str) -> str | None:
    """Return the template for a content type, or None for a body that passes as it is."""
    templates = {essence(name): text for name, text in integration.request_templates.items()}
    if content_type in templates:
        return templates[content_type]
    if integration.passthrough == "NEVER" or (integration.passthrough == "WHEN_NO_TEMPLATES" and templates):
        raise GatewayError(
            UNSUPPORTED_MEDIA_TYPE,
            f"no request template is for {content_type}, and {integration.passthrough} lets no other body pass",
        )
    return None


def _converted(body: bytes, *, declared_binary: bool, handling: str | None) -> bytes | str:
    if handling == TO_BINARY:
        return body if declared_binary else _decoded(body)
    if declared_binary:
        return base64.b64encode(body).decode() if handling == TO_TEXT else body
    return body.decode("utf-8", "replace")


def response_text(exchange: Exchange, body: bytes, *, content_type: str | None, handling: str | None) -> str:
    """Return an integration's answer as a response template reads it."""
    if content_type is None or not is_binary(content_type, exchange.stage.api.binary_media_types):
        return body.decode("utf-8", "replace")
    if handling != TO_TEXT:
        raise GatewayError(
            CONFIGURATION, f"a mapping template cannot read a binary answer; use {TO_TEXT} for {content_type}"
        )
    return base64.b64encode(body).decode()


def response_body(
    exchange: Exchange, body: bytes, *, content_type: str | None, handling: str | None
) -> bytes:
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
