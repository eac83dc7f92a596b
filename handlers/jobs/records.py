"""Records of jobs: one DynamoDB item each, with owner and id as the key, so that callers find only their own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from handlers.common.aws_api import AwsApi, Tries, reading_answer
from handlers.common.deadline import Deadline
from handlers.common.transactions import Transactions
from handlers.jobs.running import RunningJobs, TooManyJobs
from handlers.jobs.workflows import JobWorkflows

RecordStatus = Literal["accepted", "running", "succeeded", "failed"]
CallbackStatus = Literal["due", "sent"]

RUNNING: Final[tuple[RecordStatus, ...]] = ("accepted", "running")
"""Statuses of a job that has not ended."""

CHOICES: Final = (Tries(3, 1, 2), Tries(2, 0.5, 1), Tries(1, 0.5, 0.5))


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job.

    Attributes:
        owner: Who started it.
        job_id: Its id, unique for the owner.
        workflow: The name of its workflow.
        request_sha256: Hash of the request.
        status: `accepted` until its execution has been started.
        created_at: Time of the request, in seconds since 1970.
        expires_at: Time at which it expires, in seconds since 1970.
        callback_url: Where to say that it has ended.
        result_key: Where its result is in the payload bucket.
        error_code: Why it failed.
        error_message: The same for people.
        callback: `due` where the state machine cannot call back any more, `sent` when it was.
    """

    owner: str
    job_id: str
    workflow: str
    request_sha256: str
    status: RecordStatus
    created_at: int
    expires_at: int
    callback_url: str | None = None
    result_key: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    callback: CallbackStatus | None = None

    @property
    def execution_name(self) -> str:
        """The name of its execution: one for each life of the id, for Step Functions keeps names for 90 days."""
        return f"{self.job_id}-{self.created_at}"

    @property
    def payload_prefix(self) -> str:
        """Prefix of its inputs and its result in the payload bucket."""
        return f"jobs/{self.execution_name}"

    @property
    def output_key(self) -> str:
        """Key of its result, which differs from that of an earlier job with the same id."""
        return f"{self.payload_prefix}/result.json"

    @property
    def is_running(self) -> bool:
        """True if it has not ended."""
        return self.status in RUNNING

    def condition(self, *statuses: RecordStatus) -> dict[str, Any]:
        """Return its key, and the condition that the table still has it with one of some statuses.

        A record with the same id that was created later does not meet it.
        """
        expected = {f":expected{number}": {"S": status} for number, status in enumerate(statuses)}
        return {
            "Key": item_key(self.owner, self.job_id),
            "ConditionExpression": f"created_at = :created AND #status IN ({', '.join(expected)})",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":created": {"N": str(self.created_at)}, **expected},
        }


class JobRecords:
    """The table of jobs.

    Args:
        table: Its name.
        max_running: The most jobs of one owner that run at once.
        longest_seconds: After how many seconds the execution of each job has ended.
        api: DynamoDB; made from the environment when left out.
        pause: Waits, in seconds. Default: `time.sleep`.
    """

    def __init__(
        self,
        table: str,
        *,
        max_running: int = 5,
        longest_seconds: int = 3_600,
        api: AwsApi | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._running = RunningJobs(table, max_running, longest_seconds)
        self._transactions = Transactions(
            api or AwsApi("dynamodb", choices=CHOICES),
            busy="The jobs are busy. Try again later.",
            pause=pause,
        )
        self._api = self._transactions.api

    @classmethod
    def from_environment(cls) -> JobRecords:
        """The table that JOBS_TABLE names, with the limits that JOB_MAX_RUNNING and JOB_WORKFLOWS say."""
        workflows = JobWorkflows.from_environment()
        return cls(
            os.environ["JOBS_TABLE"],
            max_running=int(os.environ.get("JOB_MAX_RUNNING") or 5),
            longest_seconds=workflows.longest_seconds,
        )

    def create(self, record: JobRecord, *, now: int, deadline: Deadline) -> bool:
        """Write a new job; return False where the owner has one of this id that has not expired.

        Raises:
            TooManyJobs: The owner has as many running jobs as one may have.
            ServiceError: DynamoDB fails.
        """
        item = {name: attribute(value) for name, value in _fields(record).items() if value is not None}
        put = {
            "TableName": self._table,
            "Item": item,
            # What has expired may stay for days until DynamoDB deletes it.
            "ConditionExpression": "attribute_not_exists(job_id) OR expires_at <= :now",
            "ExpressionAttributeValues": {":now": {"N": str(now)}},
        }
        join = self._running.joining(record.owner, record.execution_name, now=now)
        changes: list[dict[str, object]] = [{"Put": put}, {"Update": join}]
        failed = self._transactions.write(changes, deadline=deadline)
        if set(failed) == {1} and self._left_overdue(record.owner, now, deadline):
            failed = self._transactions.write(changes, deadline=deadline)
        if set(failed) == {1}:
            raise TooManyJobs(self._running.limit)
        return not failed

    def discard(self, record: JobRecord, *, deadline: Deadline) -> None:
        """Delete a job that was not started; one that was stays.

        Raises:
            ServiceError: DynamoDB fails.
        """
        leave = self._running.leaving(record.owner, [record.execution_name], expires_at=record.expires_at)
        delete = {"TableName": self._table, **record.condition("accepted")}
        self._transactions.write([{"Delete": delete}, {"Update": leave}], deadline=deadline)

    def get(self, owner: str, job_id: str, *, now: int, deadline: Deadline) -> JobRecord | None:
        """Return a job of an owner; None where there is none, or none any more.

        Raises:
            ServiceError: DynamoDB fails.
        """
        answer = self._api.call(
            "get_item",
            {"TableName": self._table, "Key": item_key(owner, job_id), "ConsistentRead": True},
            deadline=deadline,
        )
        item: Mapping[str, Mapping[str, str]] = answer.get("Item") or {}
        if not item:
            return None
        with reading_answer("dynamodb.get_item"):
            values: dict[str, Any] = {
                # A version of this code that comes later may have written more.
                name: value_of(found)
                for name, found in item.items()
                if name in JobRecord.__dataclass_fields__
            }
            record = JobRecord(**values)
        return record if record.expires_at > now else None

    def mark_running(self, record: JobRecord, *, deadline: Deadline) -> None:
        """Record that the execution was started; a job that has ended meanwhile stays as it is.

        Raises:
            ServiceError: DynamoDB fails.
        """
        update = self._update(record, {"status": "running"}, only_if=("accepted",))
        self._transactions.write([{"Update": update}], deadline=deadline)

    def succeed(self, record: JobRecord, result_key: str, *, deadline: Deadline) -> None:
        """Record the result; doing so twice changes nothing.

        Raises:
            ServiceError: DynamoDB fails.
        """
        changes = {"status": "succeeded", "result_key": result_key}
        self._end(record, changes, deadline)

    def fail(
        self,
        record: JobRecord,
        code: str,
        message: str,
        *,
        callback: CallbackStatus | None = None,
        deadline: Deadline,
    ) -> None:
        """Record the failure, and how it is with the callback; a job that has ended stays as it is.

        Raises:
            ServiceError: DynamoDB fails.
        """
        changes = {"status": "failed", "error_code": code, "error_message": message}
        changes |= {} if callback is None else {"callback": callback}
        self._end(record, changes, deadline)

    def mark_told(self, record: JobRecord, *, deadline: Deadline) -> None:
        """Record that the client was called back.

        Raises:
            ServiceError: DynamoDB fails.
        """
        update = self._update(record, {"callback": "sent"}, only_if=("succeeded", "failed"))
        self._transactions.write([{"Update": update}], deadline=deadline)

    def _end(self, record: JobRecord, changes: Mapping[str, str], deadline: Deadline) -> None:
        """Record the end of a job, and that it runs no more."""
        leave = self._running.leaving(record.owner, [record.execution_name], expires_at=record.expires_at)
        update = self._update(record, changes, only_if=RUNNING)
        self._transactions.write([{"Update": update}, {"Update": leave}], deadline=deadline)

    def _left_overdue(self, owner: str, now: int, deadline: Deadline) -> bool:
        """Remove executions that must have ended from the running ones; return whether there were any."""
        answer = self._api.call(
            "get_item",
            {"TableName": self._table, "Key": self._running.key(owner), "ConsistentRead": True},
            deadline=deadline,
        )
        overdue = self._running.overdue(answer.get("Item") or {}, now=now)
        if overdue:
            leave = self._running.leaving(owner, overdue, expires_at=now)
            self._transactions.write([{"Update": leave}], deadline=deadline)
        return bool(overdue)

    def _update(
        self, record: JobRecord, changes: Mapping[str, str], *, only_if: tuple[RecordStatus, ...]
    ) -> dict[str, object]:
        condition = record.condition(*only_if)
        condition["ExpressionAttributeNames"] |= {f"#{name}": name for name in changes}
        condition["ExpressionAttributeValues"] |= {
            f":{name}": {"S": value} for name, value in changes.items()
        }
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in changes)
        return {"TableName": self._table, "UpdateExpression": update, **condition}


def _fields(record: JobRecord) -> dict[str, str | int | None]:
    return {name: getattr(record, name) for name in JobRecord.__dataclass_fields__}


def item_key(owner: str, job_id: str) -> dict[str, dict[str, str]]:
    """Return the key of an item in DynamoDB's form."""
    return {"owner": {"S": owner}, "job_id": {"S": job_id}}


def attribute(value: str | int) -> dict[str, str]:
    """Return a value in DynamoDB's form."""
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def value_of(found: Mapping[str, str]) -> str | int:
    """Return the value of an attribute in DynamoDB's form."""
    return int(found["N"]) if "N" in found else found["S"]
