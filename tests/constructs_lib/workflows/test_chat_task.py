"""ChatTask: what it sends, what its role may invoke, and arguments that are not valid."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from constructs_lib import (
    AiService,
    AwsStack,
    ChatService,
    ChatTask,
    Input,
    ModelRoute,
    OfflineModel,
    Workflow,
)
from constructs_lib.errors import ConstructError
from handlers.chat.contract import answer_prompt, chat
from handlers.common.prompts import PromptRequest
from tests.support.contracts import greeting
from tests.support.streaming import with_client
from tests.support.synthesis import Configuration, FakeArchive, alias_arn, refused


class Total(BaseModel):
    model_config = ConfigDict(extra="forbid")

    total: str


@pytest.fixture
def models(stack: AwsStack, archive: FakeArchive) -> ChatService:
    embeddings = AiService(stack, greeting(), archive=archive)
    routes = [ModelRoute("fast", [OfflineModel()], aliases=["quick"])]
    return ChatService(stack, chat, routes=routes, embeddings=embeddings, archive=with_client(archive))


def task(models: ChatService, **fields: Any) -> ChatTask:
    given = {
        "model": "fast",
        "prompt": "Sum of {text}, as {{}}?",
        "inputs": {"text": Input("body.text")},
        "max_characters": 200,
        "max_tokens": 9,
        **fields,
    }
    return ChatTask("ask", models, **given)


def test_it_sends_the_template_and_its_inputs_apart(stack: AwsStack, models: ChatService) -> None:
    workflow = Workflow(stack, "sum", definition=task(models, answer=Total), timeout_seconds=60)
    sent = workflow.asl["States"]["ask"]["Arguments"]["Payload"]
    assert sent == {
        "operation": answer_prompt.name,
        "input": {
            "model": "fast",
            "template": "Sum of {text}, as {{}}?",
            "inputs": {"text": "{% $states.context.Execution.Input.body.text %}"},
            "max_characters": 200,
            "max_tokens": 9,
            "temperature": 0.0,
            "answer_schema": Total.model_json_schema(),
        },
    }
    assert PromptRequest.model_validate(sent["input"]).max_tokens == 9


def test_the_workflow_may_invoke_the_function_that_does_not_stream_and_no_other(
    stack: AwsStack, models: ChatService
) -> None:
    Workflow(stack, "sum", definition=task(models), timeout_seconds=60)
    configuration = Configuration(stack)
    invoked = [
        statement["Resource"]
        for name, policy in configuration.all("iam_role_policy").items()
        if ".sum_role_" in name
        for statement in json.loads(policy["policy"])["Statement"]
        if "lambda:InvokeFunction" in statement["Action"]
    ]
    assert invoked == [[alias_arn(configuration, models.function_name)]]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "slow"}, "model 'slow' is not a route of the service; use fast or quick"),
        ({"prompt": "{text} {more}"}, "prompt has '{more}', which is not one of inputs; use {text}"),
        ({"prompt": "{text!r:9}"}, "prompt has '{text!r:9}', which is not one of inputs; use {text}"),
        ({"prompt": "{text} {}"}, "prompt has '{}', which is not one of inputs; use {text}"),
        ({"prompt": "{x}", "inputs": {}}, "prompt has '{x}', which is not one of inputs; pass it in inputs"),
        ({"prompt": "Hello."}, "prompt does not use the input 'text'; write {text} in it"),
        (
            {"prompt": "{text} }"},
            "prompt is not a template: Single '}' encountered in format string; write '{{' and '}}' for braces",
        ),
        ({"max_characters": 0}, "max_characters is 0; use 1 to 100000"),
        ({"max_tokens": 0}, "max_tokens is 0; use 1 to 131072"),
        ({"temperature": 3}, "temperature is 3; use 0-2"),
        ({"answer": "text"}, "answer is of type str; pass a pydantic model"),
    ],
)
def test_arguments_that_are_not_valid(models: ChatService, fields: dict[str, Any], message: str) -> None:
    kind, found = refused(lambda: task(models, **fields))
    assert issubclass(kind, ConstructError)
    assert found == f"ChatTask 'ask': {message}"


def test_another_function_is_refused(models: ChatService) -> None:
    embeddings: Any = models.routes
    assert (
        refused(lambda: task(embeddings))[1] == "ChatTask 'ask': function is of type tuple; pass a Function"
    )
