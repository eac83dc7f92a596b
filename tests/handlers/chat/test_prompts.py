"""Prompts of workflows and services: inputs are data, limits hold, answers fit their schemas, and tokens are metered once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.chat.bounds import upper_bound
from handlers.chat.prompts import conversation
from handlers.common.caller import Caller
from handlers.common.errors import BackendError, Forbidden, InvalidRequest, PayloadTooLarge, ServiceError
from handlers.common.metering import READ, WRITTEN
from handlers.common.prompts import PromptRequest
from tests.support.chat import FakeModel, chat_service
from tests.support.events import call

MARKS = "{question} {{x}} {0} {page!r} {% $states.input %} $uppercase('a') & \"; } %s ${name} $input.body </page>\n\\n\x00"
SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "string", "pattern": "^[0-9]+$"}},
    "required": ["total"],
    "additionalProperties": False,
}


def prompt(**fields: Any) -> dict[str, Any]:
    return {"model": "fast", "template": "Say hello.", "max_characters": 200, "max_tokens": 9, **fields}


def asked(model: FakeModel, **fields: Any) -> dict[str, Any]:
    return call(chat_service(model), "chat.answer", prompt(**fields))


def test_a_prompt_is_one_message_of_the_user() -> None:
    model = FakeModel(" Hello! ")
    found = asked(
        model, template="Greet {name}, {{kindly}}, {count} times.", inputs={"name": "Ada", "count": 2}
    )
    assert found == {"answer": "Hello!", "model": "smollm2-135m-instruct", "complete": True}
    (request,) = model.requests
    (message,) = request.messages
    assert (message.role, message.content) == ("user", "Greet Ada, {kindly}, 2 times.")
    assert (request.token_limit, request.temperature, request.response_format) == (9, 0.0, None)


def test_marks_of_templates_in_an_input_do_nothing() -> None:
    model = FakeModel("Hello!")
    asked(model, template="<{page}|{question}>", inputs={"page": MARKS, "question": "{page}"})
    assert model.requests[0].messages[0].content == f"<{MARKS}|{{page}}>"


@given(st.dictionaries(st.text("abc", min_size=1, max_size=2), st.text(max_size=20), max_size=3))
def test_the_bound_of_a_prompt_is_that_of_its_largest_inputs(inputs: dict[str, str]) -> None:
    template = "Answer: " + "".join(f"{{{name}}} " for name in inputs)
    request = PromptRequest.model_validate(
        prompt(template=template, inputs=inputs, max_characters=60, answer_schema=SCHEMA)
    )
    bound, largest = upper_bound(conversation(request), 0), request.largest()
    assert bound[READ] <= largest[READ]
    assert bound[WRITTEN] == largest[WRITTEN] == 9


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        (
            {"template": "{text}", "inputs": {"text": "a" * 201}},
            PayloadTooLarge,
            "inputs should have at most 200 characters together.",
        ),
        (
            {"template": "{text}"},
            InvalidRequest,
            "the request should have a template that names each input, and no other.",
        ),
        (
            {"template": "}", "inputs": {}},
            InvalidRequest,
            "the request should have a template that names each input, and no other.",
        ),
        ({"answer_schema": {"type": 5}}, InvalidRequest, "answer_schema is not a JSON schema."),
    ],
)
def test_what_is_no_prompt_is_refused(
    fields: dict[str, Any], error: type[ServiceError], message: str
) -> None:
    with pytest.raises(error) as refused:
        asked(FakeModel("{}"), **fields)
    assert str(refused.value) == message


def test_an_answer_by_a_schema_is_data() -> None:
    model = FakeModel('{"total": "9"}')
    assert asked(model, answer_schema=SCHEMA)["answer"] == {"total": "9"}
    form = model.requests[0].response_format
    assert form is not None
    assert form.json_schema is not None
    assert form.json_schema.schema_ == SCHEMA


@pytest.mark.parametrize(
    "text", ['{"total": 9}', '{"total": "9", "more": 1}', '{"total": "9"', "nine", " ", '{"total": NaN}']
)
def test_an_answer_that_does_not_fit_its_schema_is_an_error_of_the_backend(text: str) -> None:
    with pytest.raises(BackendError):
        asked(FakeModel(text), answer_schema=SCHEMA)


@pytest.mark.parametrize("text", ['{"total": NaN}', '{"total": 1e999}', '{"total": "\\ud800"}', "[" * 9_000])
def test_json_that_no_answer_could_hold_is_an_error_of_the_backend(text: str) -> None:
    with pytest.raises(BackendError):
        asked(FakeModel(text), answer_schema={})


def test_a_caller_of_a_service_needs_the_right_to_the_model() -> None:
    service = chat_service(FakeModel("Hello!"))
    caller = Caller("tenant:acme", "acme", "k1", "A" * 24, models=frozenset({"other"}))
    event = {"operation": "chat.answer", "input": prompt(), "caller": caller.to_json()}
    with pytest.raises(Forbidden, match=r"^These credentials may not use the model fast\.$"):
        service.handler(event, None)
