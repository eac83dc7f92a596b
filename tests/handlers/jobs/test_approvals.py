"""Approvals: who may decide what a job asks, until when, and that a decision is made once and is never lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

import pytest

from handlers.common.aws_api import AwsApi
from handlers.common.errors import NotFound
from handlers.common.meter import Meter
from handlers.jobs.approvals import Approvals
from tests.support import aws
from tests.support.events import REQUEST_ID, Context, authorized
from tests.support.jobs import ALICE, BOB, NOW, Jobs
from tests.support.meter import create_tables, soon

BOSS = authorized("users", "boss", key="boss", scopes="pay,read")
CLERK = authorized("users", "clerk", key="clerk", scopes="read")


@pytest.fixture
def job_id(jobs: Jobs) -> str:
    started = jobs.post({"input": {}}, workflow="payment").body
    assert started["approvals"] == []
    return str(started["id"])


def approval_of(jobs: Jobs, job_id: str, caller: object = ALICE) -> Any:
    (approval,) = jobs.get(job_id, caller=caller).body["approvals"]
    return approval


def test_a_job_says_what_it_asks_and_goes_on_when_it_is_approved(jobs: Jobs, job_id: str) -> None:
    assert jobs.asks(job_id) == "open"
    expected = {
        "name": "pay it",
        "question": "Pay it?",
        "about": {"total": 12.5},
        "status": "open",
        "asked_at": "2027-01-15T08:00:00Z",
        "closes_at": "2027-01-15T08:10:00Z",
        "otherwise": "rejected",
        "decided_at": None,
        "you_may_decide": False,
    }
    assert approval_of(jobs, job_id) == expected
    assert approval_of(jobs, job_id, BOSS) == {**expected, "you_may_decide": True}
    jobs.now += 60
    answer = jobs.decides(job_id, "approved", caller=BOSS)
    assert answer.status == 200
    decided = {**expected, "status": "approved", "decided_at": "2027-01-15T08:01:00Z"}
    assert answer.body["approvals"] == [decided] == jobs.get(job_id).body["approvals"]
    assert jobs.delivered == [("token-1", {"approved": True, "status": "approved"})]


def test_a_rejection_is_delivered_as_one(jobs: Jobs, job_id: str) -> None:
    jobs.asks(job_id)
    assert jobs.decides(job_id, "rejected", caller=BOSS).status == 200
    assert jobs.delivered == [("token-1", {"approved": False, "status": "rejected"})]


@pytest.mark.parametrize(
    ("caller", "status", "message"),
    [
        (ALICE, 403, "These credentials may not decide this approval."),
        (BOB, 404, "There is no such job. It may have expired."),
        (CLERK, 404, "There is no such job. It may have expired."),
        (
            authorized("users", "alice", scopes="pay"),
            403,
            "Who started the job may not decide this approval.",
        ),
    ],
    ids=["its owner", "a stranger", "another scope", "its owner with the scope"],
)
def test_only_who_may_decides(jobs: Jobs, job_id: str, caller: object, status: int, message: str) -> None:
    jobs.asks(job_id)
    answer = jobs.decides(job_id, "approved", caller=caller)
    assert (answer.status, answer.body["message"]) == (status, message)
    assert jobs.delivered == []
    assert approval_of(jobs, job_id)["status"] == "open"


def test_who_started_it_decides_where_the_workflow_says_so(jobs: Jobs, job_id: str) -> None:
    jobs.asks(job_id, by_requester=True)
    assert jobs.decides(job_id, "approved", caller=authorized("users", "alice", scopes="pay")).status == 200


def test_who_decides_reads_the_job_without_its_result(jobs: Jobs, job_id: str) -> None:
    jobs.asks(job_id)
    assert jobs.get(job_id, caller=CLERK).status == 404
    jobs.decides(job_id, "approved", caller=BOSS)
    jobs.end(job_id, result={"iban": "secret"})
    assert jobs.get(job_id).body["result"] == {"iban": "secret"}
    other = jobs.get(job_id, caller=BOSS).body
    assert (other["status"], other["result"], other["error"]) == ("succeeded", None, None)


def test_a_second_decision_changes_nothing(jobs: Jobs, job_id: str) -> None:
    jobs.asks(job_id)
    jobs.decides(job_id, "approved", caller=BOSS)
    for decision in ("approved", "rejected"):
        again = jobs.decides(job_id, decision, caller=BOSS, approval="pay it")
        assert (again.status, again.body["code"], again.body["message"]) == (
            409,
            "approval_closed",
            "The approval was decided before.",
        )
    assert jobs.decides(job_id, "rejected", caller=BOSS).status == 409
    assert len(jobs.delivered) == 1
    assert approval_of(jobs, job_id)["status"] == "approved"


def test_of_many_decisions_at_once_one_counts(jobs: Jobs, job_id: str) -> None:
    create_tables(aws.client("dynamodb"), "buckets", "ledger")
    jobs.meter = meter_of(jobs)
    jobs.asks(job_id)
    event: dict[str, Any] = jobs.event("GET", job_id, None, {"Content-Type": "application/json"}, BOSS)
    event |= {"httpMethod": "POST", "resource": "/jobs/{job}/approval", "path": f"/jobs/{job_id}/approval"}

    def decide(number: int) -> Any:
        decision = "approved" if number % 2 else "rejected"
        context = {**event["requestContext"], "requestId": f"request-{number}"}
        body = json.dumps({"decision": decision})
        return jobs.service.handler({**event, "requestContext": context, "body": body}, Context())[
            "statusCode"
        ]

    with ThreadPoolExecutor(4) as threads, redirect_stdout(jobs.log):
        statuses = sorted(threads.map(decide, range(8)))
    assert statuses == [200, *[409] * 7]
    ((_, output),) = jobs.delivered
    (row,) = ledger_rows()
    assert output == {"approved": row["outcome"]["S"] == "approved", "status": row["outcome"]["S"]}


def test_a_decision_after_the_time_limit_is_refused_before_the_state_notices(jobs: Jobs, job_id: str) -> None:
    jobs.asks(job_id)
    jobs.now += 600
    late = jobs.decides(job_id, "approved", caller=BOSS)
    assert (late.status, late.body["message"]) == (409, "The time to decide is over.")
    shown = approval_of(jobs, job_id, BOSS)
    assert (shown["status"], shown["you_may_decide"]) == ("expired", False)


@pytest.mark.parametrize("otherwise", ["approved", "rejected"])
def test_what_counts_after_the_time_limit_is_set_by_the_workflow(
    jobs: Jobs, job_id: str, otherwise: str
) -> None:
    jobs.asks(job_id, otherwise=otherwise)
    jobs.now += 300
    assert jobs.asks(job_id, otherwise=otherwise, token="token-2") == "open"
    jobs.now += 300
    assert jobs.asks(job_id, otherwise=otherwise, token="token-3") == "expired"
    assert jobs.delivered == [("token-3", {"approved": otherwise == "approved", "status": "expired"})]
    assert jobs.decides(job_id, "approved", caller=BOSS).status == 409
    assert approval_of(jobs, job_id)["decided_at"] == "2027-01-15T08:10:00Z"


def test_a_decision_after_the_end_of_the_job_is_refused(jobs: Jobs, job_id: str) -> None:
    jobs.asks(job_id)
    jobs.end(job_id, error={"Error": "States.Timeout"})
    late = jobs.decides(job_id, "approved", caller=BOSS)
    assert (late.status, late.body["message"]) == (409, "The job has ended.")
    assert jobs.delivered == []
    assert approval_of(jobs, job_id, BOSS)["you_may_decide"] is False


@pytest.mark.parametrize("failing", ["states", "token-1"], ids=["throttled", "between two heartbeats"])
def test_a_decision_that_is_not_delivered_is_found_at_the_next_heartbeat(
    jobs: Jobs, job_id: str, failing: str
) -> None:
    jobs.asks(job_id)
    jobs.failing.append(failing)
    assert jobs.decides(job_id, "approved", caller=BOSS).status == 200
    assert jobs.delivered == []
    jobs.failing.clear()
    jobs.now += 900  # later than the time limit: what was decided in time counts
    assert jobs.asks(job_id, token="token-2") == "approved"
    assert jobs.delivered == [("token-2", {"approved": True, "status": "approved"})]


def test_a_question_that_is_asked_anew_needs_a_new_decision(jobs: Jobs, job_id: str) -> None:
    jobs.asks(job_id)
    jobs.decides(job_id, "approved", caller=BOSS)
    later = {"asked_at": "2027-01-15T08:05:00.000Z", "about": {"total": 99}, "token": "token-2"}
    assert jobs.asks(job_id, **later) == "open"
    shown = approval_of(jobs, job_id)
    assert (shown["about"], shown["status"], shown["decided_at"]) == ({"total": 99}, "open", None)
    jobs.decides(job_id, "rejected", caller=BOSS)
    assert jobs.delivered[-1] == ("token-2", {"approved": False, "status": "rejected"})
    assert len(jobs.notices) == 2


class _Stale:
    """DynamoDB, whose first query comes before what others have written."""

    def __init__(self) -> None:
        self._client = aws.client("dynamodb")
        self._queries = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **request: Any) -> Any:
        self._queries += 1
        return {"Items": []} if self._queries == 1 else self._client.query(**request)


def test_a_question_that_is_asked_twice_at_once_keeps_its_decision(jobs: Jobs, job_id: str) -> None:
    jobs.asks(job_id)
    jobs.decides(job_id, "approved", caller=BOSS)

    def approvals(client: Any) -> Approvals:
        return Approvals("jobs", api=AwsApi("dynamodb", make_client=lambda _name, _tries: client))

    (question,) = approvals(aws.client("dynamodb")).of_job(job_id, deadline=soon())
    late = replace(question, status="open", decided_at=None, token="token-2")
    found = approvals(_Stale()).ask(late, now=NOW, deadline=soon())
    assert (found.status, found.token) == ("approved", "token-2")
    assert approval_of(jobs, job_id)["status"] == "approved"


def test_of_several_open_approvals_the_decision_names_one(jobs: Jobs, job_id: str) -> None:
    jobs.asks(job_id)
    jobs.asks(job_id, name="ship it", token="token-2")
    answer = jobs.decides(job_id, "approved", caller=BOSS)
    assert (answer.status, answer.body["message"]) == (
        400,
        "approval should name one of the job's approvals, as several are open.",
    )
    assert jobs.decides(job_id, "approved", caller=BOSS, approval="eat it").status == 404
    assert jobs.decides(job_id, "approved", caller=BOSS, approval="ship it").status == 200
    assert jobs.decides(job_id, "rejected", caller=BOSS).status == 200
    assert [token for token, _ in jobs.delivered] == ["token-2", "token-1"]


def test_an_approval_of_an_earlier_job_with_the_same_id_is_none_of_the_later_one(jobs: Jobs) -> None:
    job_id = jobs.post({"input": {}}, workflow="payment", key="again").body["id"]
    jobs.asks(job_id)
    jobs.now += 3_600
    jobs.post({"input": {}}, workflow="payment", key="again")
    assert jobs.get(job_id).body["approvals"] == []
    assert jobs.decides(job_id, "approved", caller=BOSS).status == 409
    with pytest.raises(NotFound, match="The job has expired"):
        jobs.asks(job_id, token="token-2")  # the state of the earlier job


def test_the_topic_is_notified_once_without_data_of_the_caller(jobs: Jobs, job_id: str) -> None:
    jobs.failing.append("topic")
    assert jobs.asks(job_id) == "open"  # the job waits all the same
    jobs.failing.clear()
    for token in ("token-2", "token-3"):
        jobs.asks(job_id, token=token)
    (notice,) = jobs.notices
    assert notice == (
        "arn:aws:sns:us-east-1:123456789012:open\n"
        "Approval: payment: pay it\n"
        "A job of the workflow payment waits for an approval: Pay it?\n\n"
        f"Read it:    GET /jobs/{job_id}\n"
        f'Decide it:  POST /jobs/{job_id}/approval {{"decision": "approved"}}, or "rejected"\n'
        "Until:      2027-01-15T08:10:00+00:00; then it counts as rejected\n"
        "Who may:    callers with the scope pay"
    )


def test_the_ledger_has_who_decided_when_and_on_what(jobs: Jobs, job_id: str) -> None:
    create_tables(aws.client("dynamodb"), "buckets", "ledger")
    jobs.meter = meter_of(jobs)
    jobs.asks(job_id)
    jobs.decides(job_id, "rejected", caller=BOSS)
    jobs.decides(job_id, "approved", caller=BOSS)
    (row,) = ledger_rows()
    assert {name: value["S"] for name, value in row.items() if "S" in value and name != "trace_id"} == {
        "account": "users/boss#2027-01-15",
        "row": f"08:00:00.000#{REQUEST_ID}",
        "tenant": "users",
        "key": "boss",
        "caller": BOSS["caller"],
        "operation": "jobs.approval",
        "route": "payment",
        "request_id": REQUEST_ID,
        "subject": f"job/{job_id}/pay it",
        "outcome": "rejected",
        "status": "settled",
    }


def test_a_decision_that_the_ledger_cannot_record_is_none(jobs: Jobs, job_id: str) -> None:
    jobs.meter = meter_of(jobs)  # there are no tables
    jobs.asks(job_id)
    assert jobs.decides(job_id, "approved", caller=BOSS).status == 503
    assert jobs.delivered == []
    assert approval_of(jobs, job_id)["status"] == "open"


def test_the_token_is_in_no_answer_and_no_log(jobs: Jobs, job_id: str) -> None:
    token = "AQCsecret-token"
    jobs.asks(job_id, token=token)
    jobs.failing.append("states")
    answers = [
        jobs.get(job_id),
        jobs.get(job_id, caller=BOSS),
        jobs.decides(job_id, "approved", caller=BOSS),
        jobs.decides(job_id, "approved", caller=BOSS),
    ]
    assert all(token not in answer.raw + answer.log + str(answer.headers) for answer in answers)
    assert token not in jobs.log.getvalue()
    assert jobs.log.getvalue().count('"jobs.ask"') == 1
    assert all(token not in notice for notice in jobs.notices)


def test_workflows_without_approvals_read_none(jobs: Jobs) -> None:
    job_id = jobs.post({"input": {}}, workflow="summary").body["id"]
    assert jobs.get(job_id).body["approvals"] == []
    assert jobs.decides(job_id, "approved", caller=ALICE).status == 409
    assert jobs.now == NOW


def meter_of(jobs: Jobs) -> Meter:
    api = AwsApi("dynamodb", make_client=lambda name, _tries: aws.client(name))
    return Meter("buckets", "ledger", api=api, clock=lambda: float(jobs.now))


def ledger_rows() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = aws.client("dynamodb").scan(TableName="ledger")["Items"]
    return [item for item in items if not item["account"]["S"].startswith("accounts#")]
