"""Random kills, repetitions and delays: budgets hold, and every settled unit is in the ledger once."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Event

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from handlers.common.budgets import Amounts, BudgetExceeded
from handlers.common.caller import Caller
from handlers.common.errors import BackendUnavailable
from handlers.common.ledger import Call, Outcome
from handlers.common.meter import Meter, Reservation
from tests.support.cloud_in_thread import CloudInThread
from tests.support.meter import Death, Killed, MeteredTables, call_of, caller_with, limit, soon

LIMITS = (
    limit("key:key-1", "minute", "requests", 6),
    limit("key:key-1", "day", "nano_usd", 900),
    limit("tenant:acme", "day", "tokens", 120),
    limit("tenant:acme", "month", "nano_usd", 2_000),
    limit("route:fast", "minute", "tokens", 60),
)
CALLERS = (
    caller_with(*LIMITS),
    caller_with(*LIMITS[2:], key="key-2"),
    caller_with(limit("key:key-3", "day", "nano_usd", 500), key="key-3", tenant="other"),
    caller_with(key="key-4", tenant="unlimited"),
)
PRICES = (2, 9)
"""Nano-dollars a token of a target, and of the dearer one that is tried after it."""

MOST = {
    f"{one.scope}{'@acme' if one.scope.startswith('route') else ''}#{one.window}#{one.unit}": one.maximum
    for one in LIMITS
}
"""Limits by the beginnings of the keys of their buckets."""

LASTS_SECONDS = 30.0
CALLERS_AT_ONCE = 64

deaths = st.sampled_from([None, None, None, "before", "after"])
tokens = st.integers(0, 70)


@dataclass
class Running:
    """A call, what its function knows of its reservation, and what it was settled with."""

    call: Call
    tokens: int
    reservation: Reservation | None = None
    settled: Outcome | None = None


class MeterMachine(RuleBasedStateMachine):
    """Functions on one meter, each step of which may be its last."""

    tables: MeteredTables
    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.tables = MeteredTables(self.tables.client)
        self.calls: list[Running] = []

    @rule(
        target=running,
        caller=st.sampled_from(CALLERS),
        tokens=tokens,
        route=st.sampled_from([None, "fast"]),
        dies=deaths,
    )
    def reserve(self, caller: Caller, tokens: int, route: str | None, dies: Death | None) -> object:
        call = call_of(caller, f"r{len(self.calls)}", at=self.tables.now, route=route)
        one = Running(call, tokens)
        self.calls.append(one)
        return one if self._reserved(one, dies) else multiple()

    @rule(one=running, dies=deaths)
    def reserve_again(self, one: Running, dies: Death | None) -> None:
        self._reserved(one, dies)

    @rule(one=running, dies=deaths)
    def fall_back(self, one: Running, dies: Death | None) -> None:
        if one.reservation is None:
            return
        dearer = upper(one.tokens, PRICES[1])
        with suppress(BudgetExceeded, BackendUnavailable, Killed):
            one.reservation = self.tables.meter(dies=dies).raise_to(one.reservation, dearer, deadline=soon())

    @rule(one=running, share=st.integers(0, 100), dies=deaths)
    def settle(self, one: Running, share: int, dies: Death | None) -> None:
        if one.reservation is None:
            return
        used = one.settled or _outcome(one.reservation, share)
        meter = self.tables.meter(dies=dies)
        try:
            meter.settle(one.reservation, used, deadline=soon())
        except Killed:
            # It may be settled or not: the next steps must not depend on it.
            if dies == "after":
                one.settled = used
            return
        one.settled = used

    @rule(dies=deaths)
    def sweep(self, dies: Death | None) -> None:
        with suppress(Killed):
            self.tables.meter(dies=dies).sweep(deadline=soon())

    @rule(seconds=st.sampled_from([0.5, 3, 20, 31, 61, 86_400]))
    def wait(self, seconds: float) -> None:
        self.tables.now += seconds

    @invariant()
    def budgets_hold_and_what_was_settled_is_in_the_ledger_once(self) -> None:
        rows = {row["request_id"]["S"]: row for row in self.tables.check()}
        for one in self.calls:
            if one.settled is not None:
                row = rows[one.call.request_id]
                assert row["status"]["S"] == "settled"
                assert row["used"]["M"]["tokens"] == {"N": str(one.settled.amounts["tokens"])}

    def _reserved(self, one: Running, dies: Death | None) -> bool:
        amounts = upper(one.tokens, PRICES[0])
        meter = self.tables.meter(dies=dies)
        try:
            reservation = meter.reserve(one.call, amounts, lasts_seconds=LASTS_SECONDS, deadline=soon())
        except BudgetExceeded:
            return False
        except Killed:
            return True
        one.reservation = one.reservation or reservation
        return True


def upper(tokens: int, price: int) -> Amounts:
    return {"tokens": tokens, "nano_usd": tokens * price}


def _outcome(reservation: Reservation, share: int) -> Outcome:
    used = reservation.amounts.get("tokens", 0) * share // 100
    money = reservation.amounts.get("nano_usd", 0) * share // 100
    return Outcome(amounts={"tokens": used, "nano_usd": money}, outcome="ok", target="fake:model")


def run_machine(cloud: CloudInThread, examples: int, *phases: Phase) -> None:
    MeterMachine.tables = MeteredTables(cloud.client("dynamodb"))
    run_state_machine_as_test(
        MeterMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=16,
            phases=phases or tuple(Phase),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_budgets_hold_whatever_is_killed_repeated_or_late(cloud: CloudInThread) -> None:
    run_machine(cloud, 5, Phase.generate)  # a failure here is made small by the long test


@pytest.mark.long
def test_budgets_hold_in_many_more_cases(cloud: CloudInThread) -> None:
    run_machine(cloud, 500)


def work_of(meter: Meter, dying: Meter, chance: random.Random, number: int, now: float) -> Outcome | None:
    """One caller: reserves, may fall back to a dearer target or be killed, settles; returns what was settled."""
    call = call_of(CALLERS[number % 2], f"caller-{number}", at=now, route="fast" if number % 3 else None)
    count = chance.randint(1, 30)
    amounts = upper(count, PRICES[0])
    lasts = 0.0 if chance.random() < 0.3 else LASTS_SECONDS
    try:
        reservation = meter.reserve(call, amounts, lasts_seconds=lasts, deadline=soon())
        if chance.random() < 0.3:
            dearer = upper(count, PRICES[1])
            with suppress(BudgetExceeded):
                reservation = meter.raise_to(reservation, dearer, deadline=soon())
        outcome = _outcome(reservation, chance.randint(0, 100))
        mortal = dying if chance.random() < 0.2 else meter
        mortal.settle(reservation, outcome, deadline=soon())
    except (BudgetExceeded, BackendUnavailable, Killed):
        return None
    return outcome


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_64_callers_at_once_cannot_overspend(seed: int, cloud: CloudInThread) -> None:
    tables = MeteredTables(cloud.client("dynamodb"))
    stopped = Event()
    chances = [random.Random(f"{seed} {number}") for number in range(CALLERS_AT_ONCE)]  # noqa: S311

    def work(number: int) -> Outcome | None:
        chance = chances[number]
        if number % 16 == 0:
            tables.now += 4  # some are in the next minute, day and month
            tables.meter().sweep(deadline=soon())
        dying = tables.meter(dies=chance.choice(["before", "after"]))
        return work_of(tables.meter(), dying, chance, number, tables.now)

    with ThreadPoolExecutor(CALLERS_AT_ONCE + 1) as threads:
        watched = threads.submit(tables.watch, MOST, stopped)
        try:
            outcomes = list(threads.map(work, range(CALLERS_AT_ONCE)))
        finally:
            stopped.set()
        assert watched.result() > 1
    tables.check()
    settled = [one for one in outcomes if one is not None]
    tables.now += 600
    tables.meter().sweep(deadline=soon())
    rows = tables.check()
    assert len(settled) > 5
    assert {row["status"]["S"] for row in rows} <= {"settled", "swept"}
