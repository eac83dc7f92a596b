"""Requests a minute of each user, counted in a DynamoDB table.

A user has one item for each minute, `requests#cognito:<sub>#<minutes since 1970>`, with the number of requests. One
conditional update counts a request and checks the limit, so that requests at the same time cannot exceed it. Workflows
behind a route count into the same items (`constructs_lib/workflows/caller_count.py`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable, ServiceError, TooManyRequests

_COUNTED = "cognito:"
"""Users. Partners are counted by their usage plan, and operators sign with IAM."""

_MINUTE_SECONDS = 60
_EXPIRY_SECONDS = 3_600
_CHOICES = (Tries(2, 0.5, 1), Tries(1, 0.5, 1))
_AT_THE_LIMIT = (
    "ConditionalCheckFailedException",
    # A thousand writes a second to the item of one user: far beyond any limit.
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
)


class CallerLimit:
    """The requests that a user may make in a minute of the clock.

    Args:
        table: The table's name; its key is the attribute `id`, and items expire by `expires_at`.
        per_minute: The most requests of a user in a minute.
        api: DynamoDB. Default: created from the environment.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        table: str,
        *,
        per_minute: int,
        api: AwsApi | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._per_minute = per_minute
        self._api = api or AwsApi("dynamodb", choices=_CHOICES)
        self._clock = clock

    @classmethod
    def from_environment(cls) -> CallerLimit | None:
        """Return the limit that CALLER_TABLE and CALLER_REQUESTS_PER_MINUTE describe; None without CALLER_TABLE.

        The client of DynamoDB is created at once, as every request needs it.

        Raises:
            KeyError: CALLER_TABLE is set without CALLER_REQUESTS_PER_MINUTE.
            ValueError: CALLER_REQUESTS_PER_MINUTE is not a whole number.
        """
        table = os.environ.get("CALLER_TABLE")
        if not table:
            return None
        api = AwsApi("dynamodb", choices=_CHOICES)
        api.prepare()
        return cls(table, per_minute=int(os.environ["CALLER_REQUESTS_PER_MINUTE"]), api=api)

    def count(self, caller: str, *, deadline: Deadline) -> None:
        """Count a request. Callers other than users are not counted.

        Args:
            caller: `Caller.principal`.
            deadline: When the request must be counted.

        Raises:
            TooManyRequests: The user has made as many requests in this minute as a user may, or more at once than
                DynamoDB counts.
            BackendUnavailable: The request cannot be counted: it fails closed.
        """
        if not caller.startswith(_COUNTED):
            return
        now = int(self._clock())
        minute, second = divmod(now, _MINUTE_SECONDS)

        def too_many() -> ServiceError:
            return TooManyRequests(
                f"The limit of {self._per_minute:,} requests a minute is reached. Try again when the next minute begins.",
                retry_after_seconds=_MINUTE_SECONDS - second,
            )

        try:
            self._api.call(
                "update_item",
                {
                    "TableName": self._table,
                    "Key": {"id": {"S": f"requests#{caller}#{minute}"}},
                    "UpdateExpression": "SET expires_at = :expires_at ADD requests :one",
                    "ConditionExpression": "attribute_not_exists(requests) OR requests < :limit",
                    "ExpressionAttributeValues": {
                        ":one": {"N": "1"},
                        ":limit": {"N": str(self._per_minute)},
                        ":expires_at": {"N": str(now + _EXPIRY_SECONDS)},
                    },
                },
                deadline=deadline,
                refusals=dict.fromkeys(_AT_THE_LIMIT, too_many),
            )
        except TooManyRequests:
            raise
        except ServiceError as error:
            raise BackendUnavailable(
                "The request cannot be counted. Try again later.", detail=error.detail
            ) from error
