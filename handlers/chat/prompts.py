"""Prompts of workflows and services as conversations of one message, and their answers."""

from __future__ import annotations

from typing import Any

from handlers.chat.backend import Completion
from handlers.chat.messages import JsonSchemaFormat, Message, ResponseFormat
from handlers.chat.models import ChatRequest
from handlers.common.aws_api import reading_answer
from handlers.common.errors import BackendError, ContentFiltered, InvalidRequest
from handlers.common.prompts import PromptAnswer, PromptRequest
from handlers.common.strict_json import read_json_text


def conversation(prompt: PromptRequest) -> ChatRequest:
    """Return a prompt as a conversation.

    Raises:
        PayloadTooLarge: The inputs are too large.
    """
    schema = prompt.answer_schema
    return ChatRequest(
        model=prompt.model,
        # Small models follow an instruction beside the text, and not one in a message of its own.
        messages=[Message(role="user", content=prompt.text)],
        max_completion_tokens=prompt.max_tokens,
        temperature=prompt.temperature,
        response_format=None
        if schema is None
        else ResponseFormat(
            type="json_schema",
            json_schema=JsonSchemaFormat.model_validate({"name": "answer", "schema": schema}),
        ),
    )


def answer(prompt: PromptRequest, completion: Completion, model: str) -> PromptAnswer:
    """Return the answer of a model.

    Raises:
        ContentFiltered: A guardrail, or the model's own filter, blocks it.
        BackendError: There is none, or it does not fit the schema.
        InvalidRequest: The schema is not one.
    """
    if completion.finish_reason == "content_filter":
        raise ContentFiltered(detail=model)
    text = (completion.text or "").strip()
    if not text:
        raise BackendError("The model answered nothing.", detail=model)
    complete = completion.finish_reason != "length"
    schema = prompt.answer_schema
    return PromptAnswer(
        answer=text if schema is None else _fitting(text, schema, model), model=model, complete=complete
    )


def problem_of(value: Any, schema: dict[str, Any]) -> str | None:
    """Return the keyword of a JSON schema that a value does not fit, such as `required`; None if it fits.

    Raises:
        InvalidRequest: The schema is not one.
    """
    import jsonschema  # type: ignore[import-untyped]
    from referencing import Registry

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError:
        raise InvalidRequest("answer_schema is not a JSON schema.", param="answer_schema") from None
    validator = jsonschema.Draft202012Validator(schema, registry=Registry())
    problem = next(validator.iter_errors(value), None)
    return None if problem is None else str(problem.validator)


def _fitting(text: str, schema: dict[str, Any], model: str) -> Any:
    with reading_answer(model):
        value = read_json_text(text)
    problem = problem_of(value, schema)
    if problem is not None:
        raise BackendError("The model's answer does not fit its schema.", detail=f"{model}: {problem}")
    return value
