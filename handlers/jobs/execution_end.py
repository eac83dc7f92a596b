"""End of an execution from its EventBridge event; missing parts come from Step Functions.

An event has no input and no error if a customer-managed key encrypts the state machine, or they are too
large.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline
from handlers.jobs.models import ExecutionEnd

_SOURCE = "aws.states"
_CHOICES = (Tries(3, 1, 3), Tries(2, 1, 2), Tries(1, 0.5, 1))


@dataclass(frozen=True, slots=True)
class EndedJob:
    """The job that an execution was for.

    Attributes:
        owner: Who started it.
        job_id: Its id.
        error: The name of the execution's error, if it has one.
        charge: The reservation of the execution; None if it is not metered.
    """

    owner: str
    job_id: str
    error: str | None
    charge: object = None


def operation_of(event: object) -> object:
    """Return the direct event that an event of EventBridge stands for; every other event as it is."""
    if not isinstance(event, Mapping) or event.get("source") != _SOURCE:
        return event
    detail = event.get("detail")
    detail_data: Mapping[str, Any] = detail if isinstance(detail, Mapping) else {}
    end = {name: detail_data.get(name) for name in ("name", "status", "input", "error")}
    return {"operation": "jobs.ended", "input": {"execution_arn": detail_data.get("executionArn"), **end}}


class Executions:
    """Reader of the inputs of executions.

    Args:
        api: Step Functions; made from the environment when left out.
    """

    def __init__(self, *, api: AwsApi | None = None) -> None:
        self._api = api or AwsApi("stepfunctions", choices=_CHOICES)

    def job_of(self, end: ExecutionEnd, *, deadline: Deadline) -> EndedJob | None:
        """Return the job that an execution was for; None where it was started for something else.

        Raises:
            ServiceError: Step Functions fails.
        """
        given, error = end.input, end.error
        if given is None:
            described = self._api.call(
                "describe_execution", {"executionArn": end.execution_arn}, deadline=deadline
            )
            given, error = str(described.get("input") or ""), described.get("error")
        try:
            data: Any = json.loads(given)
            owner, job_id = data["owner"], data["job_id"]
        except (ValueError, KeyError, TypeError):
            return None
        if not isinstance(owner, str) or not isinstance(job_id, str):
            return None
        return EndedJob(owner, job_id, error, data.get("charge"))
