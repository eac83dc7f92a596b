"""The ChatTask of the guide, in Step Functions' interpreter with the real chat function."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

import constructs_lib
from constructs_lib import ModelRoute, OfflineModel
from constructs_lib.workflows.rendering import render
from local_cloud.functions.moto_backend import install
from tests.support.chat import FakeModel, chat_service
from tests.support.cloud_in_thread import CloudInThread, FakeFunctions, cloud
from tests.support.paths import PROJECT
from tests.support.real_api import threaded
from tests.support.zips import NO_CODE

__all__ = ["cloud"]

GUIDE = (PROJECT / "docs/guides/workflows.md").read_text(encoding="utf-8")
MARKS = [
    "{receipt} {{x}} {0} {receipt!r} {question:>9}",
    "{% $states.input %}",
    "{% $error('stop') %}",
    "$uppercase('a') & $states.context.Execution.Input",
    '"; } ] \\" \\n \\u0041 ${aws.AccountId} %{x} %s',
    "$input.path('$') #set($x = 1) <% 1 %> [[ 1 ]]",
]


@dataclass(frozen=True)
class Models:
    """The chat service, as a task sees it."""

    qualified_arn: str
    function_name: str = "chat"
    timeout_seconds: int = 20
    routes: tuple[ModelRoute, ...] = (ModelRoute("fast", [OfflineModel()]),)


Run = Callable[[FakeModel, str], dict[str, Any]]


@pytest.fixture(scope="module")
def run(cloud: CloudInThread) -> Run:
    """Run the steps of the guide for a text, with a model behind the chat function."""
    functions = FakeFunctions()
    functions.event_sources = SimpleNamespace(wake=lambda: None)  # type: ignore[attr-defined] # there are none
    functions.loop = cloud.loop  # type: ignore[attr-defined]
    install(functions)  # type: ignore[arg-type]
    iam, machines = cloud.client("iam"), cloud.client("stepfunctions")
    services = ["lambda.amazonaws.com", "states.amazonaws.com"]
    trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
    role_arn = iam.create_role(RoleName="guide", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    created = cloud.client("lambda").create_function(
        FunctionName="chat",
        Runtime="python3.13",
        Handler="app.handler",
        Role=role_arn,
        Code={"ZipFile": NO_CODE},
    )
    invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": created["FunctionArn"]}
    iam.put_role_policy(RoleName="guide", PolicyName="invoke", PolicyDocument=policy(invoke))
    machine = machines.create_state_machine(
        name="guide",
        definition=json.dumps(definition(created["FunctionArn"])),
        roleArn=role_arn,
        type="EXPRESS",
    )

    def run(model: FakeModel, text: str) -> dict[str, Any]:
        functions.handlers["chat"] = threaded(chat_service(model).handler)
        found: dict[str, Any] = machines.start_sync_execution(
            stateMachineArn=machine["stateMachineArn"], input=json.dumps({"body": {"text": text}})
        )
        return found

    return run


def definition(function_arn: str) -> dict[str, Any]:
    """The definition that the program of the guide makes."""
    (program,) = re.findall(r"```python\n(class Total.*?)```", GUIDE, re.DOTALL)
    names = {name: getattr(constructs_lib, name) for name in constructs_lib.__all__}
    names |= {"BaseModel": BaseModel, "models": Models(function_arn)}
    exec(compile(program, "workflows.md", "exec"), names)  # noqa: S102 - the program of the guide
    return render("guide", names["steps"]).asl


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_the_answer_is_data_of_the_model(run: Run) -> None:
    model = FakeModel('{"total": "9.35"}')
    found = run(model, "TOTAL 9.35")
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"total": "9.35"})


def test_marks_in_the_text_of_a_user_do_nothing(run: Run) -> None:
    model, text = FakeModel('{"total": "9.35"}'), "\n".join(MARKS)
    found = run(model, text)
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"total": "9.35"})
    (request,) = model.requests
    (message,) = request.messages
    assert message.content == f"Receipt:\n{text}\n\nWhat is the total?"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("The total is 9.35.", "TOTAL 9.35"),
        ('{"total": 9.35}', "TOTAL 9.35"),
        ('{"total": "9"}', "a" * 2_001),
    ],
    ids=["no JSON", "another type", "too large a text"],
)
def test_an_answer_that_does_not_fit_and_a_text_that_is_too_large_are_caught(
    run: Run, answer: str, text: str
) -> None:
    found = run(FakeModel(answer), text)
    assert (found["status"], found["output"]) == ("SUCCEEDED", "null")
