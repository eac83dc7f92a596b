"""The running jobs of each caller, and the limit on them: one item beside the caller's records, a set of executions.

An execution joins the set in the transaction that creates the job's record, and leaves it in the one that notes the end.
Leaving twice changes nothing. An execution whose end could not be noted leaves once it must have ended by its time limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.common.errors import ServiceError

_SORT_KEY = "running"
"""No job has this id: ids are 32 hexadecimal digits."""

_RETRY_AFTER_SECONDS = 15
NOTED_SECONDS = 300
"""How long after its time limit the end of an execution may be noted, retries included."""


class TooManyJobs(ServiceError):
    """The caller has as many running jobs as one may have.

    Args:
        limit: How many those are.
    """

    code = "too_many_jobs"
    status = 429
    default_message = "Too many jobs are running. Wait until one has ended, and try again."

    def __init__(self, limit: int | None = None) -> None:
        super().__init__(
            None
            if limit is None
            else f"At most {limit} jobs may run at once. Wait until one has ended, and try again."
        )

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, in seconds."""
        return {"Retry-After": str(_RETRY_AFTER_SECONDS)}


@dataclass(frozen=True, slots=True)
class RunningJobs:
    """The set of a caller's running executions, as parts of DynamoDB's requests.

    Attributes:
        table: The table of the jobs.
        limit: The most jobs of one caller that run at once.
        longest_seconds: After how many seconds each execution has ended, by the time limit of its state machine.
    """

    table: str
    limit: int
    longest_seconds: int

    def key(self, owner: str) -> dict[str, dict[str, str]]:
        """Return the key of the set."""
        return {"owner": {"S": owner}, "job_id": {"S": _SORT_KEY}}

    def joining(self, owner: str, execution: str, *, now: int) -> dict[str, Any]:
        """Return the update that adds an execution, on the condition that there is room."""
        return {
            **self._item(owner),
            "UpdateExpression": "SET expires_at = :end ADD executions :one",
            "ConditionExpression": "attribute_not_exists(executions) OR size(executions) < :limit",
            "ExpressionAttributeValues": {
                ":end": {"N": str(now + self.longest_seconds + NOTED_SECONDS)},
                ":one": {"SS": [execution]},
                ":limit": {"N": str(self.limit)},
            },
        }

    def leaving(self, owner: str, executions: list[str], *, expires_at: int) -> dict[str, Any]:
        """Return the update that removes executions; those that are not in the set change nothing."""
        return {
            **self._item(owner),
            # The item is there, unless DynamoDB has deleted it meanwhile: then an empty one is left, which expires too.
            "UpdateExpression": "SET expires_at = if_not_exists(expires_at, :end) DELETE executions :gone",
            "ExpressionAttributeValues": {":end": {"N": str(expires_at)}, ":gone": {"SS": executions}},
        }

    def overdue(self, item: Mapping[str, Mapping[str, Any]], *, now: int) -> list[str]:
        """Return the executions of a set that must have ended, though their end was not noted."""
        executions: list[str] = item.get("executions", {}).get("SS", [])
        longest = self.longest_seconds + NOTED_SECONDS
        return [one for one in executions if _started_at(one) + longest <= now]

    def _item(self, owner: str) -> dict[str, Any]:
        return {"TableName": self.table, "Key": self.key(owner)}


def _started_at(execution: str) -> int:
    """Return the second of a job's creation, which its execution has at the end of its name."""
    number = execution.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0
