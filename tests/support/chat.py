"""Chat requests, a fake of a model, and the chat function with it."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from handlers.chat.app import create_service
from handlers.chat.backend import Completion, End, Piece, TextPiece
from handlers.chat.models import ChatRequest, FinishReason
from handlers.chat.parameters import Rejection
from handlers.chat.router import Router
from handlers.chat.routes import Route, Routes, Target
from handlers.common.deadline import Deadline
from handlers.common.functions import Functions
from handlers.common.guardrails import Guardrail
from handlers.common.service import Service
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
OFFLINE = Target("offline", "smollm2-135m-instruct")
VECTOR = [0.6, -0.8]
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def request(**fields: Any) -> ChatRequest:
    """A request, as the function has it after its checks."""
    return validated(ChatRequest, {"model": "fast", "messages": [HELLO], **fields})


def route(*targets: Target, **fields: Any) -> Route:
    defaults = {"name": "fast", "aliases": (), "failures": 2, "cooldown_seconds": 30, "timeout_seconds": 12}
    return Route(**{**defaults, **fields}, targets=targets)


ENDED = End(finish_reason="stop", prompt_tokens=7, completion_tokens=3)


class FakeModel:
    """Model with configured answers: a text, or an error that it raises.

    Args:
        answer: Its whole answer.
        pieces: Its streamed answer; an exception is raised. Default: `answer` and the end.
        rejects: What it rejects.
        finish_reason: Why its whole answer ended.
    """

    def __init__(
        self,
        answer: str | Exception,
        *,
        pieces: Sequence[Piece | Exception] | None = None,
        rejects: Rejection | None = None,
        finish_reason: FinishReason = "stop",
    ) -> None:
        self.answer = answer
        self.finish_reason = finish_reason
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
        return Completion(
            text=self.answer, finish_reason=self.finish_reason, prompt_tokens=7, completion_tokens=3
        )

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


class FakeLambda:
    """The embeddings function."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def call(self, operation: str, parameters: Any, **options: Any) -> dict[str, Any]:
        assert operation == "invoke"
        assert options["deadline"].seconds_left() > 0
        event = json.loads(parameters["Payload"])
        self.events.append(event)
        vectors = [VECTOR for _ in event["input"]["inputs"]]
        answer = {"model": "compass", "embeddings": vectors, "dimensions": 2, "normalized": True, "tokens": 9}
        return {"Payload": json.dumps(answer).encode()}


def chat_service(
    model: object, functions: FakeLambda | None = None, *, guardrail: Guardrail | None = None
) -> Service:
    router = Router(
        Routes((route(OFFLINE, aliases=("gpt-4o-mini",), guardrail=guardrail),)),
        backend=lambda target: model,  # type: ignore[arg-type, return-value]
        circuits=lambda: pytest.fail("one target has no circuit"),
        report=lambda *_: pytest.fail("one target has no other"),
    )
    arns = {"embeddings": "arn:aws:lambda:us-east-1:123456789012:function:embeddings:live"}
    api: Any = functions or FakeLambda()
    return create_service(lambda: router, lambda: Functions(arns, api=api))
