"""`make soak`: how the sums of ledger, budgets and answers are compared."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from deploy_tools.callers import Callers
from tools.benchmarks.soak_meter import KINDS, Tally, Tenant, differences, plan


def usage(**row: int) -> dict[str, Any]:
    rows = {"group": "chat.completions", "requests": 2, "tokens": 20, "nano_usd": 300, "open": 0}
    return {"data": [rows | row], "limits": [{"used": 300, "reserved": 0, "limit": 1_000}]}


@pytest.fixture
def tenant() -> Tenant:
    tenant = Tenant("acme", "key", {}, Callers("", {}))
    operation = "chat.completions"
    tenant.tally = Tally(answered=Counter({operation: 2}), tokens=Counter({operation: 20}))
    return tenant


def test_equal_sums_have_no_differences(tenant: Tenant) -> None:
    assert list(differences(tenant, usage())) == []


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"requests": 3}, ["acme: 2 answers of chat.completions, 3 rows in the ledger"]),
        ({"tokens": 19}, ["acme: 20 tokens in answers of chat.completions, 19 in the ledger"]),
        ({"nano_usd": 299}, ["acme: the budget has 300, the rows 299 nano-USD"]),
        ({"open": 1}, ["acme: 1 calls of chat.completions are open"]),
    ],
)
def test_every_difference_is_found(tenant: Tenant, row: dict[str, int], expected: list[str]) -> None:
    assert list(differences(tenant, usage(**row))) == expected


def test_a_budget_that_is_exceeded_or_still_reserved_is_found(tenant: Tenant) -> None:
    limits = [{"used": 300, "reserved": 5, "limit": 299}]
    assert list(differences(tenant, usage() | {"limits": limits})) == [
        "acme: 5 nano-USD are reserved",
        "acme: 300 nano-USD used of 299",
    ]


def test_the_mix_has_every_kind_in_an_order_that_stays_the_same() -> None:
    assert sum(kind.share for kind in KINDS) == 1_000
    kinds = plan(10_000)
    assert len(kinds) == 10_000
    assert {kind.path for kind in kinds} == {kind.path for kind in KINDS}
    assert plan(10_000) == kinds
