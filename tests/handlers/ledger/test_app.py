"""The ledger: usage of the caller and of all callers, workflows, the sweep and its warnings."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from handlers.common.aws_api import AwsApi
from handlers.common.caller import Caller, Limit
from handlers.common.errors import InvalidRequest
from handlers.common.ledger import Call, Outcome, Share
from handlers.ledger.app import create_service, operation_of
from handlers.ledger.usage import Usage
from handlers.ledger.warnings import Warnings
from tests.support.aws import Answering
from tests.support.cloud_in_thread import CloudInThread
from tests.support.events import Answer, Context, ask, proxy_event
from tests.support.meter import MeteredTables, caller_with, limit, soon

MONEY = limit("tenant:acme", "day", "nano_usd", 1_000)
OPERATOR = {"identity": {"userArn": "arn:aws:iam::123456789012:user/operator"}}


class Ledger:
    """The ledger's service on tables of its own."""

    def __init__(self, cloud: CloudInThread) -> None:
        self.tables = MeteredTables(cloud.client("dynamodb"))
        api = AwsApi("dynamodb", make_client=lambda _name, _tries: self.tables.client)
        self.events = Answering({"put_events": {"FailedEntryCount": 0}})
        names = self.tables.buckets, self.tables.ledger
        self.meter = self.tables.meter()
        self.service = create_service(
            lambda: self.meter,
            lambda: Usage(*names, api=api, clock=self.clock),
            lambda: Warnings(names[0], dynamodb=api, events=self.events, clock=self.clock),  # type: ignore[arg-type]
        )

    def clock(self) -> float:
        return self.tables.now

    def call(
        self,
        caller: Caller,
        request_id: str,
        *,
        nano_usd: int,
        target: str = "fake:a",
        operation: str = "vision.text",
    ) -> None:
        call = Call(caller=caller, operation=operation, request_id=request_id, started_at=self.tables.now)
        reservation = self.meter.reserve(call, {"nano_usd": nano_usd}, lasts_seconds=30, deadline=soon())
        outcome = Outcome(amounts={"nano_usd": nano_usd, "tokens": 1}, outcome="ok", target=target)
        self.meter.settle(reservation, outcome, deadline=soon())

    def get(
        self, query: Mapping[str, str], *, limits: tuple[Limit, ...] = (), path: str = "/v1/usage"
    ) -> Answer:
        event = proxy_event(None, method="GET", path=path)
        event["queryStringParameters"] = dict(query)
        described = {
            "principalId": "acme",
            "tenant": "acme",
            "key": "key-1",
            "caller": "A" * 24,
            "services": "*",
            "models": "*",
            "limits": json.dumps([one.to_json() for one in limits]),
        }
        event["requestContext"] |= OPERATOR if path.endswith("/all") else {"authorizer": described}
        return ask(self.service, event)

    def direct(self, event: object) -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()):
            return self.service.handler(operation_of(event), Context())


@pytest.fixture
def ledger(cloud: CloudInThread) -> Ledger:
    return Ledger(cloud)


def groups(answer: Answer) -> list[tuple[str, int, int]]:
    assert answer.status == 200, answer.raw
    return [(one["group"], one["requests"], one["nano_usd"]) for one in answer.body["data"]]


def test_callers_see_their_own_use(ledger: Ledger) -> None:
    ledger.call(caller_with(), "a", nano_usd=30)
    ledger.call(caller_with(key="key-2"), "b", nano_usd=50, target="fake:b")
    ledger.call(caller_with(tenant="other"), "c", nano_usd=1_000)
    ledger.tables.now += 10  # the next day, and month
    ledger.call(caller_with(), "d", nano_usd=7, operation="language.summary")
    days = {"from": "2026-11-30", "to": "2026-12-01"}
    assert groups(ledger.get(days)) == [("total", 3, 87)]
    assert groups(ledger.get({**days, "group_by": "key"})) == [("key-2", 1, 50), ("key-1", 2, 37)]
    assert groups(ledger.get({**days, "group_by": "model"})) == [("fake:b", 1, 50), ("fake:a", 2, 37)]
    assert groups(ledger.get({**days, "group_by": "day"})) == [("2026-11-30", 2, 80), ("2026-12-01", 1, 7)]
    assert groups(ledger.get({"group_by": "operation"})) == [("language.summary", 1, 7)]


def test_operators_see_all_use(ledger: Ledger) -> None:
    ledger.call(caller_with(), "a", nano_usd=30)
    ledger.call(caller_with(tenant="other", key="key-2"), "c", nano_usd=1_000)
    query = {"from": "2026-11-30", "to": "2026-11-30", "group_by": "tenant"}
    assert groups(ledger.get(query, path="/v1/usage/all")) == [("other", 1, 1_000), ("acme", 1, 30)]


def test_users_of_the_pool_see_their_own_rows_only(ledger: Ledger) -> None:
    for key in ("B" * 24, "C" * 24):
        ledger.call(Caller(f"user:{key}", "users", key, key), key, nano_usd=1)
    accounts = {row["account"]["S"] for row in ledger.tables.rows()}
    assert accounts == {f"users/{'B' * 24}#2026-11-30", f"users/{'C' * 24}#2026-11-30"}


def test_what_limits_leave(ledger: Ledger) -> None:
    caller = caller_with(MONEY)
    ledger.call(caller, "a", nano_usd=30)
    open_call = Call(caller=caller, operation="x", request_id="b", started_at=ledger.tables.now)
    ledger.meter.reserve(open_call, {"nano_usd": 400}, lasts_seconds=30, deadline=soon())
    answer = ledger.get({}, limits=(MONEY,))
    assert answer.body["limits"] == [
        {
            "scope": "tenant:acme",
            "window": "day",
            "unit": "nano_usd",
            "limit": 1_000,
            "used": 30,
            "reserved": 400,
            "resets_at": "2026-12-01T00:00:00+00:00",
        }
    ]
    assert answer.body["data"] == [{"group": "total", "requests": 2, "tokens": 1, "nano_usd": 30, "open": 1}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"from": "yesterday"}, "from should be a day such as 2026-11-30."),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "from should not be later than to."),
        ({"from": "2026-01-01", "to": "2026-11-01"}, "from and to should be at most 92 days apart."),
        ({"group_by": "mood"}, "group_by should be one of day, key, model, operation, outcome, tenant."),
    ],
)
def test_wrong_queries(query: dict[str, str], message: str, ledger: Ledger) -> None:
    answer = ledger.get(query)
    assert (answer.status, answer.body["error"]["message"]) == (400, message)


def test_usage_needs_a_route_with_an_authorization(ledger: Ledger) -> None:
    answer = ask(ledger.service, proxy_event(None, method="GET", path="/v1/usage"))
    assert (answer.status, answer.log_line["error_detail"]) == (
        500,
        "the route needs an authorization, as the operation is its caller's",
    )
    with pytest.raises(InvalidRequest, match=r"^This operation is for HTTP\.$"):
        ledger.direct({"operation": "ledger.usage", "input": {}})


def reserve(ledger: Ledger, nano_usd: int, request_id: str = "r1", limits: str = "") -> dict[str, Any]:
    caller = {"kind": "tenant", "principal": "acme", "tenant": "acme", "key": "key-1", "limits": limits}
    request = {
        "operation": "workflows.document",
        "caller": caller,
        "request_id": request_id,
        "started_at": int(ledger.tables.now * 1000),
        "lasts_seconds": 27,
        "nano_usd": nano_usd,
        "tokens": 0,
    }
    return ledger.direct({"operation": "ledger.reserve", "input": request})


def test_a_workflow_is_reserved_once_and_settled_once(ledger: Ledger) -> None:
    limits = json.dumps([MONEY.to_json()])
    first, again = (reserve(ledger, 900, limits=limits) for _ in range(2))
    assert first == again
    assert reserve(ledger, 900, "r2", limits) == {
        "refused": "5 The tenant's budget of 0.000001 US dollars a day leaves less than the 0.0000009 US dollars that this "
        "request may use. It resets at 2026-12-01T00:00:00Z."
    }
    error = {"Error": "BackendTimeout", "Cause": "{}"}
    for _ in range(2):
        settled = {"operation": "ledger.settle", "input": {"charge": first["charge"], "error": error}}
        assert ledger.direct(settled) == {"settled": True}
    (row,) = ledger.tables.check()
    assert (row["outcome"], row["status"]) == ({"S": "backend_timeout"}, {"S": "settled"})
    assert ledger.tables.counts()["tenant:acme#day#nano_usd#2026-11-30"] == {"committed": 0, "spent": 0}


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("BudgetExceeded", "budget_exceeded"),
        ("States.Timeout", "workflow_timeout"),
        ("SoldOut", "workflow_failed"),
    ],
)
def test_a_workflow_that_failed_has_the_code_of_its_error(name: str, outcome: str, ledger: Ledger) -> None:
    charge = reserve(ledger, 10)["charge"]
    ledger.direct({"operation": "ledger.settle", "input": {"charge": charge, "error": {"Error": name}}})
    assert groups(ledger.get({"group_by": "outcome"})) == [(outcome, 1, 0)]


def test_the_calls_of_an_agent_are_in_the_sum_of_its_workflow(ledger: Ledger) -> None:
    share = Share.from_json({**reserve(ledger, 90)["charge"], "agent": "read it"})
    assert share.caller is not None
    call = Call(
        caller=share.caller,
        operation="vision.text",
        request_id="t",
        started_at=ledger.tables.now,
        part_of=share.key,
    )
    ledger.meter.take(share, "t.1", {"nano_usd": 40}, deadline=soon())
    used = Outcome(amounts={"nano_usd": 30}, outcome="ok", target="aws:vision.text")
    ledger.meter.give_back(share, "t.1", {"nano_usd": 40}, used, call=call, deadline=soon())
    ledger.direct({"operation": "ledger.settle", "input": {"charge": share.to_json()}})
    assert len(ledger.tables.check()) == 2
    assert groups(ledger.get({"group_by": "operation"})) == [("workflows.document", 1, 30)]


def test_a_workflow_is_its_own_model_once_it_has_ended(ledger: Ledger) -> None:
    charge = reserve(ledger, 10)["charge"]
    assert groups(ledger.get({"group_by": "model"})) == [("open", 1, 0)]
    ledger.direct({"operation": "ledger.settle", "input": {"charge": charge}})
    assert groups(ledger.get({"group_by": "model"})) == [("workflows.document", 1, 0)]


def test_the_schedule_warns_once_of_a_budget_that_is_nearly_used_up(ledger: Ledger) -> None:
    caller = caller_with(MONEY, limit("key:key-1", "minute", "tokens", 1))
    schedule = {"source": "aws.events", "detail-type": "Scheduled Event"}
    ledger.call(caller_with(MONEY), "a", nano_usd=799)
    assert ledger.direct(schedule) == {"swept": 0, "warned": 0}
    ledger.call(caller, "b", nano_usd=1)
    assert ledger.direct(schedule) == {"swept": 0, "warned": 1}
    assert ledger.direct(schedule) == {"swept": 0, "warned": 0}
    ((_, request, _),) = ledger.events.calls
    (entry,) = request["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("ai-orchestrator.budgets", "Budget nearly used up")
    assert json.loads(entry["Detail"]) == {
        "scope": "tenant:acme",
        "window": "day",
        "unit": "nano_usd",
        "start": "2026-11-30",
        "used": 800,
        "limit": 1_000,
        "resetsAt": 1_796_083_200,
        "percent": 80,
    }
