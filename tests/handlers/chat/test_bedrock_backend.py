"""Converse: what is asked and what comes back, checked against botocore's description of Bedrock."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from handlers.chat.backend import Call, Completion
from handlers.chat.bedrock_backend import _FINISH_REASONS, BedrockBackend
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, BackendUnavailable, InvalidRequest, ServiceError
from tests.support import aws
from tests.support.chat import HELLO, PIXEL, WEATHER, request

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
    ("choice", "asked"), [("auto", {"auto": {}}), ("required", {"any": {}}), (None, None)]
)
def test_tools(choice: str | None, asked: dict[str, Any] | None) -> None:
    given = answer(
        {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Rome"}}}, stop="tool_use"
    )
    spec = {
        "name": "get_weather",
        "description": "Weather of a city.",
        "inputSchema": {"json": WEATHER["function"]["parameters"]},  # type: ignore[index]
    }
    config = {"tools": [{"toolSpec": spec}], **({} if asked is None else {"toolChoice": asked})}
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
    known = set(shape.members["stopReason"].enum)
    # What is left is a failure of the model: the next target answers.
    assert known - set(_FINISH_REASONS) == {"malformed_model_output", "malformed_tool_use"}
    assert set(_FINISH_REASONS) <= known


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


def test_arguments_that_are_no_json_object_are_the_caller_s_mistake() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "["}}
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
