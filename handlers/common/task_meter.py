"""Meter of a task of a workflow: takes what the task may use from the workflow's reservation, and gives back the rest.

The row in the ledger is the workflow's, which is settled at what its tasks have taken. It counts the calls of each operation. The
calls of an agent, which are decided while it runs, have a row each besides.
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
        buckets = self._meter.task_buckets(self._share, call)
        return self.raise_to(Reservation(call, buckets, {}), amounts, deadline=deadline)

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
        self._meter.take(
            self._share,
            self._part(result),
            more,
            operation=operation,
            buckets=reservation.buckets,
            deadline=deadline,
        )
        return result

    def settle(self, reservation: Reservation, outcome: Outcome, *, deadline: Deadline) -> None:
        """Give back what the task has not used. A call of an agent gets its row in the ledger.

        Raises:
            BackendUnavailable: DynamoDB does not answer; what was taken counts as used.
        """
        self._meter.give_back(
            self._share,
            self._part(reservation),
            reservation.amounts,
            outcome,
            buckets=reservation.buckets,
            call=self._call_of_agent(reservation.call),
            deadline=deadline,
        )

    def _call_of_agent(self, call: Call) -> Call | None:
        """Return the call for its row in the ledger; None if the task is not an agent's."""
        share = self._share
        if share.agent is None:
            return None
        return replace(call, subject=f"agent/{share.agent}", part_of=share.key)

    def count(self, caller: Caller, operation: str, request_id: str, *, deadline: Deadline) -> None:
        """Count nothing: the workflow was counted as a request."""

    def _part(self, reservation: Reservation) -> str:
        return f"{self._id}.{reservation.version}"
