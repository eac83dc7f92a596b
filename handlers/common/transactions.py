"""Transactions of DynamoDB: writes that happen together or not at all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from handlers.common.aws_api import AwsApi
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable, ServiceError

_ATTEMPTS = 8
_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_CHECK_FAILED = "ConditionalCheckFailed"
_CONFLICTS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})

Item = Mapping[str, Mapping[str, Any]]
"""An item in DynamoDB's form, such as `{"id": {"S": "a"}, "count": {"N": "1"}}`."""


class _Cancelled(ServiceError):
    """DynamoDB has cancelled a transaction."""


class Transactions:
    """Transactions of a table's items.

    Args:
        api: DynamoDB.
        busy: Message of the error if other transactions are in the way for too long.
        pause: Waits, in seconds. Default: `time.sleep`.
    """

    def __init__(self, api: AwsApi, *, busy: str, pause: Callable[[float], None] = time.sleep) -> None:
        self.api = api
        self._busy = busy
        self._pause = pause

    def write(
        self, changes: Sequence[Mapping[str, object]], *, deadline: Deadline, token: str | None = None
    ) -> dict[int, Item]:
        """Make all changes or none; another transaction on the same items is waited for.

        Args:
            changes: The items of TransactWriteItems.
            deadline: When it must have happened.
            token: ClientRequestToken, 1-36 characters: within ten minutes, DynamoDB carries out the same changes with the
                same token once. Default: one for each call.

        Returns:
            The changes whose conditions failed, by their numbers from 0, each with the item as it is if the change asks
            for it (`ReturnValuesOnConditionCheckFailure`); empty if all were made.

        Raises:
            BackendUnavailable: Other transactions are in the way for too long.
            ServiceError: DynamoDB fails.
        """
        for attempt in range(_ATTEMPTS):
            try:
                self.api.call(
                    "transact_write_items",
                    {
                        "TransactItems": list(changes),
                        **({} if token is None else {"ClientRequestToken": token}),
                    },
                    deadline=deadline,
                    refusals={"TransactionCanceledException": _Cancelled},
                )
            except _Cancelled as cancelled:
                reasons = _reasons(cancelled)
            else:
                return {}
            failed = {
                number: reason.get("Item") or {}
                for number, reason in enumerate(reasons)
                if reason.get("Code") == _CHECK_FAILED
            }
            if failed:
                return failed
            codes = [str(reason.get("Code")) for reason in reasons]
            if not _CONFLICTS & set(codes):
                break
            longest = min(_PAUSE_SECONDS * 2**attempt, _LONGEST_PAUSE_SECONDS)
            self._pause(random.uniform(0, longest))  # noqa: S311 - jitter, no secret
        raise BackendUnavailable(self._busy, retry_after_seconds=1, detail=f"transaction: {codes}")


def _reasons(cancelled: ServiceError) -> list[Mapping[str, Any]]:
    """Return the reason of each change, as the error of botocore has them."""
    response: Mapping[str, Any] = getattr(cancelled.__cause__, "response", {})
    return list(response.get("CancellationReasons", ()))
