"""Backend of a language model: one in this process, one behind OpenAI's protocol, one on Bedrock."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from handlers.chat.models import ChatRequest, FinishReason
from handlers.chat.parameters import Rejection
from handlers.common.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the model asks for.

    Attributes:
        id: Id of the call.
        name: Name of the function.
        arguments: The arguments, a JSON object as text.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Answer of a model.

    Attributes:
        text: What the model wrote; None if it wrote nothing but tool calls.
        calls: Tool calls that it asks for.
        finish_reason: Why it ended.
        prompt_tokens: Tokens that it read.
        completion_tokens: Tokens that it wrote.
    """

    text: str | None
    calls: Sequence[Call] = ()
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


SILENCE_SECONDS: Final = 60.0
"""The longest pause between two pieces of a streamed answer."""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """The next characters of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CallPiece:
    """The next part of a tool call.

    Attributes:
        index: Number of the call.
        arguments: The next characters of its arguments.
        id: Id of the call; None after its first part.
        name: Name of the function; None after its first part.
    """

    index: int
    arguments: str
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of a complete answer.

    Attributes:
        finish_reason: Why it ended.
        prompt_tokens: Tokens that the model read.
        completion_tokens: Tokens that it wrote.
    """

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


Piece = TextPiece | CallPiece | End
"""A part of a streamed answer; the last one is an `End`."""


class ChatBackend(Protocol):
    """A language model."""

    def rejection(self, request: ChatRequest) -> Rejection | None:
        """Return what the model cannot serve of a request; None if it can serve all of it. Loads no model."""

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> Completion:
        """Answer a request that it does not reject.

        Raises:
            InvalidRequest: The model rejects the request as wrong.
            BackendUnavailable: The model is busy or cannot be reached.
            BackendTimeout: It did not answer in time.
            BackendError: It failed, or its answer cannot be used.
        """

    def stream(
        self, request: ChatRequest, *, first: Deadline, deadline: Deadline
    ) -> Generator[Piece, None, None]:
        """Answer a request that it does not reject, piece by piece. Closing the generator ends the model's work.

        Args:
            request: The request.
            first: When the first piece must be there.
            deadline: When the last one must be.

        Raises:
            ServiceError: As `complete`; at any piece. No `End` came then.
        """
