"""Converse: requests and responses, checked against botocore's description of Bedrock."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from handlers.chat.backend import Call, CallPiece, Completion, End, Piece, TextPiece
from handlers.chat.bedrock_backend import _FINISH_REASONS, BedrockBackend
from handlers.common.aws_api import AwsApi
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    InvalidRequest,
    ServiceError,
)
from tests.support import aws
from tests.support.chat import HELLO, PIXEL, WEATHER, request
from tests.support.upstream import Step, Upstream, cut, upstream

__all__ = ["upstream"]

MODEL = "amazon.nova-lite-v1:0"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
USAGE = {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}


def answer(*content: dict[str, Any], stop: str = "end_turn") -> dict[str, Any]:
    message = {"role": "assistant", "content": list(content)}
    return {
        "output": {"message": message},
        "stopReason": stop,
        "usage": USAGE,
        "metrics": {"latencyMs": 5},
    }


def complete(expected: dict[str, Any], given: dict[str, Any], **fields: Any) -> Completion:
    with aws.stubbed("bedrock-runtime") as (api, stub):
        stub.add_response("converse", given, {"modelId": MODEL, **expected})
        return BedrockBackend(MODEL, api=api).complete(request(**fields), deadline=Deadline.after(25))


def test_a_conversation_with_everything() -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'},
    }
    completion = complete(
        {
            "system": [{"text": "Be short."}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"text": "What is it?"},
                        {"image": {"format": "png", "source": {"bytes": base64.b64decode("iVBORw0KGgo=")}}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"toolUse": {"toolUseId": "c1", "name": "get_weather", "input": {"city": "Rome"}}}
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"toolResult": {"toolUseId": "c1", "content": [{"text": "It rains."}]}},
                        {"text": "Hello."},
                    ],
                },
            ],
            "inferenceConfig": {"maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
            "toolConfig": {
                "tools": [
                    {
                        "toolSpec": {
                            "name": "get_weather",
                            "description": "Weather of a city.",
                            "inputSchema": {"json": WEATHER["function"]["parameters"]},  # type: ignore[index]
                        }
                    }
                ],
                "toolChoice": {"tool": {"name": "get_weather"}},
            },
            "outputConfig": {
                "textFormat": {
                    "type": "json_schema",
                    "structure": {"jsonSchema": {"name": "place", "schema": json.dumps(SCHEMA)}},
                }
            },
        },
        answer({"text": "Hello"}, {"text": "!"}),
        messages=[
            {"role": "system", "content": "Be short."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": PIXEL}},
                ],
            },
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "It rains."},
            HELLO,
        ],
        max_completion_tokens=50,
        temperature=0.5,
        top_p=0.9,
        stop="END",
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        response_format={"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}},
    )
    assert completion == Completion(
        text="Hello!", calls=[], finish_reason="stop", prompt_tokens=7, completion_tokens=3
    )


@pytest.mark.parametrize(
    ("choice", "expected"), [("auto", {"auto": {}}), ("required", {"any": {}}), (None, None)]
)
def test_tools(choice: str | None, expected: dict[str, Any] | None) -> None:
    given = answer(
        {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Rome"}}}, stop="tool_use"
    )
    spec = {
        "name": "get_weather",
        "description": "Weather of a city.",
        "inputSchema": {"json": WEATHER["function"]["parameters"]},  # type: ignore[index]
    }
    config = {"tools": [{"toolSpec": spec}], **({} if expected is None else {"toolChoice": expected})}
    completion = complete(
        {"messages": [{"role": "user", "content": [{"text": "Hello."}]}], "toolConfig": config},
        given,
        tools=[WEATHER],
        tool_choice=choice,
    )
    assert (completion.text, completion.finish_reason) == (None, "tool_calls")
    assert completion.calls == [Call("t1", "get_weather", '{"city": "Rome"}')]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"seed": 1}, "seed"),
        ({"temperature": 1.5}, "temperature"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"tools": [WEATHER], "tool_choice": "none"}, "tool_choice"),
        ({"messages": [HELLO, {"role": "assistant", "content": "Hi."}]}, "messages"),
        ({"messages": [{"role": "system", "content": "Be short."}]}, "messages"),
    ],
)
def test_what_converse_has_no_field_for_is_rejected(fields: dict[str, Any], param: str) -> None:
    rejection = BedrockBackend.rejection(request(**fields))
    assert rejection is not None
    assert rejection.param == param
    assert BedrockBackend.rejection(request()) is None


def test_every_end_that_botocore_knows_has_a_meaning() -> None:
    shape = aws.client("bedrock-runtime").meta.service_model.operation_model("Converse").output_shape
    reasons = set(shape.members["stopReason"].enum)
    # What is left is a failure of the model: the next target answers.
    assert reasons - set(_FINISH_REASONS) == {"malformed_model_output", "malformed_tool_use"}
    assert set(_FINISH_REASONS) <= reasons


def test_an_answer_that_cannot_be_used_is_a_backend_error() -> None:
    with aws.stubbed("bedrock-runtime") as (api, stub):
        stub.add_response("converse", answer({"text": "{"}, stop="malformed_model_output"))
        with pytest.raises(BackendError):
            BedrockBackend(MODEL, api=api).complete(request(), deadline=Deadline.after(25))


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ValidationException", 400, InvalidRequest),
        ("ThrottlingException", 429, BackendUnavailable),
        ("ModelTimeoutException", 408, BackendUnavailable),
        ("ModelErrorException", 424, BackendError),
        ("ServiceUnavailableException", 503, BackendUnavailable),
        ("AccessDeniedException", 403, BackendError),
    ],
)
def test_bedrock_s_errors(code: str, status: int, error: type[ServiceError]) -> None:
    with aws.stubbed("bedrock-runtime") as (api, stub):
        stub.add_client_error("converse", code, "some words", status)
        with pytest.raises(error) as raised:
            BedrockBackend(MODEL, api=api).complete(request(), deadline=Deadline.after(25))
    assert type(raised.value) is error
    assert "some words" not in raised.value.message


@pytest.mark.parametrize("arguments", ["[", "[]", '{"city": NaN}'])
def test_arguments_that_are_no_json_object_are_the_caller_s_mistake(arguments: str) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    messages = [
        HELLO,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "It rains."},
    ]
    with pytest.raises(InvalidRequest) as raised:
        BedrockBackend(MODEL).complete(
            request(messages=messages, tools=[WEATHER]), deadline=Deadline.after(25)
        )
    assert raised.value.param == "messages"


def frame(kind: str, payload: dict[str, Any], *, error: bool = False) -> bytes:
    """An event as AWS frames it (application/vnd.amazon.eventstream)."""

    def header(name: str, value: str) -> bytes:
        return (
            struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        )

    headers = header(":message-type", "exception" if error else "event")
    headers += header(":exception-type" if error else ":event-type", kind)
    headers += header(":content-type", "application/json")
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack("!I", zlib.crc32(message))


def text(words: str) -> bytes:
    return frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": words}})


def ended(stop: str = "end_turn") -> list[bytes]:
    metadata = {"usage": USAGE, "metrics": {"latencyMs": 5}}
    return [frame("messageStop", {"stopReason": stop}), frame("metadata", metadata)]


START = frame("messageStart", {"role": "assistant"})
ENDED = End(finish_reason="stop", prompt_tokens=7, completion_tokens=3)


def stream(
    upstream: Upstream, steps: Sequence[Step], pieces: list[Piece] | None = None, seconds: float = 25
) -> list[Piece]:
    """All pieces, of events that botocore decodes; also put into a list, for a stream that fails."""
    pieces = [] if pieces is None else pieces
    upstream.headers = {"Content-Type": "application/vnd.amazon.eventstream"}
    upstream.steps = steps
    runtime = aws.client("bedrock-runtime", endpoint_url=upstream.url)
    api = AwsApi("bedrock-runtime", make_client=lambda *_: runtime)
    until = Deadline.after(seconds)
    for piece in BedrockBackend(MODEL, api=api).stream(request(), first=until, deadline=until):
        pieces.append(piece)
    return pieces


def test_a_stream(upstream: Upstream) -> None:
    stop = frame("contentBlockStop", {"contentBlockIndex": 0})
    pieces = stream(upstream, [START, text("Hel"), text("lo!"), stop, *ended()])
    assert pieces == [TextPiece("Hel"), TextPiece("lo!"), ENDED]
    ((path, _, body),) = upstream.requests
    assert path == f"/model/{MODEL.replace(':', '%3A')}/converse-stream"
    assert body == {"messages": [{"role": "user", "content": [{"text": "Hello."}]}]}


def test_tools_in_a_stream(upstream: Upstream) -> None:
    def start(block: int, call: str, name: str) -> bytes:
        use = {"toolUse": {"toolUseId": call, "name": name}}
        return frame("contentBlockStart", {"contentBlockIndex": block, "start": use})

    def part(block: int, characters: str) -> bytes:
        use = {"toolUse": {"input": characters}}
        return frame("contentBlockDelta", {"contentBlockIndex": block, "delta": use})

    def stop(block: int) -> bytes:
        return frame("contentBlockStop", {"contentBlockIndex": block})

    called = [start(1, "t1", "get_weather"), part(1, ""), part(1, '{"city":'), part(1, ' "Rome"}'), stop(1)]
    plain = [start(2, "t2", "get_time"), stop(2)]
    pieces = stream(upstream, [START, text("Let me see."), stop(0), *called, *plain, *ended("tool_use")])
    assert pieces == [
        TextPiece("Let me see."),
        CallPiece(0, "", id="t1", name="get_weather"),
        CallPiece(0, '{"city":'),
        CallPiece(0, ' "Rome"}'),
        CallPiece(1, "", id="t2", name="get_time"),
        CallPiece(1, "{}"),
        End(finish_reason="tool_calls", prompt_tokens=7, completion_tokens=3),
    ]


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([frame("throttlingException", {"message": "some words"}, error=True)], BackendUnavailable),
        ([frame("modelStreamErrorException", {"message": "some words"}, error=True)], BackendUnavailable),
        ([frame("internalServerException", {"message": "some words"}, error=True)], BackendUnavailable),
        ([frame("validationException", {"message": "some words"}, error=True)], InvalidRequest),
        ([cut], BackendUnavailable),
        ([], BackendUnavailable),
        (ended()[:1], BackendUnavailable),
        ([b"garbage" * 10], BackendError),
        ([frame("messageStop", {"stopReason": "malformed_model_output"})], BackendError),
        (
            [frame("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"toolUse": {"input": "{"}}})],
            BackendError,
        ),
    ],
)
def test_a_stream_that_fails(upstream: Upstream, steps: list[Any], error: type[ServiceError]) -> None:
    for before, expected in (([], []), ([text("Hel")], [TextPiece("Hel")])):
        pieces: list[Piece] = []
        with pytest.raises(ServiceError) as raised:
            stream(upstream, [START, *before, *steps], pieces)
        assert (type(raised.value), pieces) == (error, expected)
        assert "some words" not in f"{raised.value.message} {raised.value.detail}"


def test_a_stream_that_is_refused(upstream: Upstream) -> None:
    upstream.status = 429
    upstream.content = json.dumps({"message": "some words"}).encode()
    upstream.headers = {"x-amzn-ErrorType": "ThrottlingException"}
    with pytest.raises(BackendUnavailable):
        stream(upstream, [])


def test_no_time_for_a_stream(upstream: Upstream) -> None:
    with pytest.raises(BackendTimeout):
        stream(upstream, [], seconds=0)
    assert upstream.requests == []
