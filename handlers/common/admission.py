"""Admission of a caller to an operation: the one place where an operation begins and ends.

A call that another function makes for its caller was metered there, except for what is metered by language models: that
is metered where the model is called, for the `caller` of the event. Tasks of a workflow take what they use from the
reservation of the workflow, which their event has as `charge`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from handlers.common.contract import Operation
from handlers.common.errors import ServiceError
from handlers.common.invocation import Invocation
from handlers.common.ledger import Call, Share
from handlers.common.meter import Meter
from handlers.common.metered import PUBLIC, SETTLE_SECONDS, Metered, trace_id
from handlers.common.metering import FREE
from handlers.common.once import Once
from handlers.common.prices import Prices
from handlers.common.task_meter import TaskMeter

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
            invocation: The invocation.
            report: Called with `ledger` and the error if the call cannot be settled.

        Yields:
            The invocation with its metering, and less time.

        Raises:
            InternalError: The operation reserved nothing.
        """
        metered = self._metered(operation, invocation, report)
        if metered is None:
            yield invocation
            return
        deadline = invocation.deadline.earlier(SETTLE_SECONDS)
        try:
            yield replace(invocation, deadline=deadline, metered=metered)
        except BaseException as error:
            metered.end(error)
            raise
        metered.end(None)

    def _metered(
        self, operation: Operation, invocation: Invocation, report: Callable[[str, ServiceError], None]
    ) -> Metered | None:
        """Return the metering of an invocation; None if it is not metered, or where it was invoked."""
        measure, http = operation.metered_by or FREE, invocation.http
        if self._meter is None:
            return None
        meter: Meter | TaskMeter = self._meter
        caller = invocation.caller
        if invocation.charge is not None:
            share = Share.from_json(invocation.charge)
            meter, caller = TaskMeter(self._meter, share), share.caller
        elif http is None and (invocation.caller is None or measure.kind != "model"):
            return None
        received_at = None if http is None else http.received_at
        request_id = invocation.request_id
        call = Call(
            caller=caller or PUBLIC,
            operation=operation.name,
            request_id=request_id if http is not None else f"{request_id}.{secrets.token_hex(4)}",
            started_at=self._clock() if received_at is None else received_at,
            trace_id=trace_id(),
            is_request=http is not None,
        )
        return Metered(
            meter,
            self._prices,
            call,
            measure,
            deadline=invocation.deadline,
            report=report,
            serves_uncounted=operation.serves_uncounted,
        )
