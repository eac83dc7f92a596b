"""LangChain's chat model for OpenAI against the deployed API, unchanged but for base URL and key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, Field, SecretStr

from tests.support.deployment import Deployed

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI


class Person(BaseModel):
    """A person."""

    name: str = Field(max_length=40)
    city: str = Field(max_length=40)


def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"It rains in {city}."


@pytest.fixture(scope="module")
def model(deployed: Deployed) -> ChatOpenAI:
    from langchain_openai import ChatOpenAI  # its import takes longer than all others, in every worker

    return ChatOpenAI(
        model="fast",
        base_url=deployed.openai_base_url,
        api_key=SecretStr(deployed.callers.user_token),
        max_retries=0,
        temperature=0,
        max_completion_tokens=60,
    )


def test_an_answer_has_text_and_usage(model: ChatOpenAI) -> None:
    answer = model.invoke("Say hello.")
    assert "hello" in str(answer.content).lower()
    assert answer.usage_metadata is not None
    assert 0 < answer.usage_metadata["output_tokens"] <= 60
    assert answer.response_metadata["model_name"] == "smollm2-135m-instruct"


def test_a_stream(model: ChatOpenAI) -> None:
    chunks = list(model.stream("Tell me a story about a cat.", stream_usage=True))
    assert len([chunk for chunk in chunks if chunk.content]) > 10
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] > 10


def test_structured_output(model: ChatOpenAI) -> None:
    person = model.with_structured_output(Person).invoke("My name is Ada Lovelace and I live in London.")
    assert isinstance(person, Person)
    assert person.name == "Ada Lovelace"


def test_a_tool(model: ChatOpenAI) -> None:
    answer = model.bind_tools([get_weather], tool_choice="required").invoke("What is the weather in London?")
    (call,) = answer.tool_calls  # type: ignore[attr-defined]
    assert call["name"] == "get_weather"
    assert set(call["args"]) == {"city"}
