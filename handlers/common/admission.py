"""Admission of a caller to an operation: the one place where an operation begins and ends.

Calls of the dispatcher are not admitted again: their request was. Tasks of a workflow take what they use from the
reservation of the workflow, which their event has as `charge`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from handlers.common.budgets import Amounts
from handlers.common.contract import Operation
from handlers.common.errors import ServiceError
from handlers.common.invocation import Invocation
from handlers.common.ledger import Call, Share
from handlers.common.meter import Meter
from handlers.common.metered import PUBLIC, SETTLE_SECONDS, Metered, trace_id, used_nothing
from handlers.common.metering import FREE
from handlers.common.once import Once
from handlers.common.prices import Prices

_prices = Once(Prices.from_file)


class Admission:
    """Admits callers to operations, by their budgets.

    Args:
        meter: The meter; None if nothing is metered.
        prices: Returns the prices. Default: those of `prices.toml`.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        meter: Meter | None,
        *,
        prices: Callable[[], Prices] = _prices,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._meter = meter
        self._prices = prices
        self._clock = clock

    @classmethod
    def from_environment(cls) -> Admission:
        """Return the admission with the meter of the environment; see `Meter.from_environment`."""
        return cls(Meter.from_environment())

    @contextmanager
    def around(
        self, operation: Operation, invocation: Invocation, report: Callable[[str, ServiceError], None]
    ) -> Iterator[Invocation]:
        """Settle after the block, which is the operation, what it has reserved with `Invocation.metered`.

        Args:
            operation: The operation.
            invocation: The invocation, of an HTTP request.
            report: Called with `ledger` and the error if the call cannot be settled.

        Yields:
            The invocation with its metering, and less time.

        Raises:
            InternalError: The operation reserved nothing.
        """
        if self._meter is None:
            yield invocation
            return
        http = invocation.http
        received_at = None if http is None else http.received_at
        call = Call(
            caller=invocation.caller or PUBLIC,
            operation=operation.name,
            request_id=invocation.request_id,
            started_at=self._clock() if received_at is None else received_at,
            trace_id=trace_id(),
        )
        metered = Metered(
            self._meter,
            self._prices,
            call,
            operation.metered_by or FREE,
            deadline=invocation.deadline,
            report=report,
            serves_uncounted=operation.serves_uncounted,
        )
        deadline = invocation.deadline.earlier(SETTLE_SECONDS)
        try:
            yield replace(invocation, deadline=deadline, metered=metered)
        except BaseException as error:
            metered.end(error)
            raise
        metered.end(None)

    def task(
        self,
        operation: Operation,
        charge: object,
        request: object,
        invocation: Invocation,
        work: Callable[[], dict[str, object]],
        *,
        part: str,
        report: Callable[[str, ServiceError], None],
    ) -> dict[str, object]:
        """Do the work of a task, and take what it uses from the reservation of its workflow.

        Args:
            operation: The operation.
            charge: The share of the event.
            request: The input.
            invocation: The invocation.
            work: Does the work; returns the output.
            part: Id of this invocation of the function.
            report: Called with `ledger` and the error if what is left cannot be given back.

        Raises:
            BudgetExceeded: The reservation leaves too little.
            BackendUnavailable: DynamoDB does not answer.
        """
        measure, meter = operation.metered_by, self._meter
        if meter is None or measure is None or measure.kind != "units" or not isinstance(request, dict):
            return work()
        share = Share.from_json(charge)
        backend = os.environ.get("AI_BACKEND") or "local"
        price = self._prices().of_measure(operation.name, measure, backend)
        upper = price.amounts(measure.upper(request))
        meter.take(share, part, upper, deadline=invocation.deadline)
        used: Amounts = upper
        try:
            output = work()
            used = price.amounts(measure.of_call(request, output))
        except ServiceError as error:
            if used_nothing(error):
                used = {}
            raise
        finally:
            try:
                meter.give_back(share, part, upper, used, deadline=invocation.deadline)
            except ServiceError as failure:
                report("ledger", failure)  # what was taken counts as used
        return output
