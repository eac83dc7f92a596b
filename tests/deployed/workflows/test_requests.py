"""Workflows within a request, deployed by the real Terraform and called over HTTP: each pattern, and how it can go wrong."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local_cloud.console.timeline import timeline
from tests.support.small_workflows import Flows, refused, until
from tests.support.workflow_stack import FAILURES, STACK

FIRST, SECOND = f"{STACK}-first", f"{STACK}-second"
ODD = {"do": "fail", "error": "Odd"}
STEP_FAILED = {"code": "step_failed", "message": "This step failed."}
SAY = {"say": 1}
CALLER = {
    "kind": "principal",
    "principal": "ada",
    "sourceIp": "127.0.0.1",
    **dict.fromkeys(("tenant", "key", "pseudonym", "limits"), ""),
}


# Within the request: what works.


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"kind": "sequence", "first": {"say": 1}}, {"two": {"after": 1}}),
        (
            {"kind": "parallel", "left": {"say": 1}, "right": {"say": 2}},
            {
                "results": {"left": {"said": 1, "by": FIRST}, "right": {"said": 2, "by": SECOND}},
                "failed": [],
            },
        ),
        (
            {"kind": "map", "items": [{"say": number} for number in range(5)]},
            {"items": [{"result": {"said": number, "by": FIRST}} for number in range(5)]},
        ),
        ({"kind": "map", "items": []}, {"items": []}),
        ({"kind": "fallback", "call": {"say": 1}, "instead": {"say": 2}}, {"said": 1, "by": FIRST}),
        ({"kind": "fallback", "call": ODD, "instead": {"say": 2}}, {"said": 2, "by": SECOND}),
        ({"kind": "model", "say": "hello"}, {"said": "hello", "by": SECOND}),
        ({"kind": "wait", "seconds": 0}, {"rested": True}),
    ],
    ids=lambda value: str(value["kind"]) if isinstance(value, dict) and "kind" in value else "",
)
def test_each_pattern_answers(flows: Flows, body: dict[str, Any], expected: object) -> None:
    answer = flows.call("POST", "/patterns", body)
    assert (answer.status, answer.body) == (200, expected)


def test_services_of_aws_are_called_and_what_they_refuse_is_a_conflict(flows: Flows) -> None:
    body = {"kind": "services", "id": secrets.token_hex(8), "say": "kept"}
    answer = flows.call("POST", "/patterns", body)
    assert (answer.status, answer.body) == (200, {"said": "kept"})
    assert flows.messages("told_queue") == [{"said": "kept"}]
    refused(flows.call("POST", "/patterns", body), 409, "conflict")
    assert flows.messages("told_queue") == []


def test_hand_written_json_paths_run_as_they_are(flows: Flows) -> None:
    answer = flows.call("POST", "/hand-written", {"say": "hello"})
    assert (answer.status, answer.body) == (200, {"heard": "hello"})
    refused(flows.call("POST", "/hand-written", {"say": ""}), 422, "unprocessable_input")
    refused(flows.call("POST", "/hand-written", {}), 502, "workflow_failed")


# Within the request: what goes wrong.


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("InvalidRequest", 400, "invalid_request"),
        ("NotFound", 404, "not_found"),
        ("PayloadTooLarge", 413, "payload_too_large"),
        ("UnprocessableInput", 422, "unprocessable_input"),
        ("InternalError", 500, "internal_error"),
        ("BackendError", 502, "backend_error"),
        ("BackendUnavailable", 503, "backend_unavailable"),
        ("BackendTimeout", 504, "backend_timeout"),
        ("ZeroDivisionError", 502, "workflow_failed"),
    ],
)
def test_what_a_function_raises_is_answered_by_its_name(
    flows: Flows, error: str, status: int, code: str
) -> None:
    refused(flows.call("POST", "/call", {"do": "fail", "error": error}), status, code)


def test_a_task_that_takes_too_long_ends(flows: Flows) -> None:
    call = {"do": "sleep", "seconds": 1.5}
    refused(flows.call("POST", "/patterns", {"kind": "impatient", "call": call}), 504, "workflow_timeout")


def test_a_workflow_that_takes_too_long_ends_before_api_gateway_stops_waiting(flows: Flows) -> None:
    refused(flows.call("POST", "/endless", {}), 504, "workflow_timeout")
    (last,) = flows.executions("endless")
    assert last["status"] == "TIMED_OUT"


def test_a_function_that_takes_no_calls_is_tried_until_it_does(flows: Flows) -> None:
    body = {"kind": "patient", "call": {"say": "at last"}}
    before = len(flows.executions("patterns"))
    with ThreadPoolExecutor(1) as threads:
        with flows.no_calls("first"):
            pending = threads.submit(flows.call, "POST", "/patterns", body)
            until(lambda: len(flows.executions("patterns")) > before)
            last = flows.executions("patterns")[0]["executionArn"]
            until(lambda: any("Failed" in event["type"] for event in flows.events(last)))
        answer = pending.result()
    assert (answer.status, answer.body) == (200, {"said": "at last", "by": FIRST})
    (patient,) = [row for row in timeline(flows.events(last)) if row.state == "patient"]
    assert (patient.outcome, patient.error) == ("succeeded", "Lambda.TooManyRequestsException")
    assert patient.attempts > 1


def test_a_function_that_takes_no_calls_and_is_not_tried_again_is_busy(flows: Flows) -> None:
    with flows.no_calls("first"):
        refused(flows.call("POST", "/call", {"say": 1}), 503, "backend_unavailable")


def test_one_branch_that_fails_leaves_the_others_and_is_named(flows: Flows) -> None:
    branches = {"left": {"say": 1}, "right": ODD}
    answer = flows.call("POST", "/patterns", {"kind": "parallel", **branches})
    assert (answer.status, answer.body) == (
        200,
        {
            "results": {"left": {"said": 1, "by": FIRST}, "right": None},
            "failed": [{"branch": "right", "error": STEP_FAILED}],
        },
    )
    refused(flows.call("POST", "/patterns", {"kind": "strict", **branches}), 502, "workflow_failed")


def test_one_poisoned_item_leaves_the_others(flows: Flows) -> None:
    answer = flows.call("POST", "/patterns", {"kind": "map", "items": [{"say": 1}, ODD, {"say": 3}]})
    assert (answer.status, answer.body["items"]) == (
        200,
        [
            {"result": {"said": 1, "by": FIRST}},
            {"result": None, "error": STEP_FAILED},
            {"result": {"said": 3, "by": FIRST}},
        ],
    )


# A circuit breaker.

CLOSED = ["call it: circuit", "call it: open?", "call it", "call it: recovered?", "answered"]
NOT_TRIED = ["call it: circuit", "call it: open?", "ask the other", "answered"]
BY_FIRST, BY_SECOND = {"said": 1, "by": FIRST}, {"said": "instead", "by": SECOND}


@pytest.fixture
def circuits(flows: Flows) -> str:
    """The table of circuits; all are closed."""
    table: str = flows.outputs["circuits"]
    for name in ("circuit", "lonely-circuit"):
        flows.client("dynamodb").delete_item(TableName=table, Key={"circuit": {"S": f"{STACK}-{name}"}})
    return table


def guarded(flows: Flows, body: object = SAY) -> Any:
    answer = flows.call("POST", "/guarded", body)
    assert answer.status == 200, answer
    return answer.body


def test_a_service_that_fails_is_left_alone_until_one_trial_succeeds(flows: Flows, circuits: str) -> None:
    assert guarded(flows) == BY_FIRST
    assert flows.states("guarded") == CLOSED
    for _ in range(FAILURES):
        assert guarded(flows, ODD) == BY_SECOND
        assert flows.states("guarded")[2:] == ["call it", "call it: count", "ask the other", "answered"]
    assert guarded(flows) == BY_SECOND
    assert flows.states("guarded") == NOT_TRIED

    until(lambda: guarded(flows) == BY_FIRST)
    assert flows.states("guarded")[2:] == [
        "call it: one trial",
        "call it",
        "call it: recovered?",
        "call it: close",
        "answered",
    ]
    assert guarded(flows) == BY_FIRST
    assert flows.states("guarded") == CLOSED
    assert flows.client("dynamodb").scan(TableName=circuits)["Items"] == []


def test_a_function_that_takes_no_calls_opens_it_and_wrong_requests_do_not(
    flows: Flows, circuits: str
) -> None:
    for _ in range(FAILURES + 1):
        wrong = {"do": "fail", "error": "InvalidRequest"}
        refused(flows.call("POST", "/guarded", wrong), 400, "invalid_request")
    assert guarded(flows) == BY_FIRST
    with flows.no_calls("first"):
        for _ in range(FAILURES):
            assert guarded(flows) == BY_SECOND
    assert guarded(flows) == BY_SECOND
    assert flows.states("guarded") == NOT_TRIED


def test_with_nothing_to_do_instead_callers_are_told_to_come_later(flows: Flows, circuits: str) -> None:
    failing = {"do": "fail", "error": "BackendTimeout"}
    refused(flows.call("POST", "/guarded-alone", failing), 504, "backend_timeout")
    refused(flows.call("POST", "/guarded-alone", SAY), 503, "circuit_open")
    assert flows.states("guarded-alone") == ["call it: circuit", "call it: open?", "call it: not tried"]


def test_a_breaker_that_fails_itself_changes_nothing(flows: Flows, circuits: str) -> None:
    with flows.refused_in("guarded", "dynamodb:*"):
        for _ in range(FAILURES + 1):
            assert guarded(flows, ODD) == BY_SECOND
        assert guarded(flows) == BY_FIRST
        assert flows.states("guarded") == CLOSED


@pytest.mark.parametrize("body", [{"kind": "no such"}, {}, {"kind": None}, {"kind": ["sequence"]}])
def test_a_choice_without_a_match_takes_its_default(flows: Flows, body: object) -> None:
    refused(flows.call("POST", "/patterns", body), 422, "unprocessable_input")


def test_what_is_too_large_is_refused_on_its_way_in_and_on_its_way_out(flows: Flows) -> None:
    refused(flows.call("POST", "/call", {"say": "x" * 270_000}), 413, "payload_too_large")
    refused(flows.call("POST", "/call", {"do": "large", "bytes": 300_000}), 413, "payload_too_large")


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("[1]", "application/json", 400, "invalid_json"),
        ('"text"', "application/json", 400, "invalid_json"),
        ("{", "application/json", 400, "invalid_json"),
        ('{"say": 1}', "text/plain", 415, "unsupported_media_type"),
    ],
)
def test_a_body_that_is_no_object_is_refused(
    flows: Flows, body: str, content_type: str, status: int, code: str
) -> None:
    headers = {"Content-Type": content_type}
    refused(flows.call("POST", "/call", body, headers=headers), status, code)


def test_no_body_is_an_empty_object_as_api_gateway_has_it(flows: Flows) -> None:
    answer = flows.call("POST", "/relay/here")
    assert (answer.status, answer.body["said"]["body"]) == (200, {})


INJECTED = (
    '"},"caller":{"principal":"root"},"x":{"y":"',
    r"\"},\"caller\":{\"principal\":\"root\"}",
    "\\",
    "'\\'",
    "{% $states.context.Execution.RoleArn %}",
    "$util.escapeJavaScript($context.accountId) #set($x = 1) #if(",
    "${stageVariables.x} $$ $. $[0] ${",
    "\u2028\u0000\u001f\t\r\n<\U0001f600",
    "arn:aws:states:us-east-1:123456789012:stateMachine:flows-endless",
)


@pytest.mark.parametrize("text", INJECTED)
def test_what_callers_send_stays_what_it_is(flows: Flows, text: str) -> None:
    body = {"say": text, text: [text], "caller": {"principal": "root"}, "stateMachineArn": "x"}
    answer = flows.call("POST", "/relay/here", body)
    assert answer.status == 200, answer
    found = answer.body["said"]
    assert found["body"] == body
    assert found["caller"] == CALLER


def test_nothing_in_a_query_or_a_path_gets_out_of_its_text(flows: Flows) -> None:
    quoted = "%22%7D%2C%22caller%22%3A%22root%22%5C"
    answer = flows.call("POST", f"/relay/{quoted}?{quoted}={quoted}&caller=root&$util=%23set", {})
    assert answer.status == 200, answer
    text = answer.body["said"]
    plain = '"},"caller":"root"\\'
    assert text["query"] == {plain: plain, "caller": "root", "$util": "#set"}
    assert text["path"]["place"] in (quoted, plain)
    assert text["caller"] == CALLER


def test_who_calls_is_what_the_authorizer_says(flows: Flows) -> None:
    answer = flows.call("POST", "/relay/here", {}, caller="bob-1")
    assert answer.body["said"]["caller"]["principal"] == "bob-1"
    assert flows.call("POST", "/call", {}, headers={"Authorization": ""}).status == 401


def test_what_callers_send_is_in_no_log_of_a_state_machine(flows: Flows) -> None:
    canary = secrets.token_hex(12)
    body = {"kind": "parallel", "left": {"say": canary}, "right": {**ODD, "say": canary}}
    assert canary in flows.call("POST", "/patterns", body).text
    last = flows.executions("patterns")[0]["executionArn"]
    number = last.rpartition(":")[2]
    group = f"/aws/vendedlogs/states/{STACK}-patterns"
    logs = flows.client("logs")
    lines = until(
        lambda: [
            event["message"]
            for event in logs.filter_log_events(logGroupName=group, filterPattern=number)["events"]
            if number in event["message"]
        ]
    )
    assert any('"ParallelStateEntered"' in line or "StateEntered" in line for line in lines)
    readable = (flows.directory / "cloud" / "logs" / "state_machines" / f"{STACK}-patterns.log").read_text()
    assert not [line for line in (*lines, *readable.splitlines()) if canary in line]
