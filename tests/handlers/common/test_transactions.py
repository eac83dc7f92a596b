"""Transactions that are in each other's way, and conditions that fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers.common.aws_api import AwsApi
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable
from handlers.common.transactions import Transactions


class Conflicting:
    """DynamoDB whose transactions are cancelled for these reasons, one list a call, and then succeed."""

    def __init__(self, *reasons: list[str]) -> None:
        self.reasons = list(reasons)
        self.calls = 0

    def transact_write_items(self, **_: Any) -> dict[str, Any]:
        self.calls += 1
        if not self.reasons:
            return {}
        reasons = [{"Code": code} for code in self.reasons.pop(0)]
        response: Any = {
            "Error": {"Code": "TransactionCanceledException"},
            "CancellationReasons": reasons,
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }
        raise ClientError(response, "TransactWriteItems")


def write(client: Conflicting) -> tuple[Mapping[int, object], list[float]]:
    pauses: list[float] = []
    api = AwsApi("dynamodb", make_client=lambda _name, _tries: client)
    transactions = Transactions(api, busy="Busy. Try again.", pause=pauses.append)
    return transactions.write([{}, {}], deadline=Deadline.after(60)), pauses


def test_a_transaction_in_the_way_is_waited_for() -> None:
    client = Conflicting(["TransactionConflict", "None"], ["None", "TransactionConflict"])
    failed, pauses = write(client)
    assert (failed, len(pauses), client.calls) == ({}, 2, 3)


def test_conditions_that_fail_are_said() -> None:
    assert write(Conflicting(["None", "ConditionalCheckFailed"])) == ({1: {}}, [])
    assert write(Conflicting(["ConditionalCheckFailed", "ConditionalCheckFailed"])) == ({0: {}, 1: {}}, [])


@pytest.mark.parametrize(
    "reasons", [[["TransactionConflict", "None"]] * 8, [["ItemCollectionSizeLimitExceeded"]]]
)
def test_what_stays_in_the_way_is_busy(reasons: list[list[str]]) -> None:
    with pytest.raises(BackendUnavailable) as refused:
        write(Conflicting(*reasons))
    assert str(refused.value) == "Busy. Try again."
