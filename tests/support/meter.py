"""The meter on a local cloud's DynamoDB, with functions that can be killed, and what must hold of its tables."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Literal

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.caller import Caller, Limit, Unit, Window
from handlers.common.deadline import Deadline
from handlers.common.ledger import Call
from handlers.common.meter import Meter

NOW = 1_796_083_195.25
"""Five seconds before a day and a month begin: 2026-11-30T23:59:55Z."""

Death = Literal["before", "after"]
_numbers = itertools.count()


class Killed(BaseException):
    """The function is killed: nothing in it runs any more."""


def create_tables(client: Any, buckets: str, ledger: str) -> None:
    """Create the two tables, as the construct `Meter` declares them."""
    string = {"AttributeType": "S"}
    client.create_table(
        TableName=buckets,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", **string}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.create_table(
        TableName=ledger,
        KeySchema=[
            {"AttributeName": "account", "KeyType": "HASH"},
            {"AttributeName": "row", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": name, **string} for name in ("account", "row", "open")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "open",
                "KeySchema": [{"AttributeName": "open", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


@dataclass
class MeteredTables:
    """Two tables, meters on them, and the clock that they go by."""

    client: Any
    now: float = NOW
    buckets: str = field(default_factory=lambda: f"buckets-{next(_numbers)}")
    ledger: str = field(default_factory=lambda: f"ledger-{next(_numbers)}")
    writes: int = 0

    def __post_init__(self) -> None:
        create_tables(self.client, self.buckets, self.ledger)

    def meter(self, *, dies: Death | None = None) -> Meter:
        """Return the meter of one function, which is killed before or after its first transaction."""
        api = AwsApi(
            "dynamodb", choices=(Tries(1, 1, 20),), make_client=lambda _name, _tries: _Mortal(self, dies)
        )
        return Meter(self.buckets, self.ledger, api=api, clock=lambda: self.now)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the ledger, without the lists of accounts."""
        return [row for row in self.items(self.ledger) if not row["account"]["S"].startswith("accounts#")]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return `committed` and `spent` of all buckets."""
        return {
            item["id"]["S"]: {name: int(item[name]["N"]) for name in ("committed", "spent")}
            for item in self.items(self.buckets)
        }

    def check(self) -> list[dict[str, Any]]:
        """Assert the invariants, which hold wherever a process is killed; return the rows of the ledger."""
        opened: dict[str, int] = defaultdict(int)
        used: dict[str, int] = defaultdict(int)
        most: dict[str, int] = {}
        rows = self.rows()
        assert len({row["request_id"]["S"] for row in rows}) == len(rows)
        for row in rows:
            is_open = row["status"]["S"] == "open"
            assert is_open == ("open" in row)
            for entry in row.get("buckets", {}).get("L", ()):
                name, _, (_, _, unit, maximum) = json.loads(entry["S"])
                most[name] = maximum
                if unit == "requests":
                    used[name] += 1
                elif is_open:
                    opened[name] += _amount(row["reserved"], unit)
                else:
                    used[name] += _amount(row["used"], unit)
        counts = self.counts()
        assert set(counts) >= set(most)
        for name, count in counts.items():
            assert count["spent"] == used[name], name
            assert count["committed"] == count["spent"] + opened[name], name
            assert count["spent"] + opened[name] <= most[name], name
        return rows

    def watch(self, limits: Mapping[str, int], stopped: Event) -> int:
        """Assert for each bucket, again and again until stopped, that its limit holds; return how often.

        Args:
            limits: Limits by the beginnings of the keys of their buckets.
            stopped: Set at the end.
        """
        for number in itertools.count(1):
            for name, count in self.counts().items():
                (most,) = (most for start, most in limits.items() if name.startswith(start))
                assert 0 <= count["spent"] <= count["committed"] <= most, name
            if stopped.is_set():
                return number
        raise AssertionError

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return all items of one of the two tables."""
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]


class _Mortal:
    """DynamoDB's client in a function that is killed at a transaction: before it arrives, or before its answer does."""

    def __init__(self, tables: MeteredTables, dies: Death | None) -> None:
        self._tables = tables
        self._dies = dies

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation: Callable[..., Any] = getattr(self._tables.client, name)
        return operation

    def transact_write_items(self, **request: Any) -> Any:
        if self._dies == "before":
            raise Killed
        self._tables.writes += 1
        answer = self._tables.client.transact_write_items(**request)
        if self._dies == "after":
            raise Killed
        return answer


def _amount(amounts: Mapping[str, Any], unit: str) -> int:
    return int(amounts["M"].get(unit, {"N": "0"})["N"])


def limit(scope: str, window: Window, unit: Unit, maximum: int) -> Limit:
    return Limit(scope, window, unit, maximum)


def caller_with(*limits: Limit, key: str = "key-1", tenant: str = "acme") -> Caller:
    return Caller(f"tenant:{tenant}", tenant, key, "A" * 24, limits=limits)


def call_of(caller: Caller, request_id: str, *, at: float = NOW, route: str | None = None) -> Call:
    return Call(
        caller=caller, operation="chat.completions", request_id=request_id, started_at=at, route=route
    )


def soon() -> Deadline:
    return Deadline.after(60)
