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
_LARGE = 1_000_000
"""Characters from which a text is not repeated."""


def result_of(route: ToolRoute, answer: Answer, *, has_structured_content: bool = True) -> CallToolResult:
    """Return the result of a tool.

    Images are content blocks of their own, and not part of the text. An error is a result too, so that the model can read
    it: the body that the route answers with, and in `_meta` its HTTP status and when to try again.

    Args:
        route: Route of the tool.
        answer: Its answer.
        has_structured_content: Whether the client's version of the protocol has structured content. A large text is not repeated
            beside it, as both would not fit in one response. Default: True.
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
    text = _text(body)
    if has_structured_content and len(text.text) > _LARGE:
        text = TextContent(type="text", text="The result is the structured content.")
    content: list[ContentBlock] = [text, *images]
    return CallToolResult(content=content, structured_content=body if has_structured_content else None)


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
