"""Meter of a task of a workflow: takes what the task may use from the workflow's reservation, and gives back the rest.

The row in the ledger is the workflow's, which is settled at what its tasks have taken. It counts the calls of each operation.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

from handlers.common.budgets import Amounts
from handlers.common.caller import Caller
from handlers.common.deadline import Deadline
from handlers.common.ledger import Call, Outcome, Share
from handlers.common.meter import Meter, Reservation


class TaskMeter:
    """Meter of one invocation of a task; a retry is another one.

    Args:
        meter: The meter of the stack.
        share: The reservation of the workflow.
    """

    def __init__(self, meter: Meter, share: Share) -> None:
        self._meter = meter
        self._share = share
        self._id = secrets.token_hex(8)

    def reserve(
        self,
        call: Call,
        amounts: Amounts,
        *,
        lasts_seconds: float,  # noqa: ARG002 - the workflow's reservation lasts longer
        deadline: Deadline,
    ) -> Reservation:
        """Take the upper bound of what the task may use.

        Raises:
            BudgetExceeded: The reservation leaves less.
            BackendUnavailable: DynamoDB does not answer.
        """
        return self.raise_to(Reservation(call, (), {}), amounts, deadline=deadline)

    def raise_to(self, reservation: Reservation, amounts: Amounts, *, deadline: Deadline) -> Reservation:
        """Take more, for a task that may use more than it has taken; never give back.

        Raises:
            BudgetExceeded: The reservation leaves less.
            BackendUnavailable: DynamoDB does not answer.
        """
        taken = reservation.amounts
        more = {unit: max(0, amount - taken.get(unit, 0)) for unit, amount in amounts.items()}
        if reservation.version and not any(more.values()):
            return reservation
        raised = {unit: taken.get(unit, 0) + amount for unit, amount in more.items()}
        result = replace(reservation, amounts=raised, version=reservation.version + 1)
        operation = None if reservation.version else reservation.call.operation
        self._meter.take(self._share, self._part(result), more, operation=operation, deadline=deadline)
        return result

    def settle(self, reservation: Reservation, outcome: Outcome, *, deadline: Deadline) -> None:
        """Give back what the task has not used.

        Raises:
            BackendUnavailable: DynamoDB does not answer; what was taken counts as used.
        """
        self._meter.give_back(
            self._share, self._part(reservation), reservation.amounts, outcome.amounts, deadline=deadline
        )

    def count(self, caller: Caller, operation: str, request_id: str, *, deadline: Deadline) -> None:
        """Count nothing: the workflow was counted as a request."""

    def _part(self, reservation: Reservation) -> str:
        return f"{self._id}.{reservation.version}"
