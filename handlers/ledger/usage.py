"""Sums of the ledger's rows over days, by groups."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast, get_args

from handlers.common.aws_api import AwsApi, Tries, reading_answer
from handlers.common.budgets import Bucket
from handlers.common.caller import OPERATORS, Caller
from handlers.common.deadline import Deadline
from handlers.common.errors import InvalidRequest, UnprocessableInput
from handlers.common.ledger import account_of, amounts_of
from handlers.common.proxy_request import ProxyRequest
from handlers.common.transactions import Item
from handlers.ledger.models import GroupBy, GroupUsage, LimitUse, UsageResponse

MOST_DAYS: Final = 92
_CHOICES: Final = (Tries(2, 0.5, 3), Tries(1, 0.5, 1))
_SECONDS_TO_ANSWER: Final = 2
_ATTRIBUTES: Final[Mapping[GroupBy, str]] = {
    "key": "key",
    "model": "target",
    "operation": "operation",
    "outcome": "outcome",
    "tenant": "tenant",
}


class Usage:
    """Usage of calls.

    Args:
        buckets: Name of the table of buckets.
        ledger: Name of the table of the ledger.
        api: DynamoDB. Default: created from the environment.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        buckets: str,
        ledger: str,
        *,
        api: AwsApi | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._buckets = buckets
        self._ledger = ledger
        self._api = api or AwsApi("dynamodb", choices=_CHOICES)
        self._clock = clock

    @classmethod
    def from_environment(cls) -> Usage:
        """Return the usage in the tables METER_BUCKETS and METER_LEDGER."""
        return cls(os.environ["METER_BUCKETS"], os.environ["METER_LEDGER"])

    def read(
        self, http: ProxyRequest, caller: Caller, *, everyone: bool, deadline: Deadline
    ) -> UsageResponse:
        """Return what a caller, or everyone, has used in the days that the query names.

        Raises:
            InvalidRequest: The query is not valid.
            UnprocessableInput: There are more rows than can be read in time.
            ServiceError: DynamoDB fails.
        """
        group_by = _group_by(http)
        first, last = self._days(http)
        groups: dict[str, list[int]] = {}
        for number in range((last - first).days + 1):
            day = (first + dt.timedelta(number)).isoformat()
            accounts = self._accounts(day, deadline) if everyone else [account_of(caller)]
            for account in accounts:
                for row in self._query(f"{account}#{day}", deadline):
                    if "part_of" not in row:  # the row of its workflow has what it used
                        _add(groups, _group(row, group_by, day), row)
                    if deadline.seconds_left() < _SECONDS_TO_ANSWER:
                        raise UnprocessableInput(
                            "There are too many calls in these days. Ask for fewer days."
                        )
        usage = [
            GroupUsage(group=group, requests=sums[0], tokens=sums[1], nano_usd=sums[2], open=sums[3])
            for group, sums in groups.items()
        ]
        usage.sort(key=lambda one: (-one.nano_usd, -one.requests, one.group))
        return UsageResponse(
            first_day=first.isoformat(),
            last_day=last.isoformat(),
            data=usage,
            limits=[] if caller.tenant == OPERATORS else self._limits(caller, deadline),
        )

    def _days(self, http: ProxyRequest) -> tuple[dt.date, dt.date]:
        today = dt.datetime.fromtimestamp(self._clock(), dt.UTC).date()
        last = _day(http, "to", today)
        first = _day(http, "from", last.replace(day=1))
        if first > last:
            raise InvalidRequest("from should not be later than to.", param="from")
        if (last - first).days >= MOST_DAYS:
            raise InvalidRequest(f"from and to should be at most {MOST_DAYS} days apart.", param="from")
        return first, last

    def _limits(self, caller: Caller, deadline: Deadline) -> list[LimitUse]:
        now = self._clock()
        return [self._limit(Bucket.of(limit, caller.tenant, now), deadline) for limit in caller.limits]

    def _limit(self, bucket: Bucket, deadline: Deadline) -> LimitUse:
        request = {"TableName": self._buckets, "Key": {"id": {"S": bucket.id}}, "ConsistentRead": True}
        item: Item = self._api.call("get_item", request, deadline=deadline).get("Item") or {}
        spent, committed = (int(item.get(name, {}).get("N", 0)) for name in ("spent", "committed"))
        return LimitUse(
            scope=bucket.limit.scope,
            window=bucket.limit.window,
            unit=bucket.limit.unit,
            limit=bucket.limit.maximum,
            used=spent,
            reserved=committed - spent,
            resets_at=dt.datetime.fromtimestamp(bucket.ends_at, dt.UTC).isoformat(),
        )

    def _accounts(self, day: str, deadline: Deadline) -> list[str]:
        return [row["row"]["S"] for row in self._query(f"accounts#{day}", deadline)]

    def _query(self, account: str, deadline: Deadline) -> Iterator[Item]:
        start: Mapping[str, Any] = {}
        while True:
            page = self._api.call(
                "query",
                {
                    "TableName": self._ledger,
                    "KeyConditionExpression": "account = :account",
                    "ExpressionAttributeValues": {":account": {"S": account}},
                    "ConsistentRead": True,
                    **start,
                },
                deadline=deadline,
            )
            yield from page.get("Items", ())
            if not page.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _day(http: ProxyRequest, name: str, default: dt.date) -> dt.date:
    values = http.query.get(name, ())
    if not values:
        return default
    try:
        (value,) = values
        return dt.date.fromisoformat(value)
    except ValueError:
        raise InvalidRequest(f"{name} should be a day such as 2026-11-30.", param=name) from None


def _group_by(http: ProxyRequest) -> GroupBy | None:
    values = http.query.get("group_by", ())
    if not values:
        return None
    if len(values) > 1 or values[0] not in get_args(GroupBy):
        raise InvalidRequest(f"group_by should be one of {', '.join(get_args(GroupBy))}.", param="group_by")
    return cast("GroupBy", values[0])


def _group(row: Item, group_by: GroupBy | None, day: str) -> str:
    if group_by is None:
        return "total"
    if group_by == "day":
        return day
    if "open" in row and group_by in ("model", "outcome"):  # not known before its end
        return "open"
    # No model answers a workflow: it is its own.
    found = row.get(_ATTRIBUTES[group_by]) or row["operation"]
    return str(found["S"])


def _add(groups: dict[str, list[int]], group: str, row: Item) -> None:
    with reading_answer("dynamodb.query"):
        sums = groups.setdefault(group, [0, 0, 0, 0])
        used = amounts_of(row, "used")
        sums[0] += 1
        sums[1] += used.get("tokens", 0)
        sums[2] += used.get("nano_usd", 0)
        sums[3] += "open" in row
