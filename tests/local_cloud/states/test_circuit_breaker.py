"""A circuit breaker at work: when the task is tried and when it is not, with exactly the rights of its states."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.workflows.circuit import Circuit
from constructs_lib.workflows.expressions import Input, Variable
from constructs_lib.workflows.rendering import render
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Pass, Succeed
from constructs_lib.workflows.tasks import LambdaTask
from local_cloud.console.timeline import timeline
from tests.support.roles import document
from tests.support.states_cloud import STATES, States
from tests.support.waiting import eventually

CODE = """
import time
from pathlib import Path

def handler(event, context):
    with open(event["calls"], "a") as calls:
        calls.write("x")
    while "until" in event and not Path(event["until"]).exists():
        time.sleep(0.01)
    if "error" in event:
        raise type(event["error"], (Exception,), {})("no")
    return "said"
"""
CLOSED = ["call: circuit", "call: open?", "call", "call: recovered?", "done"]
NOT_TRIED = ["call: circuit", "call: open?", "instead", "done"]
OPEN_SECONDS = 60


@dataclass(frozen=True)
class Called:
    """The function that the task calls."""

    qualified_arn: str
    function_name: str = "called"
    timeout_seconds: int = 60


@dataclass(frozen=True)
class Kept:
    """The table with the item."""

    name: str
    arn: str


@dataclass
class Guarded:
    """A state machine whose one task has a circuit breaker around it."""

    states: States
    function: str
    table: Kept
    directory: Path
    role: str = ""
    arn: str = ""
    ran: list[str] = field(default_factory=list)

    def make(self, *, instead: bool = True, kind: str = "EXPRESS") -> Guarded:
        circuit = Circuit(
            table=self.table,
            table_key="circuit",
            expiry="expires_at",
            item="model",
            failures=3,
            open_seconds=OPEN_SECONDS,
        )
        task = LambdaTask("call", Called(self.function), input=Input(), retry=(), result="answer")
        second = Pass("instead", variables={"answer": "something else"})
        steps: Step = circuit.around(task, instead=second if instead else None)
        rendered = render("flow", steps >> Succeed("done", output=Variable("answer")))
        call = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": self.function}
        rights = [call, *(one.as_dict() for one in rendered.permissions)]
        iam, self.role = self.states.client("iam"), self.states.name("role")
        trust = document({"Effect": "Allow", "Principal": STATES, "Action": "sts:AssumeRole"})
        role = iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=trust)["Role"]
        iam.put_role_policy(RoleName=self.role, PolicyName="tasks", PolicyDocument=document(*rights))
        machine = self.states.sfn.create_state_machine(
            name=self.states.name(), definition=json.dumps(rendered.asl), roleArn=role["Arn"], type=kind
        )
        self.arn = machine["stateMachineArn"]
        return self

    def run(self, **given: str) -> Any:
        """Run it; return its answer, or the error and the cause."""
        given = {"calls": str(self.directory / "calls"), **given}
        answer = self.states.sfn.start_sync_execution(stateMachineArn=self.arn, input=json.dumps(given))
        self.ran = [row.state for row in timeline(self.states.events(answer["executionArn"]))]
        return json.loads(answer["output"]) if "output" in answer else (answer["error"], answer["cause"])

    @property
    def calls(self) -> int:
        """Return the number of calls of the function."""
        calls = self.directory / "calls"
        return len(calls.read_text()) if calls.exists() else 0

    @property
    def item(self) -> dict[str, Any] | None:
        found = self.states.client("dynamodb").get_item(
            TableName=self.table.name, Key={"circuit": {"S": "model"}}, ConsistentRead=True
        )
        item: dict[str, Any] | None = found.get("Item")
        return item

    def deny(self, action: str) -> None:
        """Take a right from its role."""
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        named = {"RoleName": self.role, "PolicyName": "fault"}
        self.states.client("iam").put_role_policy(**named, PolicyDocument=document(statement))

    def open(self, *, failures: int = 3, retry_in_seconds: int = OPEN_SECONDS) -> None:
        """Leave the item as it is after some failures."""
        item = {
            "circuit": {"S": "model"},
            "failures": {"N": str(failures)},
            "retry_at": {"N": str(int(time.time()) + retry_in_seconds)},
        }
        self.states.client("dynamodb").put_item(TableName=self.table.name, Item=item)


@pytest.fixture(scope="module")
def function(states: States) -> str:
    return states.deploy(CODE, Timeout=60)


@pytest.fixture
def guarded(states: States, function: str, tmp_path: Path) -> Iterator[Guarded]:
    dynamodb, name = states.client("dynamodb"), states.name("circuits")
    created = dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "circuit", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "circuit", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield Guarded(states, function, Kept(name, created["TableDescription"]["TableArn"]), tmp_path)
    dynamodb.delete_table(TableName=name)


def test_while_the_task_works_nothing_is_written(guarded: Guarded) -> None:
    assert guarded.make().run() == "said"
    assert guarded.ran == CLOSED
    assert guarded.item is None


def test_failures_in_a_row_open_it_and_then_the_task_is_not_tried(guarded: Guarded) -> None:
    guarded.make()
    for number in range(1, 4):
        assert guarded.run(error="Overloaded") == "something else"
        assert guarded.ran == ["call: circuit", "call: open?", "call", "call: count", "instead", "done"]
        assert guarded.item is not None
        assert guarded.item["failures"] == {"N": str(number)}
    now, item = time.time(), guarded.item
    assert now < int(item["retry_at"]["N"]) <= now + OPEN_SECONDS + 1
    assert int(item["expires_at"]["N"]) - int(item["retry_at"]["N"]) == 86_400
    assert guarded.run() == "something else"
    assert guarded.ran == NOT_TRIED
    assert (guarded.calls, guarded.item) == (3, item)


def test_a_success_forgets_the_failures_before_it(guarded: Guarded) -> None:
    guarded.make().open(failures=2, retry_in_seconds=-1)
    assert guarded.run() == "said"
    assert guarded.ran == [*CLOSED[:-1], "call: close", "done"]
    assert guarded.item is None


def test_after_its_time_a_trial_that_succeeds_closes_it(guarded: Guarded) -> None:
    guarded.make().open(retry_in_seconds=-1)
    assert guarded.run() == "said"
    assert guarded.ran == [*CLOSED[:2], "call: one trial", "call", "call: recovered?", "call: close", "done"]
    assert guarded.item is None


def test_after_its_time_a_trial_that_fails_leaves_it_open_as_long_again(guarded: Guarded) -> None:
    guarded.make().open(retry_in_seconds=-1)
    assert guarded.run(error="Overloaded") == "something else"
    assert "call: one trial" in guarded.ran
    assert guarded.item is not None
    assert guarded.item["failures"] == {"N": "4"}
    assert int(guarded.item["retry_at"]["N"]) > time.time() + OPEN_SECONDS - 5
    assert guarded.run() == "something else"
    assert (guarded.ran, guarded.calls) == (NOT_TRIED, 1)


def test_of_many_at_once_one_tries_it(guarded: Guarded) -> None:
    guarded.make().open(retry_in_seconds=-1)
    go_on = guarded.directory / "go on"
    with ThreadPoolExecutor(6) as threads:
        pending = [threads.submit(guarded.run, until=str(go_on)) for _ in range(6)]
        assert eventually(lambda: sum(one.done() for one in pending) == 5)
        go_on.touch()
        answers = sorted(one.result() for one in pending)
    assert answers == ["said", *["something else"] * 5]
    assert (guarded.calls, guarded.item) == (1, None)


def test_a_success_that_began_before_the_failures_does_not_close_it(guarded: Guarded) -> None:
    guarded.make().open(failures=1, retry_in_seconds=-1)
    go_on = guarded.directory / "go on"
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(guarded.run, until=str(go_on))
        assert eventually(lambda: guarded.calls == 1)
        for _ in range(2):
            guarded.run(error="Overloaded")
        go_on.touch()
        assert slow.result() == "said"
    assert guarded.item is not None
    assert guarded.item["failures"] == {"N": "3"}
    assert guarded.run() == "something else"


def test_what_is_the_callers_fault_does_not_count(guarded: Guarded) -> None:
    guarded.make()
    for _ in range(4):
        error, cause = guarded.run(error="InvalidRequest")
        assert error == "InvalidRequest"
        assert json.loads(cause)["errorMessage"] == "no"
    assert guarded.ran == ["call: circuit", "call: open?", "call", "call: refused"]
    assert (guarded.calls, guarded.item) == (4, None)


def test_with_nothing_to_do_instead_it_fails(guarded: Guarded) -> None:
    guarded.make(instead=False)
    error, cause = guarded.run(error="Overloaded")
    assert (error, json.loads(cause)["errorMessage"]) == ("Overloaded", "no")
    guarded.open()
    assert guarded.run() == ("CircuitOpen", "3 failures in a row have opened the circuit 'model'.")
    assert guarded.ran == ["call: circuit", "call: open?", "call: not tried"]
    assert guarded.calls == 1


@pytest.mark.parametrize("retry_in_seconds", [OPEN_SECONDS, -1], ids=["open", "half open"])
def test_without_its_table_the_task_is_tried(guarded: Guarded, retry_in_seconds: int) -> None:
    guarded.make().open(retry_in_seconds=retry_in_seconds)
    guarded.deny("dynamodb:*")
    assert guarded.run() == "said"
    assert guarded.ran == CLOSED
    for _ in range(4):
        assert guarded.run(error="Overloaded") == "something else"
    assert guarded.calls == 5


def test_where_it_cannot_write_the_task_is_tried(guarded: Guarded) -> None:
    guarded.make().open(retry_in_seconds=-1)
    guarded.deny("dynamodb:DeleteItem")
    assert guarded.run() == "said"
    assert guarded.ran[2:] == ["call: one trial", "call", "call: recovered?", "call: close", "done"]
    guarded.open(retry_in_seconds=-1)
    guarded.deny("dynamodb:UpdateItem")
    assert guarded.run(error="Overloaded") == "something else"
    assert guarded.ran[2:] == ["call: one trial", "call", "call: count", "instead", "done"]
    assert guarded.calls == 2


def test_an_item_that_is_none_of_its_own_does_no_harm(guarded: Guarded) -> None:
    odd = {"circuit": {"S": "model"}, "failures": {"S": "many"}}
    guarded.states.client("dynamodb").put_item(TableName=guarded.table.name, Item=odd)
    assert guarded.make().run() == "said"
    assert guarded.run(error="Overloaded") == "something else"


def test_a_workflow_that_runs_long_has_it_too(guarded: Guarded) -> None:
    guarded.make(kind="STANDARD").open()
    given = {"calls": str(guarded.directory / "calls")}
    for expected in ("something else", "said"):
        ended = guarded.states.wait(guarded.states.start(guarded.arn, given))
        assert json.loads(ended["output"]) == expected
        guarded.open(retry_in_seconds=-1)
