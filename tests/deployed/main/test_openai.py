"""The official OpenAI SDK against the deployed API, with a user's token as its key and the offline model."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionToolParam

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
    bearer = deployed.callers.headers("user", "GET", deployed.invoke_url, None)["Authorization"]
    with openai.OpenAI(
        base_url=f"{deployed.invoke_url}/v1", api_key=bearer.removeprefix("Bearer "), max_retries=0
    ) as made:
        yield made


def test_models(client: openai.OpenAI) -> None:
    models = client.models.list()
    assert [model.id for model in models] == ["fast", "embeddings"]
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
    asked = client.chat.completions.create(
        model="fast",
        messages=[question],  # type: ignore[list-item]
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=100,
        temperature=0,
    )
    assert asked.choices[0].finish_reason == "tool_calls"
    (call,) = asked.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments).keys() == {"city"}
    answered = client.chat.completions.create(
        model="fast",
        messages=[
            question,  # type: ignore[list-item]
            asked.choices[0].message.model_dump(exclude_none=True),  # type: ignore[list-item]
            {"role": "tool", "tool_call_id": call.id, "content": "It rains."},
        ],
        max_tokens=20,
    )
    assert answered.choices[0].message.content


@pytest.mark.parametrize("encoding_format", ["float", "base64"])
def test_embeddings(client: openai.OpenAI, encoding_format: str) -> None:
    made = client.embeddings.create(
        model="embeddings",
        input=["A cat sleeps.", "Un chat dort."],
        encoding_format=encoding_format,  # type: ignore[arg-type]
    )
    assert [one.index for one in made.data] == [0, 1]
    assert made.usage.total_tokens > 4
    if encoding_format == "float":
        assert sum(x * x for x in made.data[0].embedding) == pytest.approx(1, abs=1e-3)
        # The SDK asks for base64 by itself and decodes it.
        plain = client.embeddings.create(model="embeddings", input="A cat sleeps.")
        assert plain.data[0].embedding == pytest.approx(made.data[0].embedding, abs=1e-5)


def test_what_is_not_supported_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(
            model="fast", messages=[{"role": "user", "content": "Hello."}], stream=True
        )
    error = raised.value
    assert (error.param, error.code, error.type) == ("stream", "invalid_request", "invalid_request_error")
    assert error.body == {
        "message": "stream is not supported; remove it, or send false.",
        "type": "invalid_request_error",
        "param": "stream",
        "code": "invalid_request",
    }
    assert error.response.headers["x-request-id"] == error.request_id
    assert error.response.headers["x-should-retry"] == "false"


def test_a_wrong_token_is_an_authentication_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()


def test_an_unknown_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "Hello."}])
    assert raised.value.body == {
        "message": "Unknown model. Available: fast.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
