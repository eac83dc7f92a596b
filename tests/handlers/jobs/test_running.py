"""Running jobs of a caller: exactly as many as allowed, and no slot is lost."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import pytest

from handlers.jobs.execution_end import operation_of
from tests.support import aws
from tests.support.events import Answer, Context
from tests.support.jobs import BOB, Jobs

LIMIT = 5
LONGEST = 3_600 + 300


def start(jobs: Jobs, **options: Any) -> Answer:
    return jobs.post({"input": {"text": "a"}}, workflow="summary", **options)


def fill(jobs: Jobs) -> list[str]:
    answers = [start(jobs) for _ in range(LIMIT)]
    assert [answer.status for answer in answers] == [202] * LIMIT
    return [answer.body["id"] for answer in answers]


def running(jobs: Jobs) -> set[str]:
    item = aws.client("dynamodb").get_item(
        TableName="jobs", Key={"owner": {"S": "user:alice"}, "job_id": {"S": "running"}}
    )["Item"]
    return set(item.get("executions", {}).get("SS", []))


def refuse(jobs: Jobs) -> None:
    answer = start(jobs)
    assert (answer.status, answer.body["code"]) == (429, "too_many_jobs")
    assert answer.body["message"] == (
        "At most 5 jobs may run at once. Wait until one has ended, and try again."
    )
    assert answer.headers["Retry-After"] == "15"


def test_a_caller_has_so_many_jobs_and_another_has_their_own(jobs: Jobs) -> None:
    fill(jobs)
    refuse(jobs)
    assert len(jobs.executions()) == LIMIT
    assert start(jobs, caller=BOB).status == 202


@pytest.mark.parametrize("ending", [{"result": {}}, {"error": {"Error": "Odd"}}])
def test_an_end_frees_one_slot_however_often_it_is_noted(jobs: Jobs, ending: dict[str, Any]) -> None:
    first, *_ = fill(jobs)
    for _ in range(3):
        assert jobs.end(first, **ending) == {"noted": True}
    assert start(jobs).status == 202
    refuse(jobs)


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED", "FAILED"])
def test_an_end_that_only_eventbridge_tells_of_frees_one_slot(jobs: Jobs, status: str) -> None:
    first, *_ = fill(jobs)
    (execution,) = [one for one in jobs.executions() if one["name"].startswith(first)]
    detail = {"executionArn": execution["executionArn"], "name": execution["name"], "status": status}
    for _ in range(2):
        with redirect_stdout(io.StringIO()):
            jobs.finish.handler(operation_of({"source": "aws.states", "detail": detail}), Context())
    assert start(jobs).status == 202
    refuse(jobs)


def test_the_same_idempotency_key_takes_one_slot(jobs: Jobs) -> None:
    for _ in range(2 * LIMIT):
        assert start(jobs, key="order-1").status == 202
    assert len(running(jobs)) == 1
    for number in range(LIMIT - 1):
        assert start(jobs, key=f"other-{number}").status == 202
    refuse(jobs)
    assert start(jobs, key="order-1").status == 202


def test_a_request_that_is_refused_leaves_its_key_free(jobs: Jobs) -> None:
    first, *_ = fill(jobs)
    assert start(jobs, key="order-1").status == 429
    jobs.end(first, result={})
    assert start(jobs, key="order-1").status == 202


def test_a_slot_whose_end_nobody_noted_is_free_after_the_longest_time(jobs: Jobs) -> None:
    fill(jobs)
    jobs.now += LONGEST - 1
    refuse(jobs)
    jobs.now += 1
    assert start(jobs).status == 202
    assert len(running(jobs)) == 1


def test_the_end_of_an_earlier_job_of_the_key_frees_no_slot_of_the_later_one(jobs: Jobs) -> None:
    start(jobs, key="order-1")
    jobs.now += 3_600
    job_id = start(jobs, key="order-1").body["id"]
    assert jobs.end(job_id, result={}) == {"noted": False}
    assert f"{job_id}-{jobs.now}" in running(jobs)


def test_the_set_expires(jobs: Jobs) -> None:
    start(jobs)
    item = aws.client("dynamodb").get_item(
        TableName="jobs", Key={"owner": {"S": "user:alice"}, "job_id": {"S": "running"}}
    )["Item"]
    assert item["expires_at"] == {"N": str(jobs.now + LONGEST)}
