"""Chat backend on Bedrock: Converse and ConverseStream, which have one form for all models."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

from handlers.chat.backend import SILENCE_SECONDS, Call, CallPiece, Completion, End, Piece, TextPiece
from handlers.chat.messages import Message, NamedTool
from handlers.chat.models import ChatRequest, FinishReason
from handlers.chat.parameters import Rejection
from handlers.common.aws_api import AwsApi, Tries, reading_answer
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendTimeout, BackendUnavailable, InvalidRequest
from handlers.common.strict_json import read_json_text

# One attempt each: what comes after it is the route's next target.
_CHOICES = tuple(Tries(1, 1, seconds) for seconds in (180, 120, 90, 60, 40, 24, 18, 12, 8, 5, 3, 1))
_REFUSALS = {
    "ValidationException": lambda: InvalidRequest(
        "The model rejects the request: a parameter or a message is not valid for it."
    ),
}
_DETAIL = "bedrock-runtime.converse"
_STREAM_DETAIL = "bedrock-runtime.converse_stream"
_FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


class BedrockBackend:
    """A foundation model on Bedrock.

    Args:
        model: Id of the model.
        api: Bedrock's runtime. Default: created from the environment.
    """

    def __init__(self, model: str, *, api: AwsApi | None = None) -> None:
        self._model = model
        self._api = api or AwsApi("bedrock-runtime", choices=_CHOICES)

    @staticmethod
    def rejection(request: ChatRequest) -> Rejection | None:
        """Reject what Converse has no field for."""
        if request.seed is not None:
            return Rejection("seed", "Bedrock has no seed; remove it.")
        if request.temperature is not None and request.temperature > 1:
            return Rejection("temperature", "Bedrock takes at most 1.")
        if request.response_format is not None and request.response_format.type == "json_object":
            return Rejection("response_format", "Bedrock takes json_schema; send a schema.")
        if request.tool_choice == "none" and request.tools:
            return Rejection("tool_choice", "Bedrock has no tool_choice none; leave tools out.")
        if not request.tools and any(message.tool_calls for message in request.messages):
            return Rejection("tools", "Bedrock wants the tools that messages call; send them.")
        if request.messages[-1].role == "assistant":
            return Rejection("messages", "Bedrock answers a user's or a tool's message; end with one.")
        if all(message.role in ("system", "developer") for message in request.messages):
            return Rejection("messages", "Bedrock answers a user's message; add one.")
        return None

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> Completion:
        """Answer a request; see `ChatBackend`."""
        answer = self._api.call(
            "converse", converse(self._model, request), deadline=deadline, refusals=_REFUSALS
        )
        with reading_answer(_DETAIL):
            return _completion(answer)

    def stream(
        self, request: ChatRequest, *, first: Deadline, deadline: Deadline
    ) -> Generator[Piece, None, None]:
        """Answer a request piece by piece; see `ChatBackend`."""
        events = self._api.events(
            "converse_stream",
            converse(self._model, request),
            stream="stream",
            deadline=first.at_most(SILENCE_SECONDS),
            refusals=_REFUSALS,
        )
        reader = _EventReader()
        with closing(events):
            for event in events:
                if deadline.seconds_left() <= 0:
                    raise BackendTimeout(detail=f"{_STREAM_DETAIL}: the answer comes too slowly")
                with reading_answer(_STREAM_DETAIL):
                    pieces = list(reader.pieces(event))
                yield from pieces
            with reading_answer(_STREAM_DETAIL):
                end = reader.end()
        yield end


class _EventReader:
    """Reader of the events of one answer."""

    def __init__(self) -> None:
        self._finish_reason: FinishReason | None = None
        self._usage: Mapping[str, Any] | None = None
        self._calls: dict[int, int] = {}
        self._without_input: set[int] = set()

    def pieces(self, event: Mapping[str, Any]) -> Iterator[Piece]:
        """Yield the pieces of an event."""
        if "contentBlockStart" in event:
            block, start = (
                event["contentBlockStart"]["contentBlockIndex"],
                event["contentBlockStart"]["start"],
            )
            if "toolUse" in start:
                self._calls[block] = len(self._calls)
                self._without_input.add(block)
                use = start["toolUse"]
                yield CallPiece(self._calls[block], "", id=use["toolUseId"], name=use["name"])
        elif "contentBlockDelta" in event:
            block, delta = (
                event["contentBlockDelta"]["contentBlockIndex"],
                event["contentBlockDelta"]["delta"],
            )
            if delta.get("text"):
                yield TextPiece(delta["text"])
            elif "toolUse" in delta and delta["toolUse"]["input"]:
                self._without_input.discard(block)
                yield CallPiece(self._calls[block], delta["toolUse"]["input"])
        elif "contentBlockStop" in event:
            block = event["contentBlockStop"]["contentBlockIndex"]
            if block in self._without_input:  # a function without arguments; OpenAI's clients read JSON
                yield CallPiece(self._calls[block], "{}")
        elif "messageStop" in event:
            self._finish_reason = _FINISH_REASONS[event["messageStop"]["stopReason"]]
        elif "metadata" in event:
            self._usage = event["metadata"]["usage"]

    def end(self) -> End:
        """Return the end of the answer."""
        if self._finish_reason is None or self._usage is None:
            raise BackendUnavailable(
                "The model's answer ended early. Try again later.", detail=f"{_STREAM_DETAIL}: cut off"
            )
        return End(
            finish_reason=self._finish_reason,
            prompt_tokens=int(self._usage["inputTokens"]),
            completion_tokens=int(self._usage["outputTokens"]),
        )


def converse(model: str, request: ChatRequest) -> dict[str, Any]:
    """Return the parameters of Converse for a request."""
    parameters: dict[str, Any] = {
        "modelId": model,
        "messages": _turns(request.messages),
    }
    system = [
        {"text": message.text} for message in request.messages if message.role in ("system", "developer")
    ]
    if system:
        parameters["system"] = system
    inference = {
        "maxTokens": request.token_limit,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": request.stops or None,
    }
    if given := {name: value for name, value in inference.items() if value is not None}:
        parameters["inferenceConfig"] = given
    if request.tools:
        parameters["toolConfig"] = _tools(request)
    form = request.response_format
    if form is not None and form.json_schema is not None:
        schema = {"name": form.json_schema.name, "schema": json.dumps(form.json_schema.schema_)}
        if form.json_schema.description:
            schema["description"] = form.json_schema.description
        parameters["outputConfig"] = {
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}
        }
    return parameters


def _turns(messages: list[Message]) -> list[dict[str, Any]]:
    """Return the conversation in turns: Converse wants users and assistants alternating, and results of tools as users'."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role in ("system", "developer"):
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": []})
        turns[-1]["content"].extend(_blocks(message))
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        result = {"toolUseId": message.tool_call_id, "content": [{"text": message.text}]}
        return [{"toolResult": result}]
    blocks: list[dict[str, Any]] = []
    for part in message.parts():
        if part.image_url is not None:
            image = part.image_url.image
            blocks.append({"image": {"format": image.kind, "source": {"bytes": image.data}}})
        elif part.text:
            blocks.append({"text": part.text})
    for call in message.tool_calls or ():
        use = {
            "toolUseId": call.id,
            "name": call.function.name,
            "input": _arguments(call.function.arguments),
        }
        blocks.append({"toolUse": use})
    return blocks


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = read_json_text(text)
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise InvalidRequest(
            "messages should have a JSON object in the arguments of each tool call.", param="messages"
        )
    return arguments


def _tools(request: ChatRequest) -> dict[str, Any]:
    tools = []
    for tool in request.tools or ():
        function = tool.function
        spec: dict[str, Any] = {
            "name": function.name,
            "inputSchema": {"json": function.schema_of_arguments},
        }
        if function.description:
            spec["description"] = function.description
        if function.strict is not None:
            spec["strict"] = function.strict
        tools.append({"toolSpec": spec})
    config: dict[str, Any] = {"tools": tools}
    choice = request.tool_choice
    if isinstance(choice, NamedTool):
        config["toolChoice"] = {"tool": {"name": choice.function.name}}
    elif choice == "required":
        config["toolChoice"] = {"any": {}}
    elif choice == "auto":
        config["toolChoice"] = {"auto": {}}
    return config


def _completion(answer: Mapping[str, Any]) -> Completion:
    texts: list[str] = []
    calls: list[Call] = []
    for block in answer["output"]["message"]["content"]:
        if "text" in block:
            texts.append(block["text"])
        elif "toolUse" in block:
            use = block["toolUse"]
            calls.append(Call(use["toolUseId"], use["name"], json.dumps(use["input"])))
    return Completion(
        text="".join(texts) if texts or not calls else None,
        calls=calls,
        finish_reason=_FINISH_REASONS[answer["stopReason"]],
        prompt_tokens=int(answer["usage"]["inputTokens"]),
        completion_tokens=int(answer["usage"]["outputTokens"]),
    )
