"""Agent: its states go back and forth between the model and the tools, and pass data on without reading it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from constructs_lib.workflows.agent import Agent, AgentTool
from constructs_lib.workflows.expressions import Input, Variable
from constructs_lib.workflows.rendering import render
from constructs_lib.workflows.steps import Succeed
from handlers.common.contract import Contract
from handlers.common.metering import per_call
from tests.support.states_cloud import States

MODEL = """
    class BackendUnavailable(Exception):
        pass

    def handler(event, context):
        given = event["input"]
        script, state, seen = given["state"]["task"]["script"], given["state"], given["observation"]
        state["steps"].append({"seen": seen, "charged": "charge" in event})
        if not script:
            return {"next": "end", "state": state, "observation": None, "result": {"saw": state["steps"]}}
        following, arguments = script.pop(0)
        if following == "fail":
            raise BackendUnavailable("busy")
        state["call"] = {"id": "1", "tool": following, "input": arguments}
        return {"next": following, "state": state, "observation": None, "result": None}
"""
TOOL = """
    class UnprocessableInput(Exception):
        pass

    def handler(event, context):
        if event["input"].get("word") == "fail":
            raise UnprocessableInput("not for anyone's eyes")
        return {"operation": event["operation"], **event["input"]}
"""


class Word(BaseModel):
    """A request."""

    model_config = ConfigDict(extra="forbid")

    word: str
    place: str
    number: int = 1


@dataclass
class Deployed:
    """Function of a task."""

    qualified_arn: str
    function_name: str = "function"
    timeout_seconds: int = 10
    routes: tuple[Any, ...] = ()


@dataclass
class Route:
    """Model route."""

    name: str = "big"
    aliases: tuple[str, ...] = ()


@pytest.fixture
def definition(states: States) -> dict[str, Any]:
    contract = Contract("words")
    operations = [
        contract.post(
            f"/{name}",
            Word,
            None,
            name=f"words.{name}",
            summary="A word.",
            metered_by=per_call("call", nano_usd=1),
        )
        for name in ("first", "second")
    ]
    function = Deployed(states.deploy(TOOL))
    models = Deployed(states.deploy(MODEL), routes=(Route(),))
    tools = [
        AgentTool(operation=one, function=function, given={"place": Input("place")}) for one in operations
    ]
    agent = Agent(
        "work", models, model="big", instructions="Work.", task=Input("task"), tools=tools, budget_usd=1, result="done"
    )  # fmt: skip
    asl: dict[str, Any] = render("test", agent >> Succeed("answer", output=Variable("done"))).asl
    return asl


def given(*script: Any) -> dict[str, Any]:
    return {"task": {"script": script}, "place": "Oslo"}


def test_the_model_and_the_tools_take_turns(states: States, definition: dict[str, Any]) -> None:
    script = [["words.first", {"word": "a"}], ["again", {}], ["words.second", {"word": "b", "number": 2}]]
    answer = states.output(definition, given(*script))
    seen = [step["seen"] for step in answer["saw"]]
    assert seen == [
        None,
        {"result": '{"operation":"words.first","word":"a","place":"Oslo"}'},
        None,
        {"result": '{"operation":"words.second","word":"b","number":2,"place":"Oslo"}'},
    ]


def test_what_the_workflow_sets_cannot_be_replaced(states: States, definition: dict[str, Any]) -> None:
    answer = states.output(definition, given(["words.first", {"word": "a", "place": "elsewhere"}]))
    assert '"place":"Oslo"' in answer["saw"][1]["seen"]["result"]


def test_a_tool_that_fails_is_an_observation(states: States, definition: dict[str, Any]) -> None:
    answer = states.output(definition, given(["words.first", {"word": "fail"}]))
    assert answer["saw"][1]["seen"] == {"error": "UnprocessableInput"}


def test_a_state_that_is_not_a_tool_is_the_end(states: States, definition: dict[str, Any]) -> None:
    for name in ("work: words.first", "words.third", "work: begin", "answer"):
        ended = states.run(definition, given([name, {"word": "a"}]))
        assert ended["status"] == "SUCCEEDED"
        assert ended["output"] is None


@pytest.mark.parametrize("text", ["{% $states.context %}", "$states.input", '"}, {', "{{x}}", "\\"])
def test_data_stays_data(states: States, definition: dict[str, Any], text: str) -> None:
    answer = states.output(definition, given(["words.first", {"word": text}]))
    assert json.loads(answer["saw"][1]["seen"]["result"])["word"] == text


def test_a_model_that_fails_fails_the_agent(states: States, definition: dict[str, Any]) -> None:
    ended = states.run(definition, given(["fail", {}]))
    assert (ended["status"], ended["error"]) == ("FAILED", "BackendUnavailable")
