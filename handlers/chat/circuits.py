"""Cooldown of targets that fail, shared by all instances of the function: items of a DynamoDB table.

The items are those of the workflows' circuit breakers (`constructs_lib/workflows/circuit.py`): `failures` in a row and
`retry_at`, in seconds since 1970. A circuit is open while there are enough failures and `retry_at` is later than now. After
that, one request tries the target, the others find it open. A success deletes the item if no one has failed since.

If the table does not answer, the target is tried.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline
from handlers.common.errors import ServiceError

_KEPT_SECONDS = 86_400
_CHOICES = (Tries(1, 0.5, 1),)
_LOST = "ConditionalCheckFailedException"


class _Lost(ServiceError):
    """Another instance has changed the item."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """State of a target when a request looks at it.

    Attributes:
        item: Key of its item.
        failures: Failures in a row.
        retry_at: Time from which it may be tried, in seconds since 1970; 0 if there is no item.
        wait_seconds: Seconds until it may be tried; 0 if now.
    """

    item: str
    failures: int = 0
    retry_at: int = 0
    wait_seconds: int = 0


class Circuits:
    """The circuits of all targets.

    Args:
        table: Name of the table; its key is the attribute `circuit`, and items expire by `expires_at`.
        report: Called with the table's name and the error when DynamoDB fails.
        api: DynamoDB. Default: created from the environment.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        table: str,
        *,
        report: Callable[[str, ServiceError], None],
        api: AwsApi | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._report = report
        self._api = api or AwsApi("dynamodb", choices=_CHOICES)
        self._clock = clock

    @classmethod
    def from_environment(cls, report: Callable[[str, ServiceError], None]) -> Circuits:
        """Return the circuits in the table of CIRCUIT_TABLE.

        Args:
            report: See `Circuits`.

        Raises:
            KeyError: CIRCUIT_TABLE is not set.
        """
        return cls(os.environ["CIRCUIT_TABLE"], report=report)

    def look(self, item: str, *, failures: int, open_seconds: int, deadline: Deadline) -> Circuit:
        """Return the state of a circuit. If its time is over, this request is the one that tries, or waits for it.

        Args:
            item: Key of the item.
            failures: Failures in a row that open the circuit.
            open_seconds: How long it is open.
            deadline: When the answer must be there.
        """
        try:
            answer = self._call("get_item", {"ConsistentRead": True}, item, deadline)
            found: dict[str, Any] = answer.get("Item") or {}
            circuit = Circuit(
                item,
                int(found.get("failures", {}).get("N", "0")),
                int(found.get("retry_at", {}).get("N", "0")),
            )
            if circuit.failures < failures:
                return circuit
            wait = circuit.retry_at - int(self._clock())
            if wait > 0:
                return Circuit(item, circuit.failures, circuit.retry_at, wait)
            return self._try(circuit, open_seconds, deadline)
        except ServiceError as error:
            self._report(self._table, error)
            return Circuit(item)

    def failed(self, circuit: Circuit, *, open_seconds: int, deadline: Deadline) -> None:
        """Count a failure."""
        update = "SET retry_at = :later, expires_at = :expiry ADD failures :one"
        values = {**self._times(open_seconds), ":one": {"N": "1"}}
        self._note(
            "update_item",
            {"UpdateExpression": update, "ExpressionAttributeValues": values},
            circuit,
            deadline,
        )

    def succeeded(self, circuit: Circuit, *, deadline: Deadline) -> None:
        """Close the circuit, unless someone has failed since this request looked at it."""
        if circuit.failures:
            seen = {":seen": {"N": str(circuit.failures)}}
            self._note(
                "delete_item",
                {"ConditionExpression": "failures = :seen", "ExpressionAttributeValues": seen},
                circuit,
                deadline,
            )

    def _try(self, circuit: Circuit, open_seconds: int, deadline: Deadline) -> Circuit:
        parameters = {
            "UpdateExpression": "SET retry_at = :later, expires_at = :expiry",
            "ConditionExpression": "retry_at = :seen",
            "ExpressionAttributeValues": {
                **self._times(open_seconds),
                ":seen": {"N": str(circuit.retry_at)},
            },
        }
        try:
            self._call("update_item", parameters, circuit.item, deadline)
        except _Lost:
            return Circuit(circuit.item, circuit.failures, circuit.retry_at, open_seconds)
        return circuit

    def _note(self, operation: str, parameters: dict[str, Any], circuit: Circuit, deadline: Deadline) -> None:
        try:
            self._call(operation, parameters, circuit.item, deadline)
        except _Lost:
            return
        except ServiceError as error:
            # The answer is worth more than the count.
            self._report(self._table, error)

    def _call(
        self, operation: str, parameters: dict[str, Any], item: str, deadline: Deadline
    ) -> dict[str, Any]:
        key = {"TableName": self._table, "Key": {"circuit": {"S": item}}}
        return self._api.call(operation, {**key, **parameters}, deadline=deadline, refusals={_LOST: _Lost})

    def _times(self, open_seconds: int) -> dict[str, Any]:
        later = int(self._clock()) + open_seconds
        return {":later": {"N": str(later)}, ":expiry": {"N": str(later + _KEPT_SECONDS)}}
