"""Chat requests, and a fake of a model, for the tests of the chat function."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from handlers.chat.backend import Completion, End, Piece, TextPiece
from handlers.chat.models import ChatRequest
from handlers.chat.parameters import Rejection
from handlers.chat.routes import Route, Target
from handlers.common.deadline import Deadline
from handlers.common.validation import validated

HELLO = {"role": "user", "content": "Hello."}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def request(**fields: Any) -> ChatRequest:
    """A request, as the function has it after its checks."""
    return validated(ChatRequest, {"model": "fast", "messages": [HELLO], **fields})


def route(*targets: Target, **fields: Any) -> Route:
    defaults = {"name": "fast", "aliases": (), "failures": 2, "cooldown_seconds": 30, "timeout_seconds": 12}
    return Route(**{**defaults, **fields}, targets=targets)


ENDED = End(finish_reason="stop", prompt_tokens=7, completion_tokens=3)


class FakeModel:
    """A model that answers as it is told: with a text, or by raising an error.

    Args:
        answer: Its whole answer.
        pieces: Its streamed answer; an exception is raised. Default: `answer` and the end.
        rejects: What it rejects.
    """

    def __init__(
        self,
        answer: str | Exception,
        *,
        pieces: Sequence[Piece | Exception] | None = None,
        rejects: Rejection | None = None,
    ) -> None:
        self.answer = answer
        self.pieces = pieces
        self.closed = 0
        self.rejects = rejects
        self.requests: list[ChatRequest] = []
        self.seconds: list[float] = []

    def rejection(self, request: ChatRequest) -> Rejection | None:  # noqa: ARG002
        return self.rejects

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> Completion:
        self.requests.append(request)
        self.seconds.append(deadline.seconds_left())
        if isinstance(self.answer, Exception):
            raise self.answer
        return Completion(text=self.answer, finish_reason="stop", prompt_tokens=7, completion_tokens=3)

    def stream(
        self, request: ChatRequest, *, first: Deadline, deadline: Deadline
    ) -> Generator[Piece, None, None]:
        self.requests.append(request)
        self.seconds.append(first.seconds_left())
        assert first.at_seconds <= deadline.at_seconds
        answer = self.answer if isinstance(self.answer, Exception) else TextPiece(self.answer)
        pieces = [answer, ENDED] if self.pieces is None else self.pieces
        try:
            for piece in pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed += 1
