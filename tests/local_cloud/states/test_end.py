"""Executions when a local cloud ends, and many of them at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local_cloud.states import stop_executions
from tests.support.states_cloud import States, invoke, only
from tests.support.waiting import eventually


def test_many_executions_at_once_do_not_mix(states: States) -> None:
    item = {
        "StartAt": "Double",
        "States": {"Double": {"Type": "Pass", "Output": "{% $states.input * $factor %}", "End": True}},
    }
    fan = {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Each", "States": {"Each": {"Type": "Map", "Items": "{% $items %}", "ItemProcessor": item, "End": True}}},
            {"StartAt": "Same", "States": {"Same": {"Type": "Pass", "Output": "{% $items %}", "End": True}}},
        ],
        "End": True,
    }  # fmt: skip
    take = {
        "Type": "Pass",
        "Assign": {"items": "{% $states.input.items %}", "factor": "{% $states.input.factor %}"},
    }
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Take",
        "States": {"Take": {**take, "Next": "Fan"}, "Fan": fan},
    }
    arn = states.machine(definition)

    def run(number: int) -> Any:
        given = json.dumps({"items": [number, number + 1, number + 2], "factor": number})
        answer = states.sfn.start_sync_execution(stateMachineArn=arn, input=given)
        return json.loads(answer.get("output", "null")), answer.get("cause")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(run, range(24)))
    assert answers == [([[n * n, (n + 1) * n, (n + 2) * n], [n, n + 1, n + 2]], None) for n in range(24)]


def test_executions_can_be_stopped_all_at_once_for_the_end_of_the_local_cloud(states: States) -> None:
    arn = states.machine(only({"Type": "Wait", "Seconds": 60}))
    task = states.machine(only(invoke(states.function)), kind="STANDARD")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(states.sfn.start_sync_execution, stateMachineArn=arn)
        execution = states.start(task, {"do": "sleep", "seconds": 5})
        assert eventually(lambda: states.kinds_of_newest(arn) == ["ExecutionStarted", "WaitStateEntered"])
        stop_executions()
        answer = waiting.result(timeout=10)
    assert (answer["status"], answer["cause"]) == ("FAILED", "The local cloud was stopped")
    assert states.wait(execution)["status"] == "ABORTED"
    assert "aborted after" in states.log(arn)
