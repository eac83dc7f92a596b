"""Questions of the states of jobs to people, and the decisions that the states get when they ask again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from handlers.common.deadline import Deadline
from handlers.common.errors import NotFound, ServiceError
from handlers.common.logs import InvocationLog
from handlers.common.once import Once
from handlers.jobs.approvals import Approval, Approvals
from handlers.jobs.contract import job_endings
from handlers.jobs.models import AskRequest
from handlers.jobs.notices import Notices
from handlers.jobs.records import JobRecords


class Questions:
    """Approvals that jobs ask for.

    Args:
        records: Returns the table of jobs.
        approvals: Returns the table of approvals.
        notices: Returns the topic that is notified of open approvals; None if there is none.
        report: Called with the name of what failed and the error, where the job waits all the same.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        *,
        records: Callable[[], JobRecords],
        approvals: Callable[[], Approvals],
        notices: Callable[[], Notices | None] = lambda: None,
        report: Callable[[str, ServiceError], None] = lambda _name, _error: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._records = records
        self._approvals = approvals
        self._notices = notices
        self._report = report
        self._clock = clock

    @classmethod
    def from_environment(cls) -> Questions:
        """Return the questions with the tables and the topic of the environment, created when they are needed."""
        return cls(
            records=Once(JobRecords.from_environment),
            approvals=Once(Approvals.from_environment),
            notices=Once(Notices.from_environment),
            report=InvocationLog(job_endings.name).backend_failure,
        )

    def ask(self, request: AskRequest, deadline: Deadline) -> dict[str, object]:
        """Record what a state waits for and notify the topic, or tell the state what was decided since it asked."""
        now = int(self._clock())
        record = self._records().get(request.owner, request.job_id, now=now, deadline=deadline)
        if record is None or record.output_key != request.output_key:
            raise NotFound("The job has expired.")
        approval = Approval(
            job_id=record.job_id,
            name=request.name,
            requester=record.owner,
            execution=record.execution_name,
            workflow=record.workflow,
            question=request.question,
            about=json.dumps(request.about, ensure_ascii=False, separators=(",", ":")),
            scope=request.scope,
            by_requester=int(request.by_requester),
            otherwise=request.otherwise,
            asked_at=request.asked_at,
            opened_at=now,
            ends_at=now + request.seconds,
            expires_at=record.expires_at,
            token=request.token,
        )
        approval = self._approvals().ask(approval, now=now, deadline=deadline)
        if approval.status != "open":
            self._approvals().deliver(approval, deadline=deadline)
        elif approval.told_at is None:
            self._tell(approval, now, deadline)
        return {"status": approval.status}

    def _tell(self, approval: Approval, now: int, deadline: Deadline) -> None:
        notices = self._notices()
        if notices is None:
            return
        try:
            notices.send(approval, deadline=deadline)
            self._approvals().mark_told(approval, now=now, deadline=deadline)
        except ServiceError as error:
            self._report("topic", error)  # it is tried again at the next heartbeat
