"""Streamed answers in OpenAI's form, as an address sends them: server-sent events with chunks of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from handlers.chat.backend import CallPiece, End, Piece, TextPiece
from handlers.chat.models import FinishReason
from handlers.common.aws_api import reading_answer
from handlers.common.errors import BackendError, BackendUnavailable

MAX_LINE_BYTES: Final = 1_000_000

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}

_DONE: Final = "[DONE]"


class ChunkReader:
    """Reader of one streamed answer.

    Args:
        model: Name of the model, for errors.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._finish_reason: FinishReason | None = None
        self._usage: tuple[int, int] | None = None
        self._calls: set[int] = set()

    def pieces(self, content: Iterable[bytes]) -> Iterator[Piece]:
        """Yield the pieces of an answer, the last one an `End`.

        Args:
            content: The body, cut anywhere.

        Raises:
            BackendError: The address reports an error, or the events are not those of a chat.
            BackendUnavailable: The answer ended early.
        """
        for data in _events(content, self._model):
            if data == _DONE:
                break
            with reading_answer(self._model):
                chunk = json.loads(data)
                if chunk.get("error"):
                    raise BackendError("The model failed.", detail=f"{self._model}: error in the stream")
                pieces = list(self._of_chunk(chunk))
            yield from pieces
        if self._finish_reason is None:
            raise BackendUnavailable(
                "The model's answer ended early. Try again later.", detail=f"{self._model}: stream cut off"
            )
        if self._usage is None:
            raise BackendError(
                "The AI backend's answer cannot be used.", detail=f"{self._model}: no usage in the stream"
            )
        read, written = self._usage
        yield End(finish_reason=self._finish_reason, prompt_tokens=read, completion_tokens=written)

    def _of_chunk(self, chunk: Mapping[str, Any]) -> Iterator[Piece]:
        usage = chunk.get("usage")
        if usage:
            self._usage = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
        for choice in chunk["choices"]:
            if choice["index"] != 0:
                raise ValueError("more than one choice")
            delta = choice["delta"]
            text = delta.get("content")
            if text:
                if not isinstance(text, str):
                    raise TypeError("text is not a string")
                yield TextPiece(encodable(text))
            for call in delta.get("tool_calls") or ():
                yield self._of_call(call)
            if choice.get("finish_reason") is not None:
                self._finish_reason = FINISH_REASONS[choice["finish_reason"]]

    def _of_call(self, call: Mapping[str, Any]) -> CallPiece:
        index, function = call["index"], call["function"]
        arguments = function.get("arguments") or ""
        if not isinstance(index, int) or not isinstance(arguments, str):
            raise TypeError("not a tool call")
        arguments = encodable(arguments)
        if index in self._calls:
            return CallPiece(index, arguments)
        if index != len(self._calls):
            raise ValueError("a tool call is missing")
        call_id, name = call["id"], function["name"]
        if not isinstance(call_id, str) or not isinstance(name, str):
            raise TypeError("not a tool call")
        self._calls.add(index)
        return CallPiece(index, arguments, id=encodable(call_id), name=encodable(name))


def encodable(text: str) -> str:
    """Return a text in which U+FFFD stands for each half of a surrogate pair, which JSON can have and UTF-8 cannot."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _events(content: Iterable[bytes], model: str) -> Iterator[str]:
    """Yield the data of each event; comments and other fields are ignored."""
    data: list[str] = []
    for line in _lines(content, model):
        name, _, value = line.partition(":")
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif name == "data":
            data.append(value.removeprefix(" "))


def _lines(content: Iterable[bytes], model: str) -> Iterator[str]:
    rest = b""
    for piece in content:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise BackendError("The model's answer is too large.", detail=f"{model}: a line of the stream")
        with reading_answer(model):
            decoded = [line.removesuffix(b"\r").decode("utf-8") for line in lines]
        yield from decoded
