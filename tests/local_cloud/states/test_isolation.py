"""Many executions at once: each has its own history, whole and in order, and is never seen half ended."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local_cloud.states import backend
from local_cloud.states.execution import LocalExecution
from tests.support.states_cloud import ACCOUNT, REGION, States, only
from tests.support.threads import THREADS, at_once

ITEMS = 8
MAP = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "First",
                "States": {
                    "First": {"Type": "Pass", "Next": "Second"},
                    "Second": {"Type": "Pass", "End": True},
                },
            },
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}
                for name in ("Left", "Right")
            ],
            "End": True,
        },
    },
}


def executions() -> backend.LocalStatesBackend:
    own_backend: backend.LocalStatesBackend = stepfunctions_parser_backends[ACCOUNT][REGION]
    return own_backend


def check_history(events: list[dict[str, Any]], given: dict[str, Any]) -> None:
    """Check that every state that was entered was left, in an order that the ids and the previous events tell."""
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    by_id = {event["id"]: event for event in events}
    assert (events[0]["type"], events[-1]["type"]) == ("ExecutionStarted", "ExecutionSucceeded")
    assert json.loads(events[0]["executionStartedEventDetails"]["input"]) == given
    entered: dict[str, int] = {}
    for event in events[1:]:
        assert 0 <= event["previousEventId"] < event["id"], event
        if event["type"].endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            entered[name] = entered.get(name, 0) + 1
        if event["type"].endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            entered[name] -= 1
            chain, seen = event["previousEventId"], False
            while chain and not seen:
                before = by_id[chain]
                seen = before.get("stateEnteredEventDetails", {}).get("name") == name
                chain = before["previousEventId"]
            assert seen, event
    assert set(entered.values()) == {0}
    assert set(entered) == {"Each", "First", "Second", "Both", "Left", "Right"}


def test_every_execution_has_its_own_whole_history(states: States) -> None:
    arn = states.machine(MAP, kind="STANDARD")

    def run(number: int) -> tuple[str, dict[str, Any]]:
        given = {"items": [f"{number}-{item}" for item in range(ITEMS)]}
        execution = states.start(arn, given, name=f"run-{number}")
        return execution, given

    for execution, given in at_once([functools.partial(run, number) for number in range(THREADS)]):
        ended = states.wait(execution, within_seconds=120)
        assert json.loads(ended["output"]) == [given["items"], given["items"]]
        check_history(states.events(execution), given)


def test_an_execution_that_has_ended_has_its_outcome(states: States) -> None:
    failing = {"Type": "Fail", "Error": "Wrong", "Cause": "as it should be"}
    machines = {
        "SUCCEEDED": states.machine(only({"Type": "Pass"}), kind="STANDARD"),
        "FAILED": states.machine(only(failing), kind="STANDARD"),
    }

    def run(number: int, status: str) -> None:
        execution = executions().start_execution(machines[status], execution_input=str(number))
        while (described := execution.describe())["status"] == "RUNNING":
            pass
        assert described["stopDate"] >= described["startDate"]
        outcome = [described.get(name) for name in ("status", "output", "error", "cause")]
        if status == "SUCCEEDED":
            assert outcome == [status, str(number), None, None]
        else:
            assert outcome == [status, None, "Wrong", "as it should be"]
        assert execution.to_history_output()["events"][-1]["type"].value == f"Execution{status.capitalize()}"

    at_once([functools.partial(run, number, status) for number in range(4 * THREADS) for status in machines])


def test_one_execution_of_a_name(states: States) -> None:
    arn = states.machine(only({"Type": "Wait", "Seconds": 60}), kind="STANDARD")
    started = at_once([functools.partial(states.start, arn, {"a": 1}, name="same")] * THREADS)
    assert len(set(started)) == 1
    assert len(states.sfn.list_executions(stateMachineArn=arn)["executions"]) == 1
    states.sfn.stop_execution(executionArn=started[0])


@pytest.mark.parametrize("operation", ["describe", "list"])
def test_an_execution_is_found_while_an_older_one_is_forgotten(
    states: States, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setattr(backend, "_MOST_ENDED_EXECUTIONS", 2)
    arn = states.machine(only({"Type": "Wait", "SecondsPath": "$.seconds"}), kind="STANDARD")
    oldest, sought = states.start(arn, {"seconds": 0}), states.start(arn, {"seconds": 60})
    states.wait(oldest)
    slow: Any = executions().describe_execution(oldest)
    slow.__class__ = _Slow
    slow.when_looked_at = functools.partial(states.start, arn, {"seconds": 0})
    if operation == "describe":
        found = [executions().describe_execution(sought)]
    else:
        found = executions().list_all_executions(arn, "RUNNING")
    assert sought in [execution.exec_arn for execution in found]
    states.sfn.stop_execution(executionArn=sought)


class _Slow(LocalExecution):
    """An execution, while which is looked at another thread does something."""

    when_looked_at: Callable[[], object]

    def __getattribute__(self, name: str) -> Any:
        if name in ("exec_arn", "version_arn", "status") and "when_looked_at" in self.__dict__:
            other = threading.Thread(target=self.__dict__.pop("when_looked_at"))
            other.start()
            other.join()
        return super().__getattribute__(name)
