"""Jobs are reserved as a whole when they start, and settled when they end, however that is."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest

from handlers.common.admission import Admission
from handlers.common.errors import BackendUnavailable
from handlers.common.ledger import Share
from handlers.jobs.execution_end import operation_of
from tests.support import aws
from tests.support.aws import Answering
from tests.support.events import Context
from tests.support.jobs import NOW, PAGES, Jobs
from tests.support.meter import MeteredTables, limit, soon

BUCKET = "tenant:acme#day#nano_usd#2027-01-15"


@pytest.fixture
def tables(jobs: Jobs) -> MeteredTables:
    """The tables of the meter of both functions."""
    tables = MeteredTables(aws.client("dynamodb"), now=NOW)
    jobs.meter = tables.meter()
    jobs.service._admission = Admission(jobs.meter)
    return tables


def tenant(nano_usd: int) -> dict[str, str]:
    bound = limit("tenant:acme", "day", "nano_usd", nano_usd)
    return {
        "principalId": "acme",
        "tenant": "acme",
        "key": "key-1",
        "caller": "A" * 24,
        "services": "*",
        "models": "*",
        "limits": json.dumps([bound.to_json()]),
    }


def execution_input(jobs: Jobs) -> dict[str, Any]:
    (execution,) = jobs.executions()
    described = aws.client("stepfunctions").describe_execution(executionArn=execution["executionArn"])
    given: dict[str, Any] = json.loads(described["input"])
    return {**given, "arn": execution["executionArn"], "name": execution["name"]}


def finish(jobs: Jobs, event: dict[str, Any]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        jobs.finish.handler(operation_of(event), Context())


def test_a_job_reserves_for_its_items_once(jobs: Jobs, tables: MeteredTables) -> None:
    for _ in range(2):
        assert jobs.post({"input": PAGES}, key="order-1", caller=tenant(500)).status == 202
    assert tables.counts() == {BUCKET: {"committed": 210, "spent": 0}}
    (row,) = tables.check()
    assert (row["operation"], row["route"]) == ({"S": "jobs.start"}, {"S": "document"})


@pytest.mark.parametrize("error", [None, {"Error": "BackendTimeout", "Cause": "{}"}])
def test_the_end_settles_what_the_tasks_took(
    error: dict[str, str] | None, jobs: Jobs, tables: MeteredTables
) -> None:
    jobs.post({"input": PAGES}, key="order-1", caller=tenant(500))
    given = execution_input(jobs)
    assert jobs.meter is not None
    jobs.meter.take(Share.from_json(given["charge"]), "p1", {"nano_usd": 70}, deadline=soon())
    ending = {"result": {}} if error is None else {"error": error}
    value = {name: given[name] for name in ("owner", "job_id", "output_key")} | ending
    for _ in range(2):
        finish(jobs, {"operation": "jobs.finish", "input": value, "charge": given["charge"]})
    assert tables.counts() == {BUCKET: {"committed": 70, "spent": 70}}
    tables.check()


def test_an_execution_that_ends_without_a_state_is_settled_too(jobs: Jobs, tables: MeteredTables) -> None:
    jobs.post({"input": PAGES}, key="order-1", caller=tenant(500))
    given = execution_input(jobs)
    detail = {"executionArn": given["arn"], "name": given["name"], "status": "TIMED_OUT"}
    finish(jobs, {"source": "aws.states", "detail": detail})
    assert tables.counts() == {BUCKET: {"committed": 0, "spent": 0}}
    assert tables.check()[0]["outcome"] == {"S": "workflow_timeout"}


def test_a_job_without_budget_is_forgotten(
    jobs: Jobs, tables: MeteredTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METER_NAMESPACE", "shop-prod")
    answer = jobs.post({"input": PAGES}, key="order-1", caller=tenant(209))
    assert (answer.status, answer.body["code"]) == (429, "budget_exceeded")
    refused = json.loads(answer.log.splitlines()[0])
    assert (refused["refusals"], refused["budget"]) == (1, "tenant/day/nano_usd")
    assert (jobs.executions(), tables.rows()) == ([], [])
    assert jobs.post({"input": PAGES}, key="order-1", caller=tenant(210)).status == 202


def test_a_job_that_cannot_be_reserved_does_not_count_as_running(jobs: Jobs, tables: MeteredTables) -> None:
    assert jobs.meter is not None
    down = Answering({"transact_write_items": BackendUnavailable(detail="dynamodb: down")})
    works, jobs.meter._transactions.api = jobs.meter._transactions.api, down  # type: ignore[assignment]
    statuses = [jobs.post({"input": PAGES}, caller=tenant(500)).status for _ in range(6)]
    assert statuses == [503] * 6
    jobs.meter._transactions.api = works
    assert jobs.post({"input": PAGES}, caller=tenant(500)).status == 202
