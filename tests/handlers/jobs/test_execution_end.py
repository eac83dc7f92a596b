"""Executions that end without having noted how: EventBridge tells of them, at least once and at any time."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest

from handlers.common.errors import ServiceError
from handlers.jobs.callback import CallbackFailed
from handlers.jobs.execution_end import operation_of
from tests.support import aws
from tests.support.events import Context
from tests.support.jobs import NOW, Jobs

URL = "https://example.com/told"
TOOK_TOO_LONG = {"code": "workflow_timeout", "message": "The workflow took too long."}


def started(jobs: Jobs, *, key: str | None = None, url: str | None = URL) -> str:
    body = {"input": {"text": "a"}} | ({} if url is None else {"callback_url": url})
    return str(jobs.post(body, workflow="summary", key=key).body["id"])


def event(jobs: Jobs, job_id: str, status: str = "TIMED_OUT", **more: Any) -> dict[str, Any]:
    """Return EventBridge's event for the end of the job's execution."""
    (arn,) = [one["executionArn"] for one in jobs.executions() if f":{job_id}-" in one["executionArn"]]
    given = aws.client("stepfunctions").describe_execution(executionArn=arn)["input"]
    detail = {
        "executionArn": arn,
        "stateMachineArn": arn.replace(":execution:", ":stateMachine:").rpartition(":")[0],
        "name": arn.rpartition(":")[2],
        "status": status,
        "startDate": NOW * 1000,
        "stopDate": NOW * 1000 + 60_000,
        "input": given,
        "output": None,
        "inputDetails": {"included": True},
        "outputDetails": None,
        "error": None,
        "cause": None,
    }
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {**detail, **more},
    }


def delivered(jobs: Jobs, event: dict[str, Any]) -> dict[str, object]:
    with redirect_stdout(io.StringIO()):
        return jobs.finish.handler(operation_of(event), Context())


@pytest.mark.parametrize(
    ("status", "error", "code", "message"),
    [
        ("TIMED_OUT", "States.Timeout", "workflow_timeout", "The workflow took too long."),
        ("TIMED_OUT", None, "workflow_timeout", "The workflow took too long."),
        ("ABORTED", "Operator", "workflow_stopped", "The workflow was stopped."),
        ("FAILED", "States.DataLimitExceeded", "workflow_failed",
         "A part of the workflow gave more than the next can take."),
        ("FAILED", "States.Runtime", "workflow_failed", "The workflow ended without a result."),
        ("FAILED", "JobNotNoted", "workflow_failed", "The workflow ended without a result."),
    ],
)  # fmt: skip
def test_an_end_that_nobody_noted_is_noted_and_told(
    jobs: Jobs, status: str, error: str | None, code: str, message: str
) -> None:
    job_id = started(jobs)
    assert delivered(jobs, event(jobs, job_id, status, error=error)) == {"noted": True, "called": True}
    body = jobs.get(job_id).body
    assert (body["status"], body["error"]) == ("failed", {"code": code, "message": message})
    assert (body["progress"], body["result"]) == (None, None)
    assert jobs.sent == [(URL, {"id": job_id, "workflow": "summary", "status": "failed"})]


def test_an_event_that_comes_twice_is_told_once(jobs: Jobs) -> None:
    job_id = started(jobs)
    message = event(jobs, job_id)
    delivered(jobs, message)
    assert delivered(jobs, message) == {"noted": False, "called": False}
    assert (
        delivered(jobs, {**message, "detail": {**message["detail"], "status": "ABORTED"}})["noted"] is False
    )
    assert len(jobs.sent) == 1
    assert jobs.get(job_id).body["error"] == TOOK_TOO_LONG


def test_a_client_that_could_not_be_told_is_told_when_the_event_comes_again(jobs: Jobs) -> None:
    job_id = started(jobs)
    message = event(jobs, job_id, "FAILED")
    jobs.failing.append("callback")
    for _ in range(2):
        with pytest.raises(CallbackFailed):  # so that Lambda tries again, and then fills the queue
            delivered(jobs, message)
    assert jobs.get(job_id).body["status"] == "failed"
    jobs.failing.clear()
    assert delivered(jobs, message) == {"noted": False, "called": True}
    assert len(jobs.sent) == 1


def test_what_was_told_and_could_not_be_noted_is_no_failure(jobs: Jobs) -> None:
    job_id = started(jobs)
    jobs.failing.append("mark_told")
    assert delivered(jobs, event(jobs, job_id)) == {"noted": True, "called": True}


def test_a_failure_that_the_state_machine_noted_is_its_own_to_tell(jobs: Jobs) -> None:
    job_id = started(jobs)
    jobs.end(job_id, error={"Error": "UnprocessableInput"})
    message = event(jobs, job_id, "FAILED", error="UnprocessableInput")
    assert delivered(jobs, message) == {"noted": False, "called": False}
    assert jobs.sent == []
    assert jobs.get(job_id).body["error"]["code"] == "unprocessable_input"


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED"])
@pytest.mark.parametrize(
    ("ending", "end"),
    [({"error": {"Error": "Odd"}}, "failed"), ({"result": {}}, "succeeded")],
    ids=["failure", "result"],
)
def test_a_state_machine_that_was_ended_before_it_told_is_stood_in_for(
    jobs: Jobs, status: str, ending: dict[str, Any], end: str
) -> None:
    job_id = started(jobs)
    jobs.end(job_id, **ending)
    before = jobs.get(job_id).body
    message = event(jobs, job_id, status)
    assert delivered(jobs, message) == {"noted": False, "called": True}
    assert delivered(jobs, message) == {"noted": False, "called": False}
    assert jobs.sent == [(URL, {"id": job_id, "workflow": "summary", "status": end})]
    assert jobs.get(job_id).body == before


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_what_the_state_machine_told_is_not_told_again(jobs: Jobs, status: str) -> None:
    job_id = started(jobs)
    jobs.end(job_id, error={"Error": "Odd"})
    assert jobs.tell(job_id) == {"called": True}
    assert delivered(jobs, event(jobs, job_id, status)) == {"noted": False, "called": False}
    assert len(jobs.sent) == 1


def test_without_a_callback_it_is_noted(jobs: Jobs) -> None:
    job_id = started(jobs, url=None)
    assert delivered(jobs, event(jobs, job_id)) == {"noted": True, "called": False}
    assert jobs.get(job_id).body["error"] == TOOK_TOO_LONG


def test_a_job_whose_start_was_not_noted_is_ended_too(jobs: Jobs) -> None:
    jobs.failing.append("mark_running")
    body = {"input": {"text": "a"}, "callback_url": URL}
    assert jobs.post(body, workflow="summary", key="order-1").status == 503
    (execution,) = jobs.executions()
    job_id = execution["name"].partition("-")[0]
    assert delivered(jobs, event(jobs, job_id)) == {"noted": True, "called": True}
    jobs.failing.clear()
    again = jobs.post(body, workflow="summary", key="order-1")
    assert (again.status, again.body["error"]) == (202, TOOK_TOO_LONG)


def test_what_the_event_leaves_out_is_asked_of_step_functions(jobs: Jobs) -> None:
    job_id = started(jobs)
    message = event(jobs, job_id, input=None, inputDetails={"included": False})
    assert delivered(jobs, message) == {"noted": True, "called": True}
    other = started(jobs)
    gone = event(jobs, other, input=None)
    gone["detail"]["executionArn"] = gone["detail"]["executionArn"] + "-gone"
    with pytest.raises(ServiceError):
        delivered(jobs, gone)


def test_the_execution_of_an_earlier_job_of_the_id_ends_nothing(jobs: Jobs) -> None:
    job_id = started(jobs, key="order-1")
    message = event(jobs, job_id)
    jobs.now += 3600
    assert started(jobs, key="order-1") == job_id
    assert delivered(jobs, message) == {"noted": False, "called": False}
    assert jobs.get(job_id).body["status"] == "running"
    assert jobs.sent == []


def test_a_job_that_has_expired_is_forgotten(jobs: Jobs) -> None:
    job_id = started(jobs)
    message = event(jobs, job_id)
    jobs.now += 3600
    assert delivered(jobs, message) == {"noted": False, "called": False}


@pytest.mark.parametrize("given", ["{}", "[]", "no JSON", '{"owner": 1, "job_id": "x"}', '"text"', "null"])
def test_an_execution_that_somebody_started_by_hand_is_no_job(jobs: Jobs, given: str) -> None:
    job_id = started(jobs)
    assert delivered(jobs, event(jobs, job_id, input=given)) == {"noted": False, "called": False}


def test_an_execution_by_hand_with_the_input_of_a_job_does_not_end_it(jobs: Jobs) -> None:
    job_id = started(jobs)
    assert delivered(jobs, event(jobs, job_id, name="by-hand")) == {"noted": False, "called": False}
    assert jobs.get(job_id).body["status"] == "running"


@pytest.mark.parametrize("detail", [None, [], {}, {"status": "SUCCEEDED"}])
def test_an_event_of_another_kind_is_refused(jobs: Jobs, detail: object) -> None:
    with pytest.raises(ServiceError):
        delivered(jobs, {"source": "aws.states", "detail": detail})


def test_every_other_event_is_left_as_it_is() -> None:
    others: list[object] = [{"operation": "jobs.finish"}, {"source": "aws.s3"}, [], None, json.dumps({})]
    for other in others:
        assert operation_of(other) is other
