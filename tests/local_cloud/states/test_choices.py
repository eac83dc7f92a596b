"""Comparisons of Choice states, and timestamps, as AWS's documentation and recorded executions have them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.states_cloud import States, only

NOON = "2026-01-01T12:00:00Z"


def choice(condition: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A state machine that answers whether a condition holds."""
    answers = {name: {"Type": "Pass", "Result": name == "Yes", "End": True} for name in ("Yes", "No")}
    choose = {"Type": "Choice", "Choices": [{**condition, "Next": "Yes"}], "Default": "No"}
    return {"StartAt": "Choose", "States": {"Choose": choose, **answers}, **more}


@pytest.mark.parametrize(
    ("value", "operator", "operand", "expected"),
    [
        ("2026-01-01T12:00:00.001Z", "TimestampGreaterThan", NOON, True),
        ("2026-01-01T12:00:00.000Z", "TimestampEquals", NOON, True),
        ("2026-01-01T13:00:00+01:00", "TimestampEquals", NOON, True),
        ("2026-01-01T12:00:00", "TimestampEquals", NOON, False),
        ("2026-01-01 12:00:00Z", "IsTimestamp", True, False),
        ("2026-13-01T12:00:00Z", "IsTimestamp", True, False),
        ("2026-01-01T12:00:00.5Z", "IsTimestamp", True, True),
        ("what?", "StringMatches", "what?", True),
        ("whatX", "StringMatches", "what?", False),
        ("a[b]c", "StringMatches", "a[b]*", True),
        ("a*c", "StringMatches", "a\\*c", True),
        ("abc", "StringMatches", "a\\*c", False),
        ("a\\b", "StringMatches", "a\\\\*", True),
        ("a\nb", "StringMatches", "a*b", True),
        ("a", "NumericEquals", 1, False),
        (True, "NumericEquals", 1, False),
        (1, "BooleanEquals", True, False),
        (1, "NumericEquals", 1.0, True),
        (None, "StringEquals", "null", False),
        (None, "IsNull", True, True),
        ([], "IsPresent", True, True),
    ],
)
def test_a_comparison(states: States, value: Any, operator: str, operand: Any, expected: bool) -> None:
    condition = {"Variable": "$.v", operator: operand}
    assert states.output(choice(condition), {"v": value}) is expected


@pytest.mark.parametrize(
    ("value", "operator", "other", "expected"),
    [
        (1, "NumericLessThanPath", 2, True),
        (3, "NumericLessThanPath", 2, False),
        (1, "NumericLessThanPath", "2", False),
        ("a", "StringGreaterThanPath", 1, False),
        ("a", "BooleanEqualsPath", "a", False),
        (NOON, "TimestampLessThanPath", "soon", False),
        (NOON, "TimestampLessThanPath", "2026-01-01T12:00:00.1Z", True),
    ],
)
@pytest.mark.parametrize("path", ["$.other", "$$.Execution.Input.other", "$other"])
def test_a_comparison_with_a_path(
    states: States, value: Any, operator: str, other: Any, expected: bool, path: str
) -> None:
    definition = choice({"Variable": "$.v", operator: path})
    start = {"Type": "Pass", "Assign": {"other.$": "$.other"}, "Next": "Choose"}
    definition = {**definition, "StartAt": "Start", "States": {"Start": start, **definition["States"]}}
    assert states.output(definition, {"v": value, "other": other}) is expected


@pytest.mark.parametrize(("value", "expected"), [(1, "rule"), (2, "default")])
def test_a_rule_that_leads_where_default_leads_has_its_own_assign(
    states: States, value: int, expected: str
) -> None:
    rule = {"Variable": "$.v", "NumericEquals": 1, "Assign": {"by": "rule", "v.$": "$.v"}, "Next": "End"}
    choose = {"Type": "Choice", "Choices": [rule], "Assign": {"by": "default"}, "Default": "End"}
    end = {"Type": "Pass", "Parameters": {"by.$": "$by"}, "End": True}
    assert states.output({"StartAt": "C", "States": {"C": choose, "End": end}}, {"v": value}) == {
        "by": expected
    }


def test_a_rule_that_leads_where_default_leads_has_its_own_output(states: States) -> None:
    rule = {"Condition": "{% $states.input.v = 1 %}", "Output": "rule", "Next": "End"}
    choose = {"Type": "Choice", "Choices": [rule], "Output": "default", "Default": "End"}
    definition = {
        "StartAt": "C",
        "States": {"C": choose, "End": {"Type": "Succeed"}},
        "QueryLanguage": "JSONata",
    }
    assert [states.output(definition, {"v": value}) for value in (1, 2)] == ["rule", "default"]


def test_the_times_of_the_context_object_are_timestamps(states: States) -> None:
    entered = {"Variable": "$$.State.EnteredTime", "TimestampGreaterThanEqualsPath": "$$.Execution.StartTime"}
    assert states.output(choice(entered)) is True
    assert states.output(only({"Type": "Pass", "OutputPath": "$$.Execution.RedriveCount"})) == 0


@pytest.mark.parametrize("path", ["$.none", "$$.Execution.Input.none", "$none"])
def test_a_comparison_with_a_path_without_a_value_fails(states: States, path: str) -> None:
    definition = choice({"Variable": "$.v", "NumericEqualsPath": path})
    answer = states.run(definition, {"v": 1})
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")
    assert answer["cause"].endswith(
        f"Invalid path '{path}': The choice state's condition path references an invalid value."
    )


@pytest.mark.parametrize("zone", ["UTC-3", "UTC+3"])
def test_a_wait_for_a_timestamp_does_not_depend_on_the_time_zone_of_the_machine(
    states: States, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        arn = states.machine(only({"Type": "Wait", "TimestampPath": "$.until"}), kind="STANDARD")
        past = states.start(arn, {"until": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()})
        assert states.wait(past)["status"] == "SUCCEEDED"
        future = states.start(arn, {"until": (datetime.now(UTC) + timedelta(minutes=1)).isoformat()})
        assert states.sfn.stop_execution(executionArn=future)
        assert states.wait(future)["status"] == "ABORTED"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_timestamp_of_jsonata_that_is_none_is_an_evaluation_error(states: States) -> None:
    wait = {"Type": "Wait", "Timestamp": "{% $states.input.until %}"}
    execution = states.start(
        states.machine(only(wait, QueryLanguage="JSONata"), kind="STANDARD"),
        {"until": "2016-13-05T21:29:29Z"},
    )
    assert states.wait(execution)["error"] == "States.QueryEvaluationError"
    failed = states.events(execution)[-2]["evaluationFailedEventDetails"]
    assert (failed["location"], failed["state"]) == ("Timestamp", "Only")
    assert failed["cause"].endswith(
        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "
        "2016-13-05T21:29:29Z"
    )
