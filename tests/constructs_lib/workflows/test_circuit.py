"""The states of a circuit breaker: what leads where, and what each may touch."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_lib.errors import ConstructError
from constructs_lib.workflows.branches import Map, Parallel
from constructs_lib.workflows.circuit import CALLERS_ERRORS, CIRCUIT_OPEN, LONGEST_STATE_NAME
from constructs_lib.workflows.data_flow import check_data_flow
from constructs_lib.workflows.duration import longest_seconds
from constructs_lib.workflows.expressions import Input, Item, Variable
from constructs_lib.workflows.failures import Catch, Retry
from constructs_lib.workflows.http_errors import ERRORS
from constructs_lib.workflows.rendering import render
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Choice, Continue, Fail, GoTo, Pass, Succeed, Wait
from constructs_lib.workflows.structure import check_structure
from constructs_lib.workflows.tasks import LambdaTask
from handlers.common.budgets import BudgetExceeded
from handlers.common.errors import ServiceError, error_named
from tests.support.workflow_steps import CIRCUIT, FUNCTION, RESOURCE

KEPT = "{% $states.input %}"
DONE = Succeed("done")


def call(name: str = "call", **more: Any) -> LambdaTask:
    return LambdaTask(name, FUNCTION, retry=more.pop("retry", ()), **more)


def checked(step: Step) -> dict[str, Any]:
    rendered = render("shop/flow", step)
    check_structure("shop/flow", rendered.asl, "EXPRESS")
    check_data_flow("shop/flow", rendered.asl, rendered.item_readers)
    return rendered.asl


def states(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = checked(step)["States"]
    return found


def caught(state: dict[str, Any]) -> dict[str, str]:
    """Return the next state of each error."""
    return {error: one["Next"] for one in state["Catch"] for error in one["ErrorEquals"]}


def guarded() -> dict[str, Any]:
    second = call("second", result="answer")
    around = CIRCUIT.around(call(result="answer"), instead=second)
    return states(around >> Succeed("done", output=Variable("answer")))


def test_the_ways_through_it() -> None:
    found = guarded()
    assert list(found) == [
        "call: circuit",
        "call: open?",
        "second",
        "done",
        "call: one trial",
        "call",
        "call: recovered?",
        "call: close",
        "call: refused",
        "call: count",
    ]
    choice = found["call: open?"]
    assert [(one["Condition"], one["Next"]) for one in choice["Choices"]] == [
        ('{% ($call_circuit.state = "open") %}', "second"),
        ('{% ($call_circuit.state = "half-open") %}', "call: one trial"),
    ]
    assert choice["Default"] == found["call: one trial"]["Next"] == "call"
    assert found["call"]["Next"] == "call: recovered?"
    assert (found["call: recovered?"]["Choices"][0]["Next"], found["call: recovered?"]["Default"]) == (
        "call: close",
        "done",
    )
    assert found["call: close"]["Next"] == found["second"]["Next"] == "done"
    assert found["call: count"]["Next"] == "second"
    assert caught(found["call"]) == {
        **dict.fromkeys(CALLERS_ERRORS, "call: refused"),
        "States.ALL": "call: count",
    }


def test_what_it_knows_is_one_item_that_changes_at_once_or_not_at_all() -> None:
    found = guarded()
    on_item = {"TableName": "things", "Key": {"circuit": {"S": "shop-model"}}}
    later = "{% $string($ceil($millis() / 1000) + 30) %}"
    expiry = "{% $string($ceil($millis() / 1000) + 86430) %}"
    assert found["call: circuit"]["Arguments"] == {**on_item, "ConsistentRead": True}
    assert found["call: count"]["Arguments"] == {
        **on_item,
        "UpdateExpression": "SET retry_at = :later, #expiry = :expiry ADD failures :one",
        "ExpressionAttributeNames": {"#expiry": "expires_at"},
        "ExpressionAttributeValues": {":later": {"N": later}, ":expiry": {"N": expiry}, ":one": {"N": "1"}},
    }
    assert found["call: one trial"]["Arguments"] == {
        **on_item,
        "UpdateExpression": "SET retry_at = :later, #expiry = :expiry",
        "ExpressionAttributeNames": {"#expiry": "expires_at"},
        "ExpressionAttributeValues": {
            ":later": {"N": later},
            ":expiry": {"N": expiry},
            ":seen": {"N": "{% $call_circuit.retry_at %}"},
        },
        "ConditionExpression": "retry_at = :seen",
    }
    assert found["call: close"]["Arguments"] == {
        **on_item,
        "ConditionExpression": "failures = :seen",
        "ExpressionAttributeValues": {":seen": {"N": "{% $string($call_circuit.failures) %}"}},
    }


def test_its_own_calls_are_short_and_lead_on_whatever_becomes_of_them() -> None:
    found = guarded()
    own = {name: one for name, one in found.items() if ":::dynamodb:" in one.get("Resource", "")}
    assert len(own) == 4
    for name, state in own.items():
        assert state["TimeoutSeconds"] == 2
        assert "Retry" not in state
        assert state["Output"] == KEPT
        everything = state["Catch"][-1]
        assert everything["ErrorEquals"] == ["States.ALL"]
        assert (everything["Next"], everything["Output"]) == (state["Next"], KEPT), name
    lost = {error for error, target in caught(found["call: one trial"]).items() if target == "second"}
    assert lost == {"DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"}


def test_its_role_may_touch_its_item_and_no_other() -> None:
    rendered = render("shop/flow", CIRCUIT.around(call()) >> DONE)
    assert [(one.actions, one.resources) for one in rendered.permissions] == [
        ((f"dynamodb:{action}Item",), (RESOURCE.arn,)) for action in ("Get", "Update", "Delete")
    ]
    for one in rendered.permissions:
        assert one.conditions == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ("shop-model",)}}


def test_with_nothing_to_do_instead_the_workflow_fails_by_the_error_of_the_task() -> None:
    found = states(CIRCUIT.around(call()) >> DONE)
    assert found["call: not tried"] == {
        "Type": "Fail",
        "Error": CIRCUIT_OPEN,
        "Cause": "3 failures in a row have opened the circuit 'shop-model'.",
    }
    again = {
        "Type": "Fail",
        "Error": "{% $call_problem.Error %}",
        "Cause": '{% ($exists($call_problem.Cause) ? $call_problem.Cause : "The error has no cause.") %}',
    }
    assert found["call: failed"] == found["call: refused"] == again
    assert found["call: count"]["Next"] == "call: failed"
    assert found["call: one trial"]["Catch"][0]["Next"] == "call: not tried"


def test_an_open_circuit_is_answered_as_busy() -> None:
    assert (ERRORS[CIRCUIT_OPEN].status, ERRORS[CIRCUIT_OPEN].code) == (503, "circuit_open")


def test_errors_that_are_the_callers_fault_are_those_of_the_services() -> None:
    def below(error: type[ServiceError]) -> set[type[ServiceError]]:
        return {error}.union(*(below(one) for one in error.__subclasses__()))

    ours = {
        one.__name__
        for one in below(ServiceError)
        if 400 <= one.status < 500
        and (one.__module__ == ServiceError.__module__ or error_named(one.__name__) is one)
    }
    assert BudgetExceeded.__name__ in ours
    assert set(CALLERS_ERRORS) == ours | {"States.QueryEvaluationError"}


def test_errors_that_were_named_count_and_all_others_fail_as_they_would() -> None:
    found = states(CIRCUIT.around(call(), instead=Pass("no"), errors=["BackendError"]) >> DONE)
    assert caught(found["call"]) == {"BackendError": "call: count"}
    assert "call: refused" not in found


def test_what_the_task_catches_itself_does_not_count() -> None:
    sorry = Pass("sorry", variables={"x": None})
    task = call(result="x", catch=[Catch(to=sorry, errors=["UnprocessableInput", "Odd"])])
    found = states(CIRCUIT.around(task, instead=sorry) >> Succeed("done", output=Variable("x")))
    leads = caught(found["call"])
    assert leads["UnprocessableInput"] == leads["Odd"] == "sorry"
    assert leads["InvalidRequest"] == "call: refused"
    assert leads["States.ALL"] == "call: count"
    assert found["sorry"]["Next"] == "done"


def test_the_task_is_tried_again_first() -> None:
    task = call(retry=[Retry(max_attempts=1)])
    assert states(CIRCUIT.around(task) >> DONE)["call"]["Retry"][0]["MaxAttempts"] == 1
    assert longest_seconds(checked(CIRCUIT.around(task) >> DONE), "EXPRESS") == 2 + 2 + (5 + 1 + 5) + 2


@pytest.mark.parametrize(
    "step",
    [
        CIRCUIT.around(call(), instead=Continue()) >> DONE,
        CIRCUIT.around(call(), instead=Wait("a moment", seconds=1) >> Pass("b")) >> DONE,
        CIRCUIT.around(call("a"), instead=CIRCUIT.around(call("b"), instead=Pass("c"))) >> DONE,
        CIRCUIT.around(call("a b")) >> CIRCUIT.around(call("a_b")) >> CIRCUIT.around(call("a-b")) >> DONE,
        CIRCUIT.around(call("1.")) >> CIRCUIT.around(call("?")) >> DONE,
        Pass("again") >> CIRCUIT.around(call(), instead=GoTo("again")) >> DONE,
        CIRCUIT.around(Parallel("both", {"a": call("left"), "b": call("right")}, result="both")) >> DONE,
        Choice("?", [(Input("a").exists(), CIRCUIT.around(call()))], default=Continue()) >> DONE,
        Parallel(
            "both",
            {"a": CIRCUIT.around(call("left")) >> DONE, "b": call("right")},
            catch_each=True,
            result="x",
        )
        >> Pass("end"),
        Map(
            "each",
            Input("items"),
            each=CIRCUIT.around(call(input={"a": Item("a")}, result="x"), instead=Fail("no", error="No"))
            >> Succeed("it", output=[Item("b"), Variable("x")]),
            catch_each=True,
        ),
    ],
)
def test_it_can_stand_wherever_something_follows(step: Step) -> None:
    checked(step)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: checked(CIRCUIT.around(call())),
            "shop/flow: Continue() has no next step; end with a state, such as Succeed('done')",
        ),
        (
            lambda: CIRCUIT.around(call() >> call("b")),  # type: ignore[arg-type]
            (
                "CircuitBreaker.around: task is of type Chain; pass one state that can fail, such as a LambdaTask"
            ),
        ),
        (
            lambda: CIRCUIT.around(call("x" * 80)),
            (
                f"LambdaTask '{'x' * 80}': the name has 80 characters, and a task with a circuit breaker may have "
                f"{LONGEST_STATE_NAME}; shorten it"
            ),
        ),
        (
            lambda: checked(CIRCUIT.around(call(), instead=Pass("call: count")) >> DONE),
            "shop/flow/call: count: two states have this name; give one of them another name",
        ),
        (
            lambda: checked(CIRCUIT.around(call(catch=[Catch(to=Pass("all"))])) >> DONE),
            (
                f"shop/flow/call: a Catch for {', '.join(CALLERS_ERRORS)} comes after one for States.ALL, and is never used; put it "
                "first, or remove it"
            ),
        ),
        (
            lambda: checked(
                CIRCUIT.around(call(result="x"), instead=Pass("nothing"))
                >> Succeed("end", output=Variable("x"))
            ),
            (
                "shop/flow/end: reads 'x', which is not set on every path to it; set it on each path, for example by a Pass with variables={...}"
            ),
        ),
    ],
)
def test_a_mistake_is_named(make: Any, expected: str) -> None:
    with pytest.raises(ConstructError) as refusal:
        make()
    assert str(refusal.value) == expected


def test_the_longest_name_makes_names_that_are_short_enough() -> None:
    found = states(CIRCUIT.around(call("x" * LONGEST_STATE_NAME)) >> DONE)
    assert max(map(len, found)) == 80
