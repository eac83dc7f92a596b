"""Bounds of what a language model can use for a request, in tokens.

A token is at least one byte of text for every tokenizer in use, so that the bytes of a request bound its tokens, with room
for what chat templates add to each message and tool.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from handlers.chat.models import ChatRequest
from handlers.common.metering import READ, WRITTEN
from handlers.common.prompts import TOKENS_PER_MESSAGE, TOKENS_PER_REQUEST

OFFLINE_TOKEN_LIMIT: Final = 256
"""Tokens of an answer without a limit of the model in the function: what a slow machine writes within a request."""

TOKEN_LIMIT: Final = 4_096
"""Tokens that any other model writes for a request without a limit, where calls are metered."""

_TOKENS_PER_TOOL: Final = 32


def limited(request: ChatRequest, backend: str) -> ChatRequest:
    """Return a request that has a limit of tokens, as what has no bound cannot be reserved."""
    if request.token_limit is not None:
        return request
    limit = OFFLINE_TOKEN_LIMIT if backend == "offline" else TOKEN_LIMIT
    return request.model_copy(update={"max_completion_tokens": limit})


def upper_bound(request: ChatRequest, image_tokens: int) -> dict[str, int]:
    """Return the most tokens that a model reads and writes for a request with a limit, by unit.

    Args:
        request: The request.
        image_tokens: The most tokens of one image.
    """
    images = 0
    size = TOKENS_PER_REQUEST + TOKENS_PER_MESSAGE * len(request.messages)
    for message in request.messages:
        if isinstance(message.content, str):
            size += _bytes(message.content)
        for part in message.content if isinstance(message.content, list) else ():
            size += _bytes(part.text or "")
            images += part.image_url is not None
        for call in message.tool_calls or ():
            size += _TOKENS_PER_TOOL + _bytes(call.function.name) + _bytes(call.function.arguments)
    for tool in request.tools or ():
        size += _TOKENS_PER_TOOL + _bytes(json.dumps(tool.model_dump(mode="json", exclude_none=True)))
    if request.response_format is not None:
        size += _bytes(json.dumps(request.response_format.model_dump(mode="json", exclude_none=True)))
    return {READ: size + images * image_tokens, WRITTEN: request.token_limit or TOKEN_LIMIT}


def cut_short(upper: Mapping[str, int], written_bytes: int) -> dict[str, int]:
    """Return what counts for an answer that ended early: all that could be read, and what was written.

    Args:
        upper: The upper bound of the request.
        written_bytes: Bytes of the answer so far; each token is at least one.
    """
    return {READ: upper[READ], WRITTEN: min(upper[WRITTEN], written_bytes)}


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
