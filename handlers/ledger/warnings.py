"""Warnings of budgets of days and months that are used up to 80 %: an event on the bus, once a window."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, ServiceError
from handlers.common.meter import WARN_PERCENT
from handlers.common.transactions import Item

SOURCE: Final = "ai-orchestrator.budgets"
DETAIL_TYPE: Final = "Budget nearly used up"
_CHOICES: Final = (Tries(3, 1, 3), Tries(1, 0.5, 1))


class _Warned(ServiceError):
    """Another sweep has warned."""


class Warnings:
    """Warnings of the buckets of a table.

    Args:
        buckets: Name of the table of buckets.
        dynamodb: DynamoDB. Default: created from the environment.
        events: EventBridge. Default: created from the environment.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        buckets: str,
        *,
        dynamodb: AwsApi | None = None,
        events: AwsApi | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._buckets = buckets
        self._dynamodb = dynamodb or AwsApi("dynamodb", choices=_CHOICES)
        self._events = events or AwsApi("events", choices=_CHOICES)
        self._clock = clock

    @classmethod
    def from_environment(cls) -> Warnings:
        """Return the warnings of the table METER_BUCKETS."""
        return cls(os.environ["METER_BUCKETS"])

    def send(self, *, deadline: Deadline) -> int:
        """Send a warning for each bucket that is nearly used up and has none; return how many.

        The bucket is marked first: a function that is killed in between loses the warning, it never repeats one.

        Raises:
            ServiceError: DynamoDB or EventBridge fails.
        """
        sent = 0
        for item in self._full(deadline):
            try:
                self._mark(item["id"]["S"], deadline)
            except _Warned:
                continue
            self._put(item, deadline)
            sent += 1
        return sent

    def _full(self, deadline: Deadline) -> list[Item]:
        found: list[Item] = []
        start: Mapping[str, Any] = {}
        while True:
            page = self._dynamodb.call(
                "scan",
                {
                    "TableName": self._buckets,
                    "FilterExpression": "spent >= about.warn_at AND about.ends_at > :now AND NOT contains(id, :minute) AND attribute_not_exists(warned)",
                    "ExpressionAttributeValues": {
                        ":now": {"N": str(int(self._clock()))},
                        ":minute": {"S": "#minute#"},
                    },
                    **start,
                },
                deadline=deadline,
            )
            found.extend(page.get("Items", ()))
            if not page.get("LastEvaluatedKey"):
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _mark(self, bucket: str, deadline: Deadline) -> None:
        self._dynamodb.call(
            "update_item",
            {
                "TableName": self._buckets,
                "Key": {"id": {"S": bucket}},
                "UpdateExpression": "SET warned = :now",
                "ConditionExpression": "attribute_exists(id) AND attribute_not_exists(warned)",
                "ExpressionAttributeValues": {":now": {"N": str(int(self._clock()))}},
            },
            deadline=deadline,
            refusals={"ConditionalCheckFailedException": _Warned},
        )

    def _put(self, item: Item, deadline: Deadline) -> None:
        scope, window, unit, start = item["id"]["S"].split("#")
        about = {name: int(value["N"]) for name, value in item["about"]["M"].items()}
        detail = {
            "scope": scope,
            "window": window,
            "unit": unit,
            "start": start,
            "used": int(item["spent"]["N"]),
            "limit": about["most"],
            "resetsAt": about["ends_at"],
            "percent": WARN_PERCENT,
        }
        entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(detail)}
        answer = self._events.call("put_events", {"Entries": [entry]}, deadline=deadline)
        if answer.get("FailedEntryCount"):
            raise BackendError(detail="events.put_events: the warning was not accepted")
