"""The Lambda handler of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from handlers.common.budgets import BudgetExceeded
from handlers.common.caller import OPERATOR, OPERATORS, USER, USERS, Caller, limits_of
from handlers.common.deadline import Deadline
from handlers.common.errors import InternalError
from handlers.common.invocation import Invocation
from handlers.common.ledger import Call, Share
from handlers.common.meter import Meter
from handlers.common.metrics import record_refusal, record_warnings
from handlers.common.once import Once
from handlers.common.service import Service
from handlers.common.workflow_errors import problem_of
from handlers.ledger.contract import (
    ledger,
    read_all_usage,
    read_usage,
    reserve_workflow,
    settle_workflow,
    sweep_reservations,
)
from handlers.ledger.models import (
    ReserveRequest,
    SettleRequest,
    SweepRequest,
    UsageResponse,
    WorkflowCaller,
)
from handlers.ledger.usage import Usage
from handlers.ledger.warnings import Warnings

_SCHEDULE = "aws.events"
_TENANTS = {USER: USERS, OPERATOR: OPERATORS}
_LATE_SECONDS = 60


def create_service(
    meter: Callable[[], Meter],
    usage: Callable[[], Usage],
    warnings: Callable[[], Warnings],
) -> Service:
    """Return the ledger's service.

    Args:
        meter: Returns the meter.
        usage: Returns the usage.
        warnings: Returns the warnings.
    """
    service = Service(ledger)

    def use(invocation: Invocation, *, everyone: bool) -> UsageResponse:
        http, caller = invocation.http_request, invocation.authorized_caller
        if everyone and caller.tenant != OPERATORS:
            raise InternalError(detail="the route of all usage needs IamAuthorization()")
        return usage().read(http, caller, everyone=everyone, deadline=invocation.deadline)

    @service.implements(read_usage)
    def handle_usage(invocation: Invocation) -> UsageResponse:
        return use(invocation, everyone=False)

    @service.implements(read_all_usage)
    def handle_all_usage(invocation: Invocation) -> UsageResponse:
        return use(invocation, everyone=True)

    @service.implements(reserve_workflow)
    def handle_reserve(request: ReserveRequest, invocation: Invocation) -> dict[str, object]:
        call = Call(
            caller=caller_of(request.caller),
            operation=request.operation,
            request_id=request.request_id,
            started_at=request.started_at / 1000,
        )
        try:
            reservation = meter().reserve(
                call,
                {"nano_usd": request.nano_usd, "tokens": request.tokens},
                lasts_seconds=request.lasts_seconds + _LATE_SECONDS,
                deadline=invocation.deadline,
                shared=True,
            )
        except BudgetExceeded as refused:
            record_refusal(tenant=call.caller.tenant, operation=call.operation, budget=refused.budget)
            # The state machine fails with this cause, which its mapping template takes apart.
            return {"refused": f"{refused.retry_after_seconds} {refused.message}"}
        return {"charge": Share.of(call, reservation.amounts).to_json()}

    @service.implements(settle_workflow)
    def handle_settle(request: SettleRequest, invocation: Invocation) -> dict[str, object]:
        share = Share.from_json(request.charge)
        outcome = "ok" if request.error is None else problem_of(request.error)[0]
        meter().settle_share(share.key, outcome=outcome, deadline=invocation.deadline)
        return {"settled": True}

    @service.implements(sweep_reservations)
    def handle_sweep(request: SweepRequest, invocation: Invocation) -> dict[str, object]:  # noqa: ARG001
        return sweep(meter(), warnings(), invocation.deadline)

    return service


def sweep(meter: Meter, warnings: Warnings, deadline: Deadline) -> dict[str, object]:
    """Settle dead reservations, then warn."""
    swept, warned = meter.sweep(deadline=deadline), warnings.send(deadline=deadline)
    record_warnings(warned)
    return {"swept": swept, "warned": warned}


def caller_of(described: WorkflowCaller) -> Caller:
    """Return the caller that a workflow was given.

    Raises:
        InternalError: Its limits cannot be read.
    """
    principal = f"{described.kind}:{described.principal}"
    tenant = described.tenant or _TENANTS.get(described.kind) or described.principal or "public"
    limits = limits_of(described.limits) if described.limits else ()
    return Caller(principal, tenant, described.key or tenant, described.pseudonym or None, limits=limits)


def operation_of(event: object) -> object:
    """Return the direct event that an event of the schedule stands for; every other event as it is."""
    if isinstance(event, Mapping) and event.get("source") == _SCHEDULE:
        return {"operation": sweep_reservations.name, "input": {}}
    return event


def _meter() -> Meter:
    meter = Meter.from_environment()
    if meter is None:
        raise InternalError(detail="METER_LEDGER is not set")
    return meter


service = create_service(Once(_meter), Once(Usage.from_environment), Once(Warnings.from_environment))


def handler(event: object, context: object) -> dict[str, object]:
    """Handle an event: a request, a call of a workflow, or the schedule's."""
    return service.handler(operation_of(event), context)
