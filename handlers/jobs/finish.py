"""The Lambda handler that a job's state machine calls: for links of the job's objects, for approvals, and when the work has ended.

It notes the end of the job and tells the address that the client gave. Both can be done twice. EventBridge calls it too, for
executions that ended without a result: it makes good what the state machine could not do any more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

from handlers.common.deadline import Deadline
from handlers.common.errors import ServiceError
from handlers.common.invocation import Invocation
from handlers.common.ledger import Share
from handlers.common.logs import InvocationLog
from handlers.common.meter import Meter
from handlers.common.once import Once
from handlers.common.service import Service
from handlers.common.validation import validated
from handlers.common.workflow_errors import WorkflowError, problem_of, problem_of_end
from handlers.jobs.callback import Callbacks
from handlers.jobs.contract import (
    ask_approval,
    call_client_back,
    finish_job,
    job_endings,
    link_objects,
    settle_execution,
)
from handlers.jobs.execution_end import Executions, operation_of
from handlers.jobs.links import links_of
from handlers.jobs.models import (
    AskRequest,
    ExecutionEnd,
    FinishRequest,
    JobReference,
    LinksRequest,
)
from handlers.jobs.payloads import Payloads
from handlers.jobs.questions import Questions
from handlers.jobs.records import JobRecord, JobRecords


class Endings:
    """Actions at the end of a job.

    Args:
        records: Gives the table of jobs.
        payloads: Gives the bucket for results.
        callbacks: Gives what calls back; asked only for a job that wants it.
        meter: Returns the meter. Default: there is none.
        report: Called with `ledger` and the error if a job cannot be settled. Default: it is not noted.
        executions: Gives what knows the jobs of executions.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        *,
        records: Callable[[], JobRecords],
        payloads: Callable[[], Payloads],
        callbacks: Callable[[], Callbacks],
        executions: Callable[[], Executions],
        meter: Callable[[], Meter | None] = lambda: None,
        report: Callable[[str, ServiceError], None] = lambda _name, _error: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._records = records
        self._payloads = payloads
        self._callbacks = callbacks
        self._executions = executions
        self._meter = meter
        self._report = report
        self._clock = clock

    def finish(
        self, request: FinishRequest, deadline: Deadline, *, charge: object = None
    ) -> dict[str, object]:
        """Record the result or the failure."""
        self._settle(charge, "ok" if request.error is None else problem_of(request.error)[0], deadline)
        record = self._record(request.owner, request.job_id, deadline)
        # An execution may end when its job has expired and its id stands for another.
        if record is None or record.output_key != request.output_key:
            return {"noted": False}
        if request.error is not None:
            code, message = problem_of(request.error)
            self._records().fail(record, code, message, deadline=deadline)
        else:
            given = request.result or {}
            result = {name: resolved(value, self._payloads(), deadline) for name, value in given.items()}
            self._payloads().write(request.output_key, result, deadline=deadline)
            self._records().succeed(record, request.output_key, deadline=deadline)
        return {"noted": True}

    def call_back(self, job: JobReference, deadline: Deadline) -> dict[str, object]:
        """Notify the client's callback address, if it has one."""
        record = self._record(job.owner, job.job_id, deadline)
        return {"called": record is not None and self._told(record, deadline)}

    def ended(self, end: ExecutionEnd, deadline: Deadline) -> dict[str, object]:
        """Record and tell what an execution that ended without a result has left undone."""
        job = self._executions().job_of(end, deadline=deadline)
        if job is not None:
            self._settle(job.charge, problem_of_end(end.status, job.error)[0], deadline)
        record = None if job is None else self._record(job.owner, job.job_id, deadline)
        if job is None or record is None or record.execution_name != end.name:
            return {"noted": False, "called": False}
        running = record.is_running
        if running:
            code, message = problem_of_end(end.status, job.error)
            self._records().fail(record, code, message, callback="due", deadline=deadline)
            # What was noted at the same moment counts.
            record = self._record(job.owner, job.job_id, deadline) or record
        called = _is_untold(record, end.status) and self._told(record, deadline)
        return {"noted": running, "called": called}

    def _settle(self, charge: object, outcome: str, deadline: Deadline) -> None:
        meter = self._meter()
        if meter is None or charge is None:
            return
        try:
            meter.settle_share(Share.from_json(charge).key, outcome=outcome, deadline=deadline)
        except ServiceError as error:
            self._report("ledger", error)  # the sweeper settles it

    def _record(self, owner: str, job_id: str, deadline: Deadline) -> JobRecord | None:
        return self._records().get(owner, job_id, now=int(self._clock()), deadline=deadline)

    def _told(self, record: JobRecord, deadline: Deadline) -> bool:
        if record.callback_url is None:
            return False
        message = {"id": record.job_id, "workflow": record.workflow, "status": record.status}
        self._callbacks().send(record.callback_url, message, deadline=deadline)
        # A failure to note it must not have it sent again.
        with suppress(ServiceError):
            self._records().mark_told(record, deadline=deadline)
        return True


def create_service(endings: Endings, *, questions: Questions, payloads: Callable[[], Payloads]) -> Service:
    """Return the service that state machines call for a job: links of its objects, approvals, its end and the callback."""
    service = Service(job_endings)

    @service.implements(link_objects)
    def links(request: LinksRequest) -> dict[str, object]:
        return links_of(request, payloads())

    @service.implements(ask_approval)
    def ask(request: AskRequest, invocation: Invocation) -> dict[str, object]:
        return questions.ask(request, invocation.deadline)

    @service.implements(finish_job)
    def finish(request: FinishRequest, invocation: Invocation) -> dict[str, object]:
        return endings.finish(request, invocation.deadline, charge=invocation.charge)

    @service.implements(call_client_back)
    def call_back(request: JobReference, invocation: Invocation) -> dict[str, object]:
        return endings.call_back(request, invocation.deadline)

    @service.implements(settle_execution)
    def ended(request: ExecutionEnd, invocation: Invocation) -> dict[str, object]:
        return endings.ended(request, invocation.deadline)

    return service


def _is_untold(record: JobRecord, status: str) -> bool:
    """Return whether the client must still be notified. A failed state machine has done so, or has used the queue."""
    return record.callback == "due" or (record.callback is None and status != "FAILED")


def resolved(value: object, payloads: Payloads, deadline: Deadline) -> object:
    """Return a result with its references replaced by what they refer to."""
    if isinstance(value, list):
        return [resolved(item, payloads, deadline) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"from"} and isinstance(value["from"], str):
        return payloads.read(value["from"], deadline=deadline)
    if set(value) == {"Error", "Cause"}:
        code, message = problem_of(validated(WorkflowError, value))
        return {"code": code, "message": message}
    return {name: resolved(inner, payloads, deadline) for name, inner in value.items()}


_payloads = Once(Payloads.from_environment)
service = create_service(
    Endings(
        records=Once(JobRecords.from_environment),
        payloads=_payloads,
        callbacks=Once(lambda: Callbacks(os.environ["CALLBACK_KEY_ID"])),
        executions=Once(Executions),
        meter=Once(Meter.from_environment),
        report=InvocationLog(job_endings.name).backend_failure,
    ),
    questions=Questions.from_environment(),
    payloads=_payloads,
)


def handler(event: object, context: object) -> dict[str, object]:
    """The Lambda entry point, for state machines and for EventBridge."""
    return service.handler(operation_of(event), context)
