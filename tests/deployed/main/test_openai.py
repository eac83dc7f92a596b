"""The official OpenAI SDK against the deployed API, with a user's token as its key and the offline model."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from tests.support.deployment import Deployed

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 40}, "city": {"type": "string", "maxLength": 40}},
    "required": ["name", "city"],
    "additionalProperties": False,
}
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 40}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def client(deployed: Deployed) -> Iterator[openai.OpenAI]:
    # The variables that `make openai` prints are all that a client needs.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in deployed.callers.openai_environment.items():
            patch.setenv(name, value)
        with openai.OpenAI(max_retries=0) as opened:
            yield opened


def test_models(client: openai.OpenAI) -> None:
    models = client.models.list()
    assert [model.id for model in models] == ["fast", "server", "guarded", "agent", "embeddings"]
    fast = client.models.retrieve("fast")
    assert fast == models.data[0]
    assert fast.owned_by == "offline"
    assert "knows few facts" in fast.description  # type: ignore[attr-defined]
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("gpt-9")
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_a_conversation(client: openai.OpenAI) -> None:
    answer = client.chat.completions.with_raw_response.create(
        model="fast", messages=[{"role": "user", "content": "Say hello."}], max_tokens=16, temperature=0
    )
    completion = answer.parse()
    (choice,) = completion.choices
    assert "hello" in (choice.message.content or "").lower()
    assert choice.finish_reason in ("stop", "length")
    assert completion.usage is not None
    assert 0 < completion.usage.completion_tokens <= 16
    assert (
        completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    )
    assert completion.model == "smollm2-135m-instruct"
    assert answer.headers["x-model-target"] == "offline:smollm2-135m-instruct"
    assert completion._request_id == answer.headers["x-request-id"]


def test_an_answer_by_a_json_schema(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="fast",
        messages=[{"role": "user", "content": "My name is Ada Lovelace and I live in London."}],
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}},
        max_tokens=100,
        temperature=0,
    )
    person = json.loads(completion.choices[0].message.content or "")
    assert person.keys() == {"name", "city"}
    assert person["name"] == "Ada Lovelace"


def test_a_tool_and_its_result(client: openai.OpenAI) -> None:
    question = {"role": "user", "content": "What is the weather in London?"}
    response = client.chat.completions.create(
        model="fast",
        messages=[question],  # type: ignore[list-item]
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=100,
        temperature=0,
    )
    assert response.choices[0].finish_reason == "tool_calls"
    (call,) = response.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments).keys() == {"city"}
    answered = client.chat.completions.create(
        model="fast",
        messages=[
            question,  # type: ignore[list-item]
            response.choices[0].message.model_dump(exclude_none=True),  # type: ignore[list-item]
            {"role": "tool", "tool_call_id": call.id, "content": "It rains."},
        ],
        max_tokens=20,
    )
    assert answered.choices[0].message.content


@pytest.mark.parametrize("encoding_format", ["float", "base64"])
def test_embeddings(client: openai.OpenAI, encoding_format: str) -> None:
    response = client.embeddings.create(
        model="embeddings",
        input=["A cat sleeps.", "Un chat dort."],
        encoding_format=encoding_format,  # type: ignore[arg-type]
    )
    assert [one.index for one in response.data] == [0, 1]
    assert response.usage.total_tokens > 4
    if encoding_format == "float":
        assert sum(x * x for x in response.data[0].embedding) == pytest.approx(1, abs=1e-3)
        # The SDK asks for base64 by itself and decodes it.
        plain = client.embeddings.create(model="embeddings", input="A cat sleeps.")
        assert plain.data[0].embedding == pytest.approx(response.data[0].embedding, abs=1e-5)


def test_what_is_not_supported_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model="fast", messages=[{"role": "user", "content": "Hello."}], n=2)
    error = raised.value
    assert (error.param, error.code, error.type) == ("n", "invalid_request", "invalid_request_error")
    assert error.body == {
        "message": "n is not supported; remove it, or send 1.",
        "type": "invalid_request_error",
        "param": "n",
        "code": "invalid_request",
    }
    assert error.response.headers["x-request-id"] == error.request_id
    assert error.response.headers["x-should-retry"] == "false"


def test_a_wrong_token_is_an_authentication_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as raised:
        client.with_options(api_key="wrong").models.list()
    # API Gateway itself has refused it, in OpenAI's form.
    assert raised.value.body == {
        "message": "Credentials are missing or not valid.",
        "type": "authentication_error",
        "param": None,
        "code": "unauthorized",
    }
    assert raised.value.request_id


MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell me a story about a cat."}]


PHONE = "+1 202 555 0143"
ECHO: Any = [{"role": "user", "content": f"Repeat: Ada's number is {PHONE}"}]


@pytest.mark.parametrize("stream", [False, True])
def test_a_guarded_model_does_not_read_a_phone_number(
    client: openai.OpenAI, deployed: Deployed, stream: bool
) -> None:
    with client.chat.completions.with_streaming_response.create(
        model="guarded", messages=ECHO, max_tokens=20, temperature=0, stream=stream
    ) as response:
        assert response.headers["x-guardrail"] == "masked"
        text = "".join(response.iter_text())
    assert "{PHONE}" in text
    assert "0143" not in text
    for file in (deployed.workspace.cloud.directory / "logs").rglob("*.log"):
        assert "555 0143" not in file.read_text("utf-8", "replace")


def test_a_guarded_model_refuses_a_card_number(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Pay with 4111 1111 1111 1111"}]
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model="guarded", messages=messages)
    assert raised.value.code == "content_filter"


def test_a_streamed_conversation(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="fast",
        messages=MESSAGES,
        max_tokens=24,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    assert stream.response.headers["x-model-target"] == "offline:smollm2-135m-instruct"
    assert stream.response.headers["content-type"] == "text/event-stream"
    *chunks, last = list(stream)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 24
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert len([text for text in texts if text]) > 10
    assert chunks[-1].choices[0].finish_reason == "length"


def test_streams_of_the_async_client_at_once(client: openai.OpenAI) -> None:
    async def tell(asynchronous: openai.AsyncOpenAI) -> str:
        stream = await asynchronous.chat.completions.create(
            model="fast", messages=MESSAGES, max_tokens=12, temperature=0, stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    async def both() -> list[str]:
        options: Any = {"base_url": client.base_url, "api_key": client.api_key, "max_retries": 0}
        async with openai.AsyncOpenAI(**options) as asynchronous:
            return await asyncio.gather(tell(asynchronous), tell(asynchronous))

    assert all(asyncio.run(both()))


def test_a_tool_call_in_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="fast",
        messages=[{"role": "user", "content": "What is the weather in London?"}],
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=100,
        temperature=0,
    ) as stream:
        completion = stream.get_final_completion()
    assert completion.choices[0].finish_reason == "tool_calls"
    (call,) = completion.choices[0].message.tool_calls or ()
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments).keys() == {"city"}


def test_structured_output_in_a_stream(client: openai.OpenAI) -> None:
    class Person(BaseModel):
        name: str
        city: str

    with client.chat.completions.stream(
        model="fast",
        messages=[{"role": "user", "content": "My name is Ada Lovelace and I live in London."}],
        response_format=Person,
        max_tokens=100,
        temperature=0,
    ) as stream:
        parsed = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(parsed, Person)
    assert parsed.name == "Ada Lovelace"


def test_an_error_before_a_stream_has_a_status(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="gpt-9", messages=MESSAGES, stream=True)
    assert raised.value.code == "model_not_found"


def test_a_stream_that_is_left_frees_the_function(client: openai.OpenAI) -> None:
    options: Any = {"model": "fast", "messages": MESSAGES, "temperature": 0, "stream": True}
    for _ in range(3):
        with client.chat.completions.create(**options, max_tokens=2_000) as stream:
            next(iter(stream))
    # The model is one: had it gone on writing, this would take most of a minute.
    assert list(client.chat.completions.create(**options, max_tokens=2, timeout=20))


def test_curl_shows_events_line_by_line(client: openai.OpenAI) -> None:
    body = {"model": "fast", "messages": MESSAGES, "max_tokens": 4, "temperature": 0, "stream": True}
    done = subprocess.run(
        [
            *("curl", "-sN", "-H", f"Authorization: Bearer {client.api_key}"),
            *("-H", "Content-Type: application/json", "-d", json.dumps(body)),
            f"{client.base_url}chat/completions",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *events, end = done.stdout.split("\n\n")
    assert end == ""
    assert events[-1] == "data: [DONE]"
    assert len(events) == 1 + 4 + 2
    assert all(json.loads(event.removeprefix("data: "))["choices"] for event in events[:-1])


def test_an_unknown_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "Hello."}])
    assert raised.value.body == {
        "message": "Unknown model. Available: fast, server, guarded, agent.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
