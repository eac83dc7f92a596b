"""Contract of the ledger: usage for callers and operators, and what workflows and the schedule invoke."""

from __future__ import annotations

from handlers.common.contract import Contract
from handlers.common.error_format import OPENAI_ERROR
from handlers.ledger.models import ReserveRequest, SettleRequest, SweepRequest, UsageResponse

ledger = Contract(
    "ledger",
    summary="What calls have used, and what budgets leave.",
    # A caller sees its own use only.
    for_all_callers=True,
    error_format=OPENAI_ERROR,
)
read_usage = ledger.get(
    "/v1/usage",
    UsageResponse,
    name="ledger.usage",
    summary="Return what the caller has used (`from` and `to`: days; `group_by`), and what its limits leave.",
    serves_uncounted=True,
)
read_all_usage = ledger.get(
    "/v1/usage/all",
    UsageResponse,
    name="ledger.all_usage",
    summary="Return what all callers have used (`from` and `to`: days; `group_by`), for operators.",
    serves_uncounted=True,
)
reserve_workflow = ledger.direct(
    ReserveRequest, None, name="ledger.reserve", summary="Reserve the upper bound of a workflow."
)
settle_workflow = ledger.direct(
    SettleRequest, None, name="ledger.settle", summary="Settle a workflow at what its tasks have used."
)
sweep_reservations = ledger.direct(
    SweepRequest,
    None,
    name="ledger.sweep",
    summary="Settle reservations of calls that have died, and warn of budgets that are nearly used up.",
)
