"""Agent: what the model may choose, what the workflow's role may invoke, and arguments that are not valid."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from constructs_lib import (
    Agent,
    AgentTool,
    AiService,
    AwsStack,
    ChatService,
    Function,
    Input,
    Item,
    ModelRoute,
    OfflineModel,
    Pass,
    Succeed,
    Variable,
    Workflow,
)
from constructs_lib.errors import ConflictError, ConstructError, InvalidArgumentError, LimitExceededError
from handlers.chat.contract import answer_prompt, chat
from handlers.language.contract import summarize_text
from handlers.vision.contract import read_text
from tests.support.contracts import greeting
from tests.support.streaming import with_client
from tests.support.synthesis import Configuration, FakeArchive, statements

TOO_LARGE = (
    "its conversation may have 676,000 bytes, and a state may have 262,144; lower max_steps, max_characters or "
    "max_result_characters"
)


class Total(BaseModel):
    """An answer."""

    total: float


@pytest.fixture
def models(stack: AwsStack, archive: FakeArchive) -> ChatService:
    service = AiService(stack, greeting(), archive=archive)
    routes = [ModelRoute("fast", [OfflineModel()])]
    return ChatService(stack, chat, routes=routes, embeddings=service, archive=with_client(archive))


@pytest.fixture
def function(stack: AwsStack, archive: FakeArchive) -> Function:
    return Function(stack, "reader", archive=archive)


def agent(models: Any, **options: Any) -> Agent:
    defaults = {"model": "fast", "instructions": "Read it.", "task": "The picture.", "budget_usd": 0.1}
    return Agent("read it", models, **{**defaults, **options})


def reading(function: Function, **options: Any) -> AgentTool:
    return AgentTool(operation=read_text, function=function, **options)


def test_the_model_chooses_among_the_tools_and_the_workflow_sets_the_rest(
    stack: AwsStack, models: ChatService, function: Function
) -> None:
    tools = [
        reading(function, given={"image": Input("image")}),
        AgentTool(
            operation=summarize_text,
            function=function,
            given={"style": "extractive"},
            description="Make it short.",
        ),
    ]
    steps = agent(models, tools=tools, answer=Total, result="read") >> Succeed(
        "done", output=Variable("read")
    )
    flow = Workflow(stack, "flow", definition=steps, timeout_seconds=60)
    states = flow.asl["States"]["read it"]["Branches"][0]["States"]
    assert list(states) == [
        "read it: begin",
        "read it: model",
        "read it: next",
        "read it: vision.text",
        "read it: vision.text failed",
        "read it: language.summary",
        "read it: language.summary failed",
        "read it: end",
    ]
    request = states["read it: model"]["Arguments"]["Payload"]["input"]
    first, second = request["tools"]
    assert (first["operation"], first["parameters"]["properties"], first["parameters"]["required"]) == (
        "vision.text",
        {},
        [],
    )
    assert (second["description"], second["parameters"]["required"]) == ("Make it short.", ["text"])
    assert request["answer_schema"]["required"] == ["total"]
    assert request["budget_nano_usd"] == 100_000_000
    assert states["read it: next"]["Default"] == "read it: end"
    called = states["read it: vision.text"]["Arguments"]["Payload"]["input"]
    assert called == (
        '{% $merge([$states.input.state.call.input, {"image": $states.context.Execution.Input.image}]) %}'
    )
    invoked = {
        resource
        for body in Configuration(stack).all("iam_role_policy").values()
        for statement in statements(body["policy"])
        if statement["Action"] == ["lambda:InvokeFunction"] and "flow" in body["role"]
        for resource in statement["Resource"]
    }
    assert len(invoked) == 2


def test_fields_can_be_read_from_objects(models: ChatService, function: Function) -> None:
    tool = reading(function, source={"image": Variable("links.read.page")})
    assert tool.schema["properties"] == {}
    assert tool.schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": "slow"}, InvalidArgumentError, "model 'slow' is not a route of the service; use fast"),
        ({"instructions": Input("x")}, InvalidArgumentError, "instructions are not a text; pass a text, and what callers sent as task"),
        ({"answer": dict}, InvalidArgumentError, "answer is of type type; pass a pydantic model"),
        ({"budget_usd": 0}, InvalidArgumentError, "budget_usd is 0; pass US dollars above 0"),
        ({"max_steps": 26}, LimitExceededError, "max_steps is 26; use 1 to 25"),
        ({"max_steps": 25}, LimitExceededError, TOO_LARGE),
    ],
)  # fmt: skip
def test_an_argument_that_is_not_valid_is_an_error(
    models: ChatService, options: dict[str, Any], error: type[ConstructError], message: str
) -> None:
    with pytest.raises(error) as raised:
        agent(models, **options)
    assert str(raised.value) == f"Agent 'read it': {message}"


def test_tools_that_are_not_valid_are_errors(models: ChatService, function: Function) -> None:
    with pytest.raises(ConflictError, match="two tools are named 'vision_text' for the model"):
        agent(models, tools=[reading(function), reading(function)])
    with pytest.raises(InvalidArgumentError, match="sets 'picture', which the operation does not take"):
        reading(function, given={"picture": "x"})
    with pytest.raises(InvalidArgumentError, match="reads the item of a Map"):
        reading(function, given={"image": Item("image")})
    for given in ({}, {"style": "abstractive"}):
        with pytest.raises(
            InvalidArgumentError, match=r"language.summary: may send a prompt to a language model"
        ):
            AgentTool(operation=summarize_text, function=function, given=given)
    with pytest.raises(InvalidArgumentError, match=r"chat.answer: may send a prompt to a language model"):
        AgentTool(operation=answer_prompt, function=function)
    with pytest.raises(InvalidArgumentError, match="operation is of type Pass"):
        AgentTool(operation=Pass("x"), function=function)  # type: ignore[arg-type]


def test_only_a_chat_service_answers(function: Function) -> None:
    with pytest.raises(InvalidArgumentError, match="function is of type Function; pass a ChatService"):
        agent(function)
