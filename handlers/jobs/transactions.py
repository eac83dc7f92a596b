"""Writes to DynamoDB that happen together or not at all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from handlers.common.aws_api import AwsApi
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable, ServiceError

_ATTEMPTS = 6
_PAUSE_SECONDS = 0.05
_CHECK_FAILED = "ConditionalCheckFailed"
_CONFLICTS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class _Cancelled(ServiceError):
    """DynamoDB has cancelled a transaction."""


class Transactions:
    """Transactions of a table's items.

    Args:
        api: DynamoDB.
        pause: Waits, in seconds. Default: `time.sleep`.
    """

    def __init__(self, api: AwsApi, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.api = api
        self._pause = pause

    def write(self, changes: Sequence[Mapping[str, object]], *, deadline: Deadline) -> set[int]:
        """Make all changes or none; another transaction on the same items is waited for.

        Args:
            changes: The items of TransactWriteItems.
            deadline: When it must have happened.

        Returns:
            The numbers of the changes whose conditions failed, from 0; nothing where all were made.

        Raises:
            BackendUnavailable: Other transactions are in the way for too long.
            ServiceError: DynamoDB fails.
        """
        for attempt in range(_ATTEMPTS):
            try:
                self.api.call(
                    "transact_write_items",
                    {"TransactItems": list(changes)},
                    deadline=deadline,
                    refusals={"TransactionCanceledException": _Cancelled},
                )
            except _Cancelled as cancelled:
                reasons = _reasons(cancelled)
            else:
                return set()
            failed = {number for number, reason in enumerate(reasons) if reason == _CHECK_FAILED}
            if failed:
                return failed
            if not _CONFLICTS & set(reasons):
                break
            self._pause(random.uniform(0, _PAUSE_SECONDS * 2**attempt))  # noqa: S311 - jitter, no secret
        raise BackendUnavailable("The jobs are busy. Try again later.", detail=f"transaction: {reasons}")


def _reasons(cancelled: ServiceError) -> list[str]:
    """Return the code of each change, as the error of botocore has them."""
    response: Mapping[str, Any] = getattr(cancelled.__cause__, "response", {})
    return [str(reason.get("Code")) for reason in response.get("CancellationReasons", ())]
