"""Limits as they are written, stored and printed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib import ConstructError, UsageLimit
from handlers.common.caller import Limit

AMOUNTS = st.integers(0, 10**18)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("tenant/day/usd=5", ["tenant", "day", "nano_usd", 5_000_000_000]),
        ("tenant/month/usd=0.000000001", ["tenant", "month", "nano_usd", 1]),
        ("key/minute/requests=1_000", ["key", "minute", "requests", 1_000]),
        ("route:vision.text/day/requests=0", ["route:vision.text", "day", "requests", 0]),
        ("route:fast/month/tokens=1000000", ["route:fast", "month", "tokens", 1_000_000]),
    ],
)
def test_a_limit_is_read_and_stored_as_the_authorizer_reads_it(text: str, stored: list[Any]) -> None:
    limit = UsageLimit.parse(text)
    assert limit.to_json() == stored
    assert UsageLimit.from_json(stored) == limit
    assert Limit.from_json(stored).to_json() == stored


@given(
    st.sampled_from(["tenant", "key", "route:fast"]),
    st.sampled_from(["minute", "day", "month"]),
    st.sampled_from(["requests", "tokens", "usd"]),
    AMOUNTS,
)
def test_what_is_printed_can_be_read(scope: str, window: Any, unit: Any, amount: int) -> None:
    limit = UsageLimit(scope, window, unit, Decimal(amount) / 10**9 if unit == "usd" else amount)
    assert UsageLimit.parse(str(limit)) == limit
    assert limit.to_json()[3] == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tenant",
        "tenant/day",
        "tenant/day/usd",
        "tenant/day/usd=",
        "tenant/day/usd=-1",
        "tenant/day/usd=1e3",
        "tenant/day/usd=0.0000000001",
        "tenant/day/usd=1.2.3",
        "tenant/day/usd=2000000000",
        "tenant/day/requests=1.5",
        "tenant/hour/usd=1",
        "tenant/day/eur=1",
        "user/day/usd=1",
        "route:/day/usd=1",
        "tenant/day/usd=1 ",
    ],
)
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ConstructError):
        UsageLimit.parse(text)


@pytest.mark.parametrize("amount", [1.5, 0.1, True, None, "NaN", "Infinity", "five", Decimal("0.1234567891")])
def test_an_amount_of_money_is_exact(amount: Any) -> None:
    with pytest.raises(ConstructError, match=r"is not an amount of US dollars"):
        UsageLimit("tenant", "day", "usd", amount)
