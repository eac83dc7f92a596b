"""Approvals: questions of jobs to people, with their decisions. An item of DynamoDB each, beside the records of the jobs.

The item decides: a decision or the end of the time limit changes its status, and only once. Step Functions gets the result
afterwards. Its state asks again at each heartbeat, so that a decision that could not be delivered is not lost.

The partition key is `approval:` and the id of the job, which no owner has; the sort key is the name of the approval.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from handlers.common.aws_api import AwsApi, reading_answer
from handlers.common.deadline import Deadline
from handlers.common.errors import ServiceError
from handlers.common.transactions import Transactions
from handlers.jobs.models import Decision
from handlers.jobs.records import CHOICES, RUNNING, JobRecord, attribute, item_key, value_of

ApprovalStatus = Literal["open", "approved", "rejected", "expired"]

_PREFIX: Final = "approval:"


class ApprovalClosed(ServiceError):
    """The approval was decided, it has expired, or its job has ended."""

    code = "approval_closed"
    status = 409
    default_message = "The job does not wait for an approval any more."


class _Delivered(ServiceError):
    """The state does not wait any more: it has the decision, it asks again, or its execution has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Approval that a job asks for.

    Attributes:
        job_id: Id of the job.
        name: Name of the approval, unique in the job.
        requester: Principal who started the job.
        execution: Name of the job's execution: an id may stand for a later job too.
        workflow: Name of the job's workflow.
        question: The question.
        about: What it is about, as JSON.
        scope: Scope of the callers who may decide.
        by_requester: Whether the requester may decide: 1 or 0.
        otherwise: Decision that counts without one in time.
        asked_at: When the state was entered, as Step Functions has it; another time is another question.
        opened_at: Time of the question, in seconds since 1970.
        ends_at: Until when it can be decided, in seconds since 1970.
        expires_at: When the item expires, in seconds since 1970.
        token: Token of the waiting state: a secret.
        status: Its status.
        decided_at: When it was decided, in seconds since 1970.
        told_at: When the topic was notified, in seconds since 1970.
    """

    job_id: str
    name: str
    requester: str
    execution: str
    workflow: str
    question: str
    about: str
    scope: str
    by_requester: int
    otherwise: Decision
    asked_at: str
    opened_at: int
    ends_at: int
    expires_at: int
    token: str
    status: ApprovalStatus = "open"
    decided_at: int | None = None
    told_at: int | None = None

    @property
    def output(self) -> dict[str, object]:
        """The result of the waiting state, once the approval is decided."""
        decision = self.otherwise if self.status == "expired" else self.status
        return {"approved": decision == "approved", "status": self.status}


class Approvals:
    """The approvals in the table of jobs.

    Args:
        table: Its name.
        api: DynamoDB. Default: created from the environment.
        states: Step Functions. Default: created from the environment.
        pause: Waits, in seconds. Default: `time.sleep`.
    """

    def __init__(
        self,
        table: str,
        *,
        api: AwsApi | None = None,
        states: AwsApi | None = None,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        self._table = table
        self._api = api or AwsApi("dynamodb", choices=CHOICES)
        self._states = states or AwsApi("stepfunctions", choices=CHOICES)
        waits = {} if pause is None else {"pause": pause}
        self._transactions = Transactions(self._api, busy="The approvals are busy. Try again later.", **waits)

    @classmethod
    def from_environment(cls) -> Approvals:
        """Return the approvals in the table JOBS_TABLE."""
        return cls(os.environ["JOBS_TABLE"])

    def ask(self, approval: Approval, *, now: int, deadline: Deadline) -> Approval:
        """Record what a waiting state asks; if it asked before, replace its token, and close what has expired.

        Returns:
            The approval as it is now.

        Raises:
            ServiceError: DynamoDB fails.
        """
        found = self.of_job(approval.job_id, approval.execution, deadline=deadline)
        earlier = next((one for one in found if one.name == approval.name), None)
        if earlier is None or earlier.asked_at != approval.asked_at:
            if self._transactions.write([self._new(approval)], deadline=deadline):
                return self.ask(
                    approval, now=now, deadline=deadline
                )  # another attempt of the state has asked
            return approval
        again = replace(earlier, token=approval.token)
        changes: dict[str, str | int] = {"token": approval.token}
        if earlier.status == "open" and now >= earlier.ends_at:
            again = replace(again, status="expired", decided_at=now)
            changes |= {"status": "expired", "decided_at": now}
        if self._transactions.write([self._change(earlier, changes)], deadline=deadline):
            return self.ask(approval, now=now, deadline=deadline)  # it was decided meanwhile
        return again

    def of_job(self, job_id: str, execution: str | None = None, *, deadline: Deadline) -> list[Approval]:
        """Return the approvals of a job, in the order of their names.

        Args:
            job_id: Id of the job.
            execution: Name of its execution. Default: any.
            deadline: When the answer must be there.

        Raises:
            ServiceError: DynamoDB fails.
        """
        answer = self._api.call(
            "query",
            {
                "TableName": self._table,
                "KeyConditionExpression": "#owner = :owner",
                "ExpressionAttributeNames": {"#owner": "owner"},
                "ExpressionAttributeValues": {":owner": {"S": f"{_PREFIX}{job_id}"}},
                "ConsistentRead": True,
            },
            deadline=deadline,
        )
        with reading_answer("dynamodb.query"):
            found = [_read(job_id, item) for item in answer.get("Items", ())]
        return [one for one in found if execution is None or one.execution == execution]

    def decide(
        self,
        approval: Approval,
        job: JobRecord,
        decision: Decision,
        *,
        now: int,
        row: Mapping[str, object] | None,
        deadline: Deadline,
    ) -> Approval:
        """Decide an open approval of a running job, together with the row in the ledger that says who did.

        Args:
            approval: The approval.
            job: The job.
            decision: The decision.
            now: The time, in seconds since 1970.
            row: The change that writes the row. Default: there is no ledger.
            deadline: When it must have happened.

        Raises:
            ApprovalClosed: It was decided, it has expired, or its job has ended.
            ServiceError: DynamoDB fails.
        """
        if approval.status == "expired" or (approval.status == "open" and now >= approval.ends_at):
            raise ApprovalClosed("The time to decide is over.")
        if approval.status != "open":
            raise ApprovalClosed("The approval was decided before.")
        changes: list[Mapping[str, object]] = [
            self._change(approval, {"status": decision, "decided_at": now}),
            {"ConditionCheck": {"TableName": self._table, **job.condition(*RUNNING)}},
            *([] if row is None else [row]),
        ]
        failed = self._transactions.write(changes, deadline=deadline)
        if 1 in failed:
            raise ApprovalClosed("The job has ended.")
        if failed:
            raise ApprovalClosed("The approval was decided before.")
        return replace(approval, status=decision, decided_at=now)

    def deliver(self, approval: Approval, *, deadline: Deadline) -> None:
        """Return the decision to the waiting state. Doing it again changes nothing.

        Raises:
            ServiceError: Step Functions fails; the state asks again at its next heartbeat.
        """
        ended = ("InvalidToken", "TaskDoesNotExist", "TaskTimedOut")
        try:
            self._states.call(
                "send_task_success",
                {"taskToken": approval.token, "output": json.dumps(approval.output)},
                deadline=deadline,
                refusals=dict.fromkeys(ended, _Delivered),
            )
        except _Delivered:
            return

    def mark_told(self, approval: Approval, *, now: int, deadline: Deadline) -> None:
        """Record that the topic was notified.

        Raises:
            ServiceError: DynamoDB fails.
        """
        self._transactions.write([self._change(approval, {"told_at": now})], deadline=deadline)

    def _new(self, approval: Approval) -> dict[str, object]:
        """Return the change that records a question, unless it is there: it may be decided already."""
        fields = {
            name: getattr(approval, name)
            for name in Approval.__dataclass_fields__
            if name not in ("job_id", "name") and getattr(approval, name) is not None
        }
        # What an earlier question of the name left goes.
        gone = [name for name in ("decided_at", "told_at") if name not in fields]
        update = {
            "TableName": self._table,
            "Key": _key(approval),
            "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in fields)}"
            + (f" REMOVE {', '.join(gone)}" if gone else ""),
            "ConditionExpression": "attribute_not_exists(#asked_at) OR #asked_at <> :asked_at",
            "ExpressionAttributeNames": {f"#{name}": name for name in fields},
            "ExpressionAttributeValues": {f":{name}": attribute(value) for name, value in fields.items()},
        }
        return {"Update": update}

    def _change(self, approval: Approval, changes: Mapping[str, str | int]) -> dict[str, object]:
        """Return the change of an approval whose status and question are those that were read."""
        names = dict.fromkeys(("status", "asked_at", *changes))
        update = {
            "TableName": self._table,
            "Key": _key(approval),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changes),
            "ConditionExpression": "#status = :was AND #asked_at = :same",
            "ExpressionAttributeNames": {f"#{name}": name for name in names},
            "ExpressionAttributeValues": {
                **{f":{name}": attribute(value) for name, value in changes.items()},
                ":was": {"S": approval.status},
                ":same": {"S": approval.asked_at},
            },
        }
        return {"Update": update}


def _key(approval: Approval) -> dict[str, dict[str, str]]:
    return item_key(f"{_PREFIX}{approval.job_id}", approval.name)


def _read(job_id: str, item: Mapping[str, Mapping[str, str]]) -> Approval:
    values: dict[str, Any] = {
        name: value_of(found) for name, found in item.items() if name in Approval.__dataclass_fields__
    }
    return Approval(**{**values, "job_id": job_id, "name": value_of(item["job_id"])})
