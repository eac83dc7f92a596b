"""Chat requests and answers behind a guardrail.

The texts of messages and the arguments of tool calls are masked. What a mask would give another meaning, such as the schema of a
tool, is blocked instead. Images are rejected, as no guardrail reads them.

An answer is judged in the same way whether it is streamed or whole: text in windows, JSON and the arguments of tool calls at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator

from handlers.chat.backend import Call, CallPiece, Completion, End, Piece, TextPiece
from handlers.chat.messages import Message
from handlers.chat.models import ChatRequest
from handlers.common.errors import BackendError, ContentFiltered, InvalidRequest
from handlers.common.guardrails import Guarded, Run
from handlers.common.judge import Source

_CHARACTERS_PER_TOKEN = 8
"""What is reserved for a token of an answer. What a longer answer costs counts at its end."""

_BATCHES = 7
"""Texts and documents of users, of the application and of the model, definitions, and names of tools are judged apart."""

_UNTRUSTED = ("user", "tool")
"""Roles whose texts may attack the model: the others are the application's and the model's own."""

_Change = Callable[[str], str]


class GuardedChat:
    """A guardrail around one conversation.

    Args:
        guarded: The guardrail around the call.
    """

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded

    def reserve(self, request: ChatRequest, most_tokens: int) -> None:
        """Reserve what it costs to judge a request and an answer of at most a number of tokens.

        Raises:
            BudgetExceeded: A limit leaves too little.
            BackendUnavailable: DynamoDB does not answer.
        """
        texts = _definitions(request)
        for message in request.messages:
            _changed(message, _collecting(texts), _collecting(texts))
        read = sum(len(text) + 2 for text in texts)  # with what is between two of them
        self._guarded.reserve(read + _CHARACTERS_PER_TOKEN * most_tokens, batches=_BATCHES)

    def request(self, request: ChatRequest) -> ChatRequest:
        """Return a request as the model may read it.

        Raises:
            ContentFiltered: The guardrail blocks it.
            InvalidRequest: It has an image.
            GuardrailUnavailable: It was not judged.
        """
        messages = list(request.messages)
        for number, message in enumerate(messages):
            if any(part.image_url for part in message.parts()):
                raise InvalidRequest(
                    "This model has a guardrail, which reads no images; send text only.",
                    param=f"messages[{number}].content",
                )
        definitions = _definitions(request)
        if self._guarded.documents(definitions, "CONTEXT") != definitions:
            raise self._guarded.blocked(["DEFINITION"], "CONTEXT")
        for source in ("INPUT", "CONTEXT"):
            messages = self._messages(messages, source)
        return request.model_copy(update={"messages": messages})

    @property
    def header(self) -> dict[str, str]:
        """Header of the response: what the guardrail did so far."""
        return {"x-guardrail": self._guarded.action}

    def completion(self, request: ChatRequest, completion: Completion) -> Completion:
        """Return an answer as the caller may read it.

        Raises:
            GuardrailUnavailable: It was not judged.
        """
        text: list[str] = []
        calls: list[Call] = []
        whole = end = End(
            finish_reason=completion.finish_reason,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
        )
        for piece in self.pieces(request, _pieces(completion, whole), stopped=lambda: whole):
            if isinstance(piece, TextPiece):
                text.append(piece.text)
            elif isinstance(piece, CallPiece):
                calls.append(Call(piece.id or "", piece.name or "", piece.arguments))
            else:
                end = piece
        return Completion(
            text="".join(text) if text or not (calls or completion.text is None) else None,
            calls=calls,
            finish_reason=end.finish_reason,
            prompt_tokens=end.prompt_tokens,
            completion_tokens=end.completion_tokens,
        )

    def pieces(
        self, request: ChatRequest, pieces: Iterable[Piece], *, stopped: Callable[[], End]
    ) -> Generator[Piece, None, None]:
        """Yield the pieces of an answer as the caller may read them. A blocked answer ends before what blocks it.

        Args:
            request: The request.
            pieces: The pieces of the model.
            stopped: Returns an end with the tokens so far, for an answer that is blocked.

        Raises:
            GuardrailUnavailable: A piece was not judged. It is not passed on.
        """
        try:
            yield from self._passed(_has_json(request), pieces)
        except ContentFiltered:
            end = stopped()
            yield End(
                finish_reason="content_filter",
                prompt_tokens=end.prompt_tokens,
                completion_tokens=end.completion_tokens,
            )

    def _passed(self, has_json: bool, pieces: Iterable[Piece]) -> Iterator[Piece]:
        windows = self._guarded.windows("OUTPUT")
        held: list[str] = []
        calls: dict[int, list[CallPiece]] = {}
        for piece in pieces:
            if isinstance(piece, CallPiece):
                calls.setdefault(piece.index, []).append(piece)
            elif isinstance(piece, End):
                if has_json and held:
                    yield TextPiece(self._guarded.documents(["".join(held)], "OUTPUT")[0])
                yield from _texts(windows.end())
                yield from self._calls(calls)
                yield piece
                return
            elif has_json:
                held.append(piece.text)
            else:
                yield from _texts(windows.add(piece.text))
        raise BackendError("The model's answer has no end.")

    def _calls(self, calls: dict[int, list[CallPiece]]) -> Iterator[CallPiece]:
        """Yield the tool calls, each whole."""
        written = ["".join(piece.arguments for piece in parts) for parts in calls.values()]
        judged = self._guarded.documents(written, "OUTPUT")
        names = [parts[0].name or "" for parts in calls.values()]
        if self._guarded.texts(names, "OUTPUT") != names:
            raise self._guarded.blocked(["NAME_OF_TOOL"], "OUTPUT")
        for (index, parts), arguments in zip(calls.items(), judged, strict=True):
            yield CallPiece(index, arguments, id=parts[0].id, name=parts[0].name)

    def _messages(self, messages: list[Message], source: Source) -> list[Message]:
        """Return messages in which the texts of one source are masked."""
        texts: list[str] = []
        documents: list[str] = []

        def mapped(text: _Change, document: _Change) -> list[Message]:
            return [
                _changed(message, text, document) if _source(message) == source else message
                for message in messages
            ]

        mapped(_collecting(texts), _collecting(documents))
        masked_texts = iter(self._guarded.texts(texts, source))
        masked_documents = iter(self._guarded.documents(documents, source))
        return mapped(lambda _: next(masked_texts), lambda _: next(masked_documents))


def _texts(runs: Iterable[Run]) -> Iterator[TextPiece]:
    return (TextPiece(run.text) for run in runs if run.text)


def _collecting(into: list[str]) -> _Change:
    def collect(text: str) -> str:
        into.append(text)
        return text

    return collect


def _source(message: Message) -> Source:
    return "INPUT" if message.role in _UNTRUSTED else "CONTEXT"


def _changed(message: Message, text: _Change, document: _Change) -> Message:
    """Return a message with other texts and other arguments of tool calls."""
    update: dict[str, object] = {}
    if isinstance(message.content, str):
        update["content"] = text(message.content)
    elif message.content is not None:
        update["content"] = [
            part.model_copy(update={"text": text(part.text or "")}) for part in message.content
        ]
    if message.tool_calls is not None:
        update["tool_calls"] = [
            call.model_copy(
                update={
                    "function": call.function.model_copy(
                        update={"arguments": document(call.function.arguments)}
                    )
                }
            )
            for call in message.tool_calls
        ]
    return message.model_copy(update=update)


def _definitions(request: ChatRequest) -> list[str]:
    """Return what a request defines besides its messages, as JSON."""
    given = [*(request.tools or ()), *([request.response_format] if _has_json(request) else [])]
    written = [one.model_dump_json(by_alias=True, exclude_none=True) for one in given if one is not None]
    return [*written, json.dumps(request.stops)] if request.stops else written


def _has_json(request: ChatRequest) -> bool:
    return request.response_format is not None and request.response_format.type != "text"


def _pieces(completion: Completion, end: End) -> Iterator[Piece]:
    if completion.text:
        yield TextPiece(completion.text)
    for number, call in enumerate(completion.calls):
        yield CallPiece(number, call.arguments, id=call.id, name=call.name)
    yield end
