"""Requests and responses of the ledger."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from handlers.common.models import RequestModel, ResponseModel
from handlers.common.workflow_errors import WorkflowError

GroupBy = Literal["day", "key", "model", "operation", "outcome", "tenant"]


class WorkflowCaller(RequestModel):
    """The caller of a workflow, as `StepFunctionsIntegration` describes it; parts that are not known are empty."""

    kind: str = ""
    principal: str = ""
    tenant: str = ""
    key: str = ""
    pseudonym: str = ""
    limits: str = ""


class ReserveRequest(RequestModel):
    """A workflow that begins."""

    operation: str
    caller: WorkflowCaller
    request_id: str
    started_at: Annotated[int, Field(description="Milliseconds since 1970.")]
    lasts_seconds: Annotated[int, Field(ge=1, description="Its longest duration.")]
    nano_usd: Annotated[int, Field(ge=0, description="Upper bound of all its tasks.")]
    tokens: Annotated[int, Field(ge=0)]


class SettleRequest(RequestModel):
    """A workflow that has ended."""

    charge: dict[str, JsonValue]
    error: WorkflowError | None = None


class SweepRequest(RequestModel):
    """The time to sweep."""


class GroupUsage(ResponseModel):
    """Use of a group of calls."""

    group: str = Field(
        description="The day, key, model, operation, outcome or tenant; `total` without group_by."
    )
    requests: int
    tokens: int
    nano_usd: int = Field(description="Money in billionths of a US dollar.")
    open: int = Field(description="Calls that have not ended; what they may use is in no sum.")


class LimitUse(ResponseModel):
    """A limit of the caller in its present window."""

    scope: str
    window: str
    unit: str
    limit: int
    used: int
    reserved: int = Field(description="What calls that have not ended may still use.")
    resets_at: str


class UsageResponse(ResponseModel):
    """Use in a span of days in UTC."""

    first_day: str
    last_day: str
    data: list[GroupUsage] = Field(description="One for each group, the dearest first.")
    limits: list[LimitUse] = Field(description="The caller's limits now.")
