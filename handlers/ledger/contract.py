"""Contract of the ledger: usage for callers and operators, and what workflows and the schedule invoke."""

from __future__ import annotations

from typing import get_args

from handlers.common.contract import Contract
from handlers.common.error_format import OPENAI_ERROR
from handlers.ledger.models import GroupBy, ReserveRequest, SettleRequest, SweepRequest, UsageResponse

_DAYS = {
    "from": "First day, such as `2026-11-01`. Default: the first of the month.",
    "to": "Last day, at most 91 days later. Default: today.",
    "group_by": f"How the calls are grouped: `{'`, `'.join(get_args(GroupBy))}`. Default: all in one group.",
}

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
    summary="Return what the caller has used, and what its limits leave.",
    serves_uncounted=True,
    query=_DAYS,
)
read_all_usage = ledger.get(
    "/v1/usage/all",
    UsageResponse,
    name="ledger.all_usage",
    summary="Return what all callers have used, for operators.",
    serves_uncounted=True,
    query=_DAYS,
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
