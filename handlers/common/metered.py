"""Metering of one call of an operation: reserves before each use, remembers what was used, settles at the end."""

from __future__ import annotations

import datetime as dt
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from handlers.common.backend_choice import ai_backend
from handlers.common.budgets import Amounts, BudgetExceeded
from handlers.common.caller import Caller, Unit
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable, ContentFiltered, InternalError, ServiceError
from handlers.common.ledger import Call, Outcome, Share
from handlers.common.meter import Meter, Reservation
from handlers.common.metering import FREE, TOKEN_UNITS, MeteredBy
from handlers.common.metrics import record_call, record_refusal
from handlers.common.prices import Price, Prices
from handlers.common.task_meter import TaskMeter

if TYPE_CHECKING:
    from pydantic import BaseModel

PUBLIC: Final = Caller("public", "public", "public")
"""The caller of routes without authorization: it has no limits, and a row in the ledger for each call."""

SETTLE_SECONDS: Final = 1.0
"""Time that an operation leaves for settling."""

_LATE_SECONDS: Final = 60
"""How long after its deadline a function may still settle before the sweeper does."""

_FIRST_SERVER_ERROR: Final = 500
_TRACE: Final = re.compile(r"Root=([0-9a-f-]{1,64})")


@dataclass(slots=True)
class Attempt:
    """One use of something that has a price: an operation's backend, or a language model.

    Attributes:
        target: Its name for the ledger.
        price: Its price.
        upper: The most that it uses, by the units of the price.
        quantities: What it used; None while that is not known.
    """

    target: str
    price: Price
    upper: Mapping[str, int]
    quantities: Mapping[str, int] | None = None

    def use(self, quantities: Mapping[str, int]) -> None:
        """Note what it used, by the units of the price."""
        self.quantities = dict(quantities)

    def fail(self, error: BaseException) -> None:
        """Note that it failed.

        Errors of the caller and a busy backend have used nothing. Where nothing says what was used, as after a timeout,
        the upper bound counts.
        """
        if self.quantities is None:
            self.quantities = {} if used_nothing(error) else self.upper


class Metered:
    """Metering of one call.

    Args:
        meter: The meter, or that of a task; None if the stack has none, so that nothing is metered.
        prices: Returns the prices; called for what has one.
        call: The call.
        metered_by: What its operation is metered by.
        deadline: When the call must have been answered.
        report: Called with `ledger` and the error if the call cannot be settled.
        serves_uncounted: Whether the operation is served when DynamoDB does not answer. Default: False.
    """

    def __init__(
        self,
        meter: Meter | TaskMeter | None,
        prices: Callable[[], Prices],
        call: Call,
        metered_by: MeteredBy,
        *,
        deadline: Deadline,
        report: Callable[[str, ServiceError], None],
        serves_uncounted: bool = False,
    ) -> None:
        self._meter = meter
        self._prices = prices
        self._call = call
        self._metered_by = metered_by
        self._deadline = deadline
        self._report = report
        self._serves_uncounted = serves_uncounted
        self._most: int | None = None
        self._attempts: list[Attempt] = []
        self._reservation: Reservation | None = None
        self._measured: tuple[MeteredBy, Mapping[str, object]] | None = None
        self._started = time.perf_counter()
        self._first_token_ms: int | None = None
        self._guard: Attempt | None = None
        self._guard_quantities: Mapping[str, int] = {}
        self._filtered = False

    @property
    def active(self) -> bool:
        """True if the call is metered."""
        return self._meter is not None

    def begin(self, request: BaseModel | None) -> None:
        """Reserve for a request that fits the operation's model.

        Raises:
            BudgetExceeded: A limit leaves too little.
            BackendUnavailable: DynamoDB does not answer.
        """
        measure = self._metered_by
        if measure.kind == "free":
            self._count()
        elif measure.kind == "units":
            values = {name: getattr(request, name, None) for name in measure.fields}
            self.use_operation(self._call.operation, measure, values)

    def use_operation(self, operation: str, measure: MeteredBy, request: Mapping[str, object]) -> None:
        """Reserve for an operation that is metered by units; its name is the one in the ledger.

        Args:
            operation: Name of the operation.
            measure: What it is metered by.
            request: Its input.

        Raises:
            BudgetExceeded: A limit leaves too little.
            BackendUnavailable: DynamoDB does not answer.
        """
        if self._meter is None:
            return
        if measure.kind == "free":
            self._metered_by = measure
            self._count()
            return
        self._call = replace(self._call, operation=operation)
        backend = ai_backend()
        price = self._prices().of_measure(operation, measure, backend)
        self._measured = measure, request
        self.attempt(f"{backend}:{operation}", price, measure.upper(request))

    def attempt(self, target: str, price: Price, upper: Mapping[str, int]) -> Attempt:
        """Reserve for one use, at its own price; what earlier attempts of this call used stays reserved.

        Args:
            target: Its name for the ledger, such as `bedrock:amazon.nova-lite-v1:0`.
            price: Its price.
            upper: The most that it uses, by the units of the price.

        Raises:
            BudgetExceeded: A limit leaves too little.
            BackendUnavailable: DynamoDB does not answer.
        """
        attempt = Attempt(target, price, upper)
        self._reserve(_sum([self._used(), price.amounts(upper)]))
        self._attempts.append(attempt)
        return attempt

    def share(
        self, request_id: str, started_at: float, amounts: Amounts, *, route: str, lasts_seconds: float
    ) -> Share | None:
        """Reserve for a workflow that runs on after this call, and settles at its end.

        Args:
            request_id: Id of the work, by which it is reserved once, also after repeated calls.
            started_at: Time of its beginning, in seconds since 1970; the same for repeated calls.
            amounts: Upper bound of its tasks.
            route: Name of the workflow.
            lasts_seconds: After how many seconds it has ended.

        Returns:
            The reservation for the tasks' events; None if nothing is metered.

        Raises:
            BudgetExceeded: A limit leaves too little.
            BackendUnavailable: DynamoDB does not answer.
        """
        if not isinstance(self._meter, Meter):
            return None
        call = replace(self._call, request_id=request_id, started_at=started_at, route=route)
        lasts = lasts_seconds + _LATE_SECONDS
        with self._recording_refusals():
            reserved = self._meter.reserve(
                call, amounts, lasts_seconds=lasts, deadline=self._deadline, shared=True
            )
        self.hand_over()
        return Share.of(call, reserved.amounts)

    @property
    def used(self) -> Amounts:
        """Use of all attempts of the call, by unit; the upper bound of those that have not ended."""
        return self._used()

    def on_route(self, name: str) -> None:
        """Note the model route of the request, whose limits count it. Call it before anything is reserved."""
        self._call = replace(self._call, route=name)

    def limit_to(self, nano_usd: int) -> None:
        """Limit the call to some money, below what its caller or its workflow may use."""
        self._most = nano_usd

    def leave_out(self) -> None:
        """Note that the call used nothing, unless something is reserved."""
        if self._reservation is None:
            self.hand_over()

    def hand_over(self) -> None:
        """Note that other work than this call settles what was reserved, or that nothing is used."""
        self._metered_by = FREE

    def attempt_model(
        self,
        target: str,
        upper: Callable[[Price], Mapping[str, int]],
        *,
        backend: str,
        model: str,
        base_url: str | None,
    ) -> Attempt:
        """Reserve for one use of a language model; see `attempt`.

        Args:
            target: Its name for the ledger, such as `bedrock:amazon.nova-lite-v1:0`.
            upper: Returns the most tokens that it uses, by unit, for its price.
            backend: `bedrock`, `openai` or `offline`.
            model: The backend's name of the model.
            base_url: Address of the model.
        """
        if self._meter is None:
            price = Price(target, dict.fromkeys(TOKEN_UNITS, 0), dt.date.min, "")
            return Attempt(target, price, upper(price))
        price = self._prices().of_model(backend, model, base_url)
        return self.attempt(target, price, upper(price))

    def guard(self, operation: str, upper: Mapping[str, int]) -> None:
        """Reserve for judgements of a guardrail, beside what answers and what was reserved for it before.

        Args:
            operation: Name of the price, such as `guardrail`.
            upper: The most that they use, by the units of the price.

        Raises:
            BudgetExceeded: A limit leaves too little.
            BackendUnavailable: DynamoDB does not answer.
        """
        if self._meter is None:
            return
        price = self._prices().of_operation(operation, "aws")
        guard = self._guard or Attempt(price.name, price, {})
        more = {unit: count + guard.upper.get(unit, 0) for unit, count in upper.items()}
        self._reserve(_sum([self._used(), price.amounts(upper)]))
        self._guard = replace(guard, upper=more)

    def guard_used(self, quantities: Mapping[str, int]) -> None:
        """Note what all judgements of a guardrail have used so far. What was reserved for them stays so until the end."""
        self._guard_quantities = dict(quantities)

    def filtered(self) -> None:
        """Note that a guardrail blocked the request or the answer, also where the caller gets the part before it."""
        if isinstance(self._meter, Meter) and self._reservation is None:
            self._reserve({})  # so that it is in the ledger; a task is there with its workflow
        self._filtered = True

    def result(self, output: Mapping[str, object]) -> None:
        """Note what an operation that is metered by units has returned."""
        if self._measured is None or not self._attempts:
            return
        measure, request = self._measured
        if self._attempts[-1].quantities is None:
            self._attempts[-1].use(measure.of_call(request, output))

    def first_token(self) -> None:
        """Note that the first part of a streamed answer is there."""
        if self._first_token_ms is None:
            self._first_token_ms = self._milliseconds()

    def end(self, error: BaseException | None) -> None:
        """Settle the call.

        Args:
            error: The error that ended it; None if it went well.

        Raises:
            InternalError: The operation should have reserved by itself, and did not.
        """
        meter = self._meter
        if meter is None or self._metered_by.kind == "free":
            return
        if self._reservation is None:
            if error is None and not self._serves_uncounted:
                raise InternalError(detail=f"{self._call.operation} reserved nothing with the meter")
            return
        for attempt in self._attempts:
            if attempt.quantities is None and error is not None:
                attempt.fail(error)
            elif attempt.quantities is None:
                attempt.use(attempt.upper)
        if self._guard is not None:
            self._guard.use(self._guard_quantities)
        outcome = self._outcome(error)
        try:
            meter.settle(replace(self._reservation, call=self._call), outcome, deadline=self._deadline)
        except ServiceError as failure:
            # The work is done, and the reservation stays until the sweeper settles it.
            self._report("ledger", failure)
        if isinstance(meter, TaskMeter):  # what it used is in the record of its workflow
            return
        record_call(
            tenant=self._call.caller.tenant,
            model=outcome.target or self._call.operation,
            operation=self._call.operation,
            nano_usd=outcome.amounts.get("nano_usd", 0),
            quantities=outcome.quantities,
            fallbacks=outcome.fallbacks,
            failed=error is not None,
            latency_ms=outcome.latency_ms,
            first_token_ms=outcome.first_token_ms,
        )

    def _outcome(self, error: BaseException | None) -> Outcome:
        last = self._attempts[-1] if self._attempts else None
        quantities: dict[str, int] = {}
        for attempt in self._all():
            for unit, count in (attempt.quantities or {}).items():
                quantities[unit] = quantities.get(unit, 0) + count
        return Outcome(
            amounts=self._used(),
            outcome=ContentFiltered.code if self._filtered else _name(error),
            target=None if last is None else last.target,
            quantities=quantities,
            latency_ms=self._milliseconds(),
            first_token_ms=self._first_token_ms,
            fallbacks=max(0, len(self._attempts) - 1),
        )

    def _reserve(self, amounts: Amounts) -> None:
        if self._meter is None:
            return
        if self._most is not None and amounts.get("nano_usd", 0) > self._most:
            raise BudgetExceeded("The call could use more money than it is limited to.")
        with self._served_uncounted():
            if self._reservation is None:
                self._reservation = self._meter.reserve(
                    self._call,
                    amounts,
                    lasts_seconds=self._deadline.seconds_left() + _LATE_SECONDS,
                    deadline=self._deadline,
                )
            else:
                self._reservation = self._meter.raise_to(self._reservation, amounts, deadline=self._deadline)

    def _count(self) -> None:
        if self._meter is None:
            return
        with self._served_uncounted():
            self._meter.count(
                self._call.caller, self._call.operation, self._call.request_id, deadline=self._deadline
            )

    @contextmanager
    def _served_uncounted(self) -> Iterator[None]:
        """Report that DynamoDB does not answer, instead of raising it, if the operation is served all the same."""
        try:
            with self._recording_refusals():
                yield
        except BackendUnavailable as error:
            if not self._serves_uncounted:
                raise
            self._report("meter", error)

    @contextmanager
    def _recording_refusals(self) -> Iterator[None]:
        try:
            yield
        except BudgetExceeded as refused:
            # Without a bucket, it is the reservation of a workflow that leaves too little, and no budget of the caller.
            if refused.bucket is not None:
                record_refusal(
                    tenant=self._call.caller.tenant,
                    operation=self._call.operation,
                    budget=refused.budget,
                )
            raise

    def _used(self) -> dict[Unit, int]:
        """Return what the attempts used; those that have not ended count with their upper bounds."""
        return _sum(
            attempt.price.amounts(attempt.upper if attempt.quantities is None else attempt.quantities)
            for attempt in self._all()
        )

    def _all(self) -> list[Attempt]:
        return self._attempts if self._guard is None else [self._guard, *self._attempts]

    def _milliseconds(self) -> int:
        return round((time.perf_counter() - self._started) * 1000)


def not_metered(operation: str = "") -> Metered:
    """Return the metering of what is not metered: direct invocations, as the request behind them was."""

    def no_prices() -> Prices:
        return Prices({})

    call = Call(caller=PUBLIC, operation=operation, request_id="", started_at=0)
    return Metered(None, no_prices, call, FREE, deadline=Deadline.after(0), report=lambda _name, _error: None)


def trace_id() -> str | None:
    """Return the id of the trace of this invocation; None if it is not traced."""
    found = _TRACE.search(os.environ.get("_X_AMZN_TRACE_ID", ""))
    return None if found is None else found[1]


def _sum(amounts: object) -> dict[Unit, int]:
    total: dict[Unit, int] = {"tokens": 0, "nano_usd": 0}
    for one in amounts:  # type: ignore[attr-defined]
        for unit, amount in one.items():
            total[unit] = total.get(unit, 0) + amount
    return total


def used_nothing(error: BaseException) -> bool:
    """Return whether a call that failed has used nothing for sure: the request was wrong, or the backend busy."""
    if isinstance(error, BackendUnavailable):
        return True
    return isinstance(error, ServiceError) and error.status < _FIRST_SERVER_ERROR


def _name(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, ServiceError):
        return error.code
    return "disconnected" if isinstance(error, GeneratorExit) else InternalError.code
