"""Results of tools: the answer of a route as content that clients show, and as structured content for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent

from handlers.mcp.calls import Answer
from handlers.mcp.tools import ToolRoute

_DETAILS = ("retry-after", "x-should-retry")


def result_of(route: ToolRoute, answer: Answer) -> CallToolResult:
    """Return the result of a tool.

    Images are content blocks of their own, and not part of the text. An error is a result too, so that the model can read
    it: the body that the route answers with, and in `_meta` its HTTP status and when to try again.
    """
    if answer.failed:
        details = {name: answer.headers[name] for name in _DETAILS if name in answer.headers}
        return CallToolResult(
            content=[_text(answer.body)], is_error=True, _meta={"status": answer.status, **details}
        )
    body = deepcopy(answer.body) if route.images else answer.body
    images = [
        ImageContent(type="image", data=data, mime_type=media_type)
        for *place, media_type in route.images
        for data in _taken(body, place)
    ]
    content: list[ContentBlock] = [_text(body), *images]
    return CallToolResult(content=content, structured_content=body)


def _text(value: object) -> TextContent:
    return TextContent(type="text", text=json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _taken(value: Any, place: list[str]) -> Iterator[str]:
    """Remove what is at a place, and yield the texts that were there."""
    key, *rest = place
    if key == "*":
        for item in value if isinstance(value, list) else ():
            yield from _taken(item, rest)
    elif isinstance(value, dict) and key in value:
        if rest:
            yield from _taken(value[key], rest)
        else:
            data = value.pop(key)
            if isinstance(data, str):
                yield data
