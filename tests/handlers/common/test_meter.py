"""The meter: what is written, what is refused and with which words, and what happens where DynamoDB does not answer."""

from __future__ import annotations

import json

import pytest

from handlers.common.budgets import BudgetExceeded
from handlers.common.caller import Limit
from handlers.common.error_format import OPENAI_ERROR, PROBLEM
from handlers.common.errors import BackendUnavailable
from handlers.common.ledger import Outcome
from handlers.common.meter import Meter
from handlers.common.responses import error_body
from tests.support.aws import Answering
from tests.support.cloud_in_thread import CloudInThread
from tests.support.meter import MeteredTables, call_of, caller_with, limit, soon

OK = Outcome(amounts={"tokens": 7, "nano_usd": 70}, outcome="ok", target="fake:model", latency_ms=12)


@pytest.fixture
def tables(cloud: CloudInThread) -> MeteredTables:
    return MeteredTables(cloud.client("dynamodb"))


def refused(tables: MeteredTables, bound: Limit, *, used: int, needed: int) -> BudgetExceeded:
    """Return the refusal of a call of a caller with one limit, of which a part is used."""
    caller, meter = caller_with(bound), tables.meter()
    if used:
        meter.reserve(call_of(caller, "first"), {bound.unit: used}, lasts_seconds=30, deadline=soon())
    with pytest.raises(BudgetExceeded) as error:
        meter.reserve(call_of(caller, "second"), {bound.unit: needed}, lasts_seconds=30, deadline=soon())
    return error.value


def test_a_caller_without_limits_costs_the_row_alone(tables: MeteredTables) -> None:
    call, meter = call_of(caller_with(), "a"), tables.meter()
    meter.settle(
        meter.reserve(call, {"nano_usd": 100}, lasts_seconds=30, deadline=soon()), OK, deadline=soon()
    )
    meter.settle(
        meter.reserve(call, {"nano_usd": 100}, lasts_seconds=30, deadline=soon()), OK, deadline=soon()
    )
    (row,) = tables.rows()
    assert (tables.writes, tables.counts()) == (0, {})
    assert row["account"] == {"S": "acme#2026-11-30"}
    assert row["row"] == {"S": "23:59:55.250#a"}
    assert row["used"] == {"M": {"requests": {"N": "1"}, "tokens": {"N": "7"}, "nano_usd": {"N": "70"}}}
    assert (row["target"], row["outcome"], row["latency_ms"]) == (
        {"S": "fake:model"},
        {"S": "ok"},
        {"N": "12"},
    )


def test_only_buckets_with_a_limit_are_written(tables: MeteredTables) -> None:
    caller, meter = (
        caller_with(limit("tenant:acme", "month", "nano_usd", 500), limit("route:other", "day", "tokens", 1)),
        tables.meter(),
    )
    reservation = meter.reserve(
        call_of(caller, "a"), {"tokens": 9, "nano_usd": 90}, lasts_seconds=30, deadline=soon()
    )
    assert tables.counts() == {"tenant:acme#month#nano_usd#2026-11": {"committed": 90, "spent": 0}}
    meter.settle(reservation, OK, deadline=soon())
    assert tables.counts() == {"tenant:acme#month#nano_usd#2026-11": {"committed": 70, "spent": 70}}
    assert tables.writes == 2


def test_a_call_that_began_before_midnight_counts_in_the_day_in_which_it_was_reserved(
    tables: MeteredTables,
) -> None:
    caller, meter = caller_with(limit("key:key-1", "day", "nano_usd", 100)), tables.meter()
    first = meter.reserve(call_of(caller, "a"), {"nano_usd": 100}, lasts_seconds=30, deadline=soon())
    tables.now += 10
    meter.reserve(call_of(caller, "b", at=tables.now), {"nano_usd": 80}, lasts_seconds=30, deadline=soon())
    meter.settle(first, OK, deadline=soon())
    assert tables.counts() == {
        "key:key-1#day#nano_usd#2026-11-30": {"committed": 70, "spent": 70},
        "key:key-1#day#nano_usd#2026-12-01": {"committed": 80, "spent": 0},
    }


def test_a_bucket_expires_even_if_its_call_ends_after_it_has(tables: MeteredTables) -> None:
    caller, meter = caller_with(limit("key:key-1", "day", "nano_usd", 100)), tables.meter()
    reservation = meter.reserve(call_of(caller, "a"), {"nano_usd": 90}, lasts_seconds=99_999, deadline=soon())
    (bucket,) = tables.items(tables.buckets)
    tables.client.delete_item(TableName=tables.buckets, Key={"id": bucket["id"]})  # as DynamoDB does
    meter.settle(reservation, OK, deadline=soon())
    (again,) = tables.items(tables.buckets)
    assert again["expires_at"] == bucket["expires_at"] == {"N": str(1_796_083_200 + 6 * 3_600)}


def test_a_dead_call_counts_at_its_upper_bound_until_it_settles_after_all(tables: MeteredTables) -> None:
    caller, meter = caller_with(limit("key:key-1", "day", "nano_usd", 100)), tables.meter()
    reservation = meter.reserve(call_of(caller, "a"), {"nano_usd": 90}, lasts_seconds=30, deadline=soon())
    assert meter.sweep(deadline=soon()) == 0
    tables.now += 32
    assert meter.sweep(deadline=soon()) == 1
    assert meter.sweep(deadline=soon()) == 0
    bucket = "key:key-1#day#nano_usd#2026-11-30"
    assert tables.counts()[bucket] == {"committed": 90, "spent": 90}
    assert tables.rows()[0]["outcome"] == {"S": "lost"}
    meter.settle(reservation, OK, deadline=soon())
    assert tables.counts()[bucket] == {"committed": 70, "spent": 70}
    assert tables.rows()[0]["outcome"] == {"S": "ok"}


def test_what_cannot_be_raised_stays_as_it_is(tables: MeteredTables) -> None:
    caller, meter = caller_with(limit("key:key-1", "day", "nano_usd", 100)), tables.meter()
    reservation = meter.reserve(call_of(caller, "a"), {"nano_usd": 40}, lasts_seconds=30, deadline=soon())
    meter.reserve(call_of(caller, "b"), {"nano_usd": 40}, lasts_seconds=30, deadline=soon())
    assert meter.raise_to(reservation, {"nano_usd": 30}, deadline=soon()) is reservation
    with pytest.raises(BudgetExceeded):
        meter.raise_to(reservation, {"nano_usd": 61}, deadline=soon())
    raised = meter.raise_to(reservation, {"nano_usd": 60}, deadline=soon())
    assert raised.amounts["nano_usd"] == 60
    tables.check()


def test_a_minute_that_is_used_up_is_waited_for(tables: MeteredTables) -> None:
    error = refused(tables, limit("key:key-1", "minute", "requests", 1), used=1, needed=1)
    assert (
        error.message
        == "The key's budget of 1 requests a minute is used up. It resets at 2026-12-01T00:00:00Z."
    )
    assert error.headers == {
        "Retry-After": "5",
        "x-ratelimit-limit-requests": "1",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "5s",
    }


def test_who_would_wait_for_long_is_told_not_to_retry(tables: MeteredTables) -> None:
    tables.now -= 3_600
    error = refused(
        tables, limit("tenant:acme", "day", "nano_usd", 1_500_000_000), used=10, needed=1_500_000_000
    )
    assert error.message == (
        "The tenant's budget of 1.50 US dollars a day leaves less than the 1.50 US dollars that this request may use. "
        "It resets at 2026-12-01T00:00:00Z."
    )
    assert error.headers["Retry-After"] == "3605"
    assert error.headers["x-should-retry"] == "false"
    assert error.headers["x-ratelimit-remaining-nano-usd"] == "1499999990"


def test_what_no_window_could_hold_is_refused_at_once(tables: MeteredTables) -> None:
    error = refused(tables, limit("key:key-1", "minute", "tokens", 10), used=0, needed=11)
    assert error.message == (
        "The key's budget of 10 tokens a minute is less than the 11 tokens that this request may use. Ask for less."
    )
    assert (error.headers["x-should-retry"], tables.writes) == ("false", 0)


def test_a_refusal_has_the_form_of_the_protocol(tables: MeteredTables) -> None:
    error = refused(tables, limit("key:key-1", "minute", "requests", 0), used=0, needed=1)
    body, headers = error_body(error, "id-1", OPENAI_ERROR)
    assert json.loads(body)["error"] == {
        "message": error.message,
        "type": "rate_limit_error",
        "param": None,
        "code": "budget_exceeded",
    }
    assert headers["x-should-retry"] == "false"
    assert json.loads(error_body(error, "id-1", PROBLEM)[0]) == {
        "code": "budget_exceeded",
        "message": error.message,
        "requestId": "id-1",
    }


@pytest.mark.parametrize(
    "limits", [(), (limit("key:key-1", "day", "requests", 5),)], ids=["no limits", "a limit"]
)
def test_what_cannot_be_counted_is_not_served(limits: tuple[Limit, ...]) -> None:
    down = BackendUnavailable(detail="dynamodb: down")
    meter = Meter("b", "l", api=Answering({"transact_write_items": down, "put_item": down}))  # type: ignore[arg-type]
    call = call_of(caller_with(*limits), "a")

    def use() -> None:
        meter.settle(meter.reserve(call, {}, lasts_seconds=30, deadline=soon()), OK, deadline=soon())

    with pytest.raises(BackendUnavailable) as error:
        use()
    assert error.value.message == "The request cannot be counted. Try again later."


def test_requests_that_cost_nothing_have_no_row(tables: MeteredTables) -> None:
    caller, meter = (
        caller_with(limit("key:key-1", "minute", "requests", 2), limit("key:key-1", "day", "nano_usd", 5)),
        tables.meter(),
    )
    for number in range(2):
        meter.count(caller, "jobs.status", f"r{number}", deadline=soon())
    with pytest.raises(BudgetExceeded):
        meter.count(caller, "jobs.status", "r2", deadline=soon())
    meter.count(caller_with(), "jobs.status", "r3", deadline=soon())
    assert tables.rows() == []
