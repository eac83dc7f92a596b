"""The timeline of tools/timeline.py, read from histories that the interpreter wrote and from made ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local_cloud.console.timeline import Row, timeline
from tests.support.states_cloud import States, invoke, only
from tests.support.waiting import eventually
from tools.timeline import lines, show

STEP: dict[str, Any] = {"Type": "Pass", "End": True}
START = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int, previous: int, at_ms: int, kind: str, **details: Any) -> dict[str, Any]:
    executions = {
        "id": number,
        "previousEventId": previous,
        "timestamp": START + timedelta(milliseconds=at_ms),
        "type": kind,
    }
    return executions | ({f"{kind[0].lower()}{kind[1:]}EventDetails": details} if details else {})


def summary(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row.depth, row.state, row.iteration, row.outcome, row.attempts, row.error) for row in rows]


def test_a_retried_task_and_one_that_goes_on() -> None:
    rows = timeline(
        [
            event(1, 0, 0, "ExecutionStarted"),
            event(2, 0, 1, "TaskStateEntered", name="Read"),
            event(3, 2, 1, "TaskScheduled"),
            event(4, 3, 31, "TaskFailed", error="Busy"),
            event(5, 4, 1031, "TaskScheduled"),
            event(6, 5, 1040, "TaskSucceeded"),
            event(7, 6, 1041, "TaskStateExited", name="Read"),
            event(8, 7, 1041, "TaskStateEntered", name="Write"),
            event(9, 8, 1050, "TaskScheduled"),
        ]
    )
    assert rows == [
        Row("Read", "Task", 0, None, 1.0, 1040.0, "succeeded", 2, "Busy"),
        Row("Write", "Task", 0, None, 1041.0, 9.0, "running", 1, None),
    ]
    assert lines(rows) == [
        "Read   +      1 ms    1040 ms  ████████████████████████████████  Busy, 2 attempts",
        "Write  +   1041 ms       9 ms  ·······························█  running",
    ]


def test_no_events_make_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show("Nothing", timeline([]))
    assert capsys.readouterr().out == "\nNothing\n"


def test_branches_and_iterations_are_inside_of_their_states(states: States) -> None:
    processor = {"StartAt": "Item", "States": {"Item": {"Type": "Pass", "Next": "Second"}, "Second": STEP}}
    fan = {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "Next": "After"}, "After": STEP}},
            {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": processor, "End": True}}},
        ],
        "Next": "Last",
    }
    answer = states.run({"StartAt": "Fan", "States": {"Fan": fan, "Last": STEP}}, ["a", "b"])
    rows = timeline(states.events(answer["executionArn"]))
    assert sorted((row.depth, row.state, row.iteration) for row in rows if row.iteration is None) == [
        (0, "Fan", None),
        (0, "Last", None),
        (1, "After", None),
        (1, "Each", None),
        (1, "Left", None),
    ]
    assert sorted((row.depth, row.state, row.iteration) for row in rows if row.iteration is not None) == [
        (2, "Item", 0),
        (2, "Item", 1),
        (2, "Second", 0),
        (2, "Second", 1),
    ]
    assert {row.outcome for row in rows} == {"succeeded"}
    fan_row, last_row = rows[0], rows[-1]
    assert (fan_row.state, last_row.state) == ("Fan", "Last")
    assert fan_row.start_ms + fan_row.duration_ms <= last_row.start_ms
    assert all(row.start_ms >= fan_row.start_ms for row in rows)


def test_a_fallback_after_retries(states: States, tmp_path: Path) -> None:
    retry = [{"ErrorEquals": ["Overloaded"], "MaxAttempts": 1, "JitterStrategy": "FULL"}]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Fallback", "ResultPath": "$.error"}]
    first = {**invoke(states.function, Retry=retry, Catch=catch), "Next": "Done"}
    definition = {
        "StartAt": "First",
        "States": {"First": first, "Fallback": {"Type": "Pass", "Next": "Done"}, "Done": {"Type": "Succeed"}},
    }
    answer = states.run(definition, {"do": "fail_at_first", "times": 9, "file": str(tmp_path / "calls")})
    assert summary(timeline(states.events(answer["executionArn"]))) == [
        (0, "First", None, "caught", 2, "Overloaded"),
        (0, "Fallback", None, "succeeded", 0, None),
        (0, "Done", None, "succeeded", 0, None),
    ]


def test_a_failed_execution_ends_in_the_state_that_failed(states: States) -> None:
    definition = {
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Fail", "Error": "Bad"}},
    }
    answer = states.run(definition)
    assert summary(timeline(states.events(answer["executionArn"]))) == [
        (0, "A", None, "succeeded", 0, None),
        (0, "B", None, "failed", 0, "Bad"),
    ]


def test_a_stopped_execution_leaves_its_state_aborted(states: States) -> None:
    execution = states.start(states.machine(only({"Type": "Wait", "Seconds": 60}), kind="STANDARD"))
    eventually(lambda: "WaitStateEntered" in states.kinds(execution))
    assert summary(timeline(states.events(execution))) == [(0, "Only", None, "running", 0, None)]
    states.sfn.stop_execution(executionArn=execution)
    assert summary(timeline(states.events(execution))) == [(0, "Only", None, "aborted", 0, None)]
