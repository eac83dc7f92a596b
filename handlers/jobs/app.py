"""The Lambda handler of the jobs API: starts workflows that take longer than a request may, and says how they stand.

A job is recorded before it is started, and every later step is idempotent: a client that sends the same
Idempotency-Key again after a crash completes the start, and starts nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from handlers.common.caller import Caller
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendUnavailable,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    ServiceError,
    UnprocessableInput,
)
from handlers.common.invocation import Invocation
from handlers.common.ledger import Call, Outcome, Share
from handlers.common.logs import InvocationLog
from handlers.common.meter import Meter
from handlers.common.metered import trace_id
from handlers.common.once import Once
from handlers.common.proxy_request import ProxyRequest
from handlers.common.responses import Reply
from handlers.common.service import Service
from handlers.common.workflow_errors import NO_RESULT, problem_of_end
from handlers.jobs.approvals import Approval, ApprovalClosed, Approvals
from handlers.jobs.contract import decide_approval, list_workflows, read_job, start_job
from handlers.jobs.contract import jobs as contract
from handlers.jobs.models import (
    ApprovalRequest,
    Decision,
    Job,
    JobApproval,
    JobError,
    JobRequest,
    JobWorkflowInfo,
    Progress,
    WorkflowList,
)
from handlers.jobs.payloads import Payloads
from handlers.jobs.records import JobRecord, JobRecords
from handlers.jobs.running import NOTED_SECONDS
from handlers.jobs.workflows import JobWorkflow, JobWorkflows

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_WRITES_AT_ONCE = 8
_DAY_SECONDS = 86_400


class Jobs:
    """Operations of the routes.

    Args:
        records: Gives the table of jobs.
        workflows: Gives the workflows.
        payloads: Gives the bucket for inputs and results.
        approvals: Returns the table of approvals.
        meter: Returns the meter. Default: there is none.
        report: Called with the name of what failed and the error, where the request succeeds all the same.
        clock: The time, in seconds since 1970.
        lifetime_seconds: Seconds after which a job and its result expire. Default: 86400.
        callbacks: Whether addresses can be called back from here.
    """

    def __init__(
        self,
        *,
        records: Callable[[], JobRecords],
        workflows: Callable[[], JobWorkflows],
        payloads: Callable[[], Payloads],
        approvals: Callable[[], Approvals],
        meter: Callable[[], Meter | None] = lambda: None,
        report: Callable[[str, ServiceError], None] = lambda _name, _error: None,
        clock: Callable[[], float] = time.time,
        lifetime_seconds: int = _DAY_SECONDS,
        callbacks: bool = True,
    ) -> None:
        self._records = records
        self._workflows = workflows
        self._payloads = payloads
        self._approvals = approvals
        self._meter = meter
        self._report = report
        self._clock = clock
        self._lifetime_seconds = lifetime_seconds
        self._callbacks = callbacks

    def start(self, request: JobRequest, invocation: Invocation) -> Reply[Job]:
        """Start a workflow, or finds the job that the Idempotency-Key stands for."""
        http, deadline = invocation.http_request, invocation.deadline
        name = http.path_parameters.get("workflow", "")
        workflow = self._workflows().named(name)
        if workflow is None:
            names = ", ".join(self._workflows().names)
            raise NotFound(f"Unknown workflow. Available: {names}.")
        if request.callback_url is not None and not self._callbacks:
            raise UnprocessableInput("callback_url: callbacks are disabled in this environment.")
        items = _items(workflow, request)
        record = self._written(name, request, invocation.authorized_caller.principal, http, deadline)
        invocation.metered.hand_over()  # a job that was started before has reserved
        if record.status == "accepted":
            share = self._reserved(record, workflow, len(items), invocation)
            _store(self._payloads(), record, request, workflow.each, items, deadline)
            value = _execution_input(record, len(items), share)
            self._workflows().start(workflow, record.execution_name, value, deadline=deadline)
            self._records().mark_running(record, deadline=deadline)
        # The client's own path tells the stage or the domain's base path.
        location = f"{http.context_path.rpartition('/workflows/')[0]}/jobs/{record.job_id}"
        return Reply(self._job(record, invocation), {"Location": location})

    def list(self) -> WorkflowList:
        """Return the workflows that can be started."""
        found = {name: self._workflows().named(name) for name in self._workflows().names}
        return WorkflowList(
            workflows=[
                JobWorkflowInfo(
                    name=name,
                    each=workflow.each,
                    max_items=None if workflow.each is None else workflow.max_items,
                )
                for name, workflow in found.items()
                if workflow is not None
            ]
        )

    def status(self, invocation: Invocation) -> Job:
        """Return how a job stands that the caller has started, or has something to decide in."""
        deadline = invocation.deadline
        record, approvals = self._found(invocation)
        workflow = self._workflows().named(record.workflow)
        if record.status != "running" or workflow is None:
            return self._job(record, invocation, approvals)
        state = self._workflows().state(workflow, record.execution_name, deadline=deadline)
        if not state.failed:
            return self._job(record, invocation, approvals, states_done=state.states_done)
        # Either its failure was noted meanwhile, or EventBridge has yet to tell of it.
        record = self._record(record.owner, record.job_id, deadline) or record
        if record.status == "running":
            code, message = problem_of_end(state.status, state.error)
            record = replace(record, status="failed", error_code=code, error_message=message)
        return self._job(record, invocation, approvals)

    def decide(self, request: ApprovalRequest, invocation: Invocation) -> Job:
        """Decide what a job asks."""
        now, deadline = int(self._clock()), invocation.deadline
        record, approvals = self._found(invocation)
        approval = _asked(approvals, request.approval)
        caller = invocation.authorized_caller
        if approval.scope not in caller.scopes:
            raise Forbidden("These credentials may not decide this approval.")
        if approval.requester == caller.principal and not approval.by_requester:
            raise Forbidden("Who started the job may not decide this approval.")
        decided = self._approvals().decide(
            approval,
            record,
            request.decision,
            now=now,
            row=self._row(approval, request.decision, invocation),
            deadline=deadline,
        )
        try:
            self._approvals().deliver(decided, deadline=deadline)
        except ServiceError as error:
            self._report("stepfunctions", error)  # the state finds the decision at its next heartbeat
        return self._job(record, invocation, [decided if one is approval else one for one in approvals])

    def _found(self, invocation: Invocation) -> tuple[JobRecord, Sequence[Approval]]:
        """Return a job that the caller may read, and its approvals: to its owner all, to others those that they may decide."""
        job_id, deadline = invocation.http_request.path_parameters.get("job", ""), invocation.deadline
        caller = invocation.authorized_caller
        record = self._record(caller.principal, job_id, deadline) if _JOB_ID.fullmatch(job_id) else None
        workflow = None if record is None else self._workflows().named(record.workflow)
        asks = self._workflows().any_approvals if workflow is None else workflow.approvals
        approvals = self._approvals().of_job(job_id, deadline=deadline) if asks else []
        if record is None:
            approvals = [one for one in approvals if one.scope in caller.scopes]
            owners = {one.requester for one in approvals}
            record = self._record(owners.pop(), job_id, deadline) if len(owners) == 1 else None
        if record is None:
            raise NotFound("There is no such job. It may have expired.")
        return record, [one for one in approvals if one.execution == record.execution_name]

    def _row(
        self, approval: Approval, decision: Decision, invocation: Invocation
    ) -> dict[str, object] | None:
        """Return the change that writes who decided into the ledger; None if there is none."""
        meter, received_at = self._meter(), invocation.http_request.received_at
        if meter is None:
            return None
        call = Call(
            caller=invocation.authorized_caller,
            operation=decide_approval.name,
            request_id=invocation.request_id,
            started_at=self._clock() if received_at is None else received_at,
            route=approval.workflow,
            trace_id=trace_id(),
            subject=f"job/{approval.job_id}/{approval.name}",
        )
        return meter.row(call, Outcome(amounts={}, outcome=decision), deadline=invocation.deadline)

    def _reserved(
        self, record: JobRecord, workflow: JobWorkflow, items: int, invocation: Invocation
    ) -> Share | None:
        """Reserve the budget of a job. A job that cannot be reserved is deleted, so that it does not count as running."""
        try:
            return invocation.metered.share(
                record.job_id,
                record.created_at,
                workflow.bound(items),
                route=record.workflow,
                lasts_seconds=workflow.timeout_seconds + NOTED_SECONDS,
            )
        except ServiceError:
            self._records().discard(record, deadline=invocation.deadline)
            raise

    def _record(self, owner: str, job_id: str, deadline: Deadline) -> JobRecord | None:
        return self._records().get(owner, job_id, now=int(self._clock()), deadline=deadline)

    def _written(
        self, name: str, request: JobRequest, owner: str, http: ProxyRequest, deadline: Deadline
    ) -> JobRecord:
        now = int(self._clock())
        record = JobRecord(
            owner=owner,
            job_id=_job_id(owner, http),
            workflow=name,
            request_sha256=_digest(name, request),
            status="accepted",
            created_at=now,
            expires_at=now + self._lifetime_seconds,
            callback_url=request.callback_url,
        )
        if self._records().create(record, now=now, deadline=deadline):
            return record
        found = self._record(owner, record.job_id, deadline)
        if found is None:
            raise BackendUnavailable("The job of this Idempotency-Key expires just now. Try again.")
        if found.request_sha256 != record.request_sha256:
            raise IdempotencyKeyReused
        return found

    def _job(
        self,
        record: JobRecord,
        invocation: Invocation,
        approvals: Sequence[Approval] = (),
        *,
        states_done: int = 0,
    ) -> Job:
        caller, deadline = invocation.authorized_caller, invocation.deadline
        running, mine = record.is_running, caller.principal == record.owner
        result = error = None
        if record.status == "succeeded" and record.result_key is not None and mine:
            result = self._payloads().read(record.result_key, deadline=deadline)
        if record.status == "failed" and mine:
            error = JobError(
                code=record.error_code or NO_RESULT[0], message=record.error_message or NO_RESULT[1]
            )
        return Job.model_validate(
            {
                "id": record.job_id,
                "workflow": record.workflow,
                "status": "running" if running else record.status,
                "created_at": datetime.fromtimestamp(record.created_at, UTC),
                "expires_at": datetime.fromtimestamp(record.expires_at, UTC),
                "progress": Progress(states_done=states_done) if running else None,
                "result": result,
                "error": error,
                "approvals": [self._approval(one, caller, running=running) for one in approvals],
            }
        )

    def _approval(self, approval: Approval, caller: Caller, *, running: bool) -> JobApproval:
        late = approval.status == "open" and self._clock() >= approval.ends_at
        mine = approval.requester == caller.principal
        return JobApproval(
            name=approval.name,
            question=approval.question,
            about=json.loads(approval.about),
            status="expired" if late else approval.status,
            asked_at=datetime.fromtimestamp(approval.opened_at, UTC),
            closes_at=datetime.fromtimestamp(approval.ends_at, UTC),
            otherwise=approval.otherwise,
            decided_at=None
            if approval.decided_at is None
            else datetime.fromtimestamp(approval.decided_at, UTC),
            you_may_decide=running
            and approval.status == "open"
            and not late
            and approval.scope in caller.scopes
            and (not mine or bool(approval.by_requester)),
        )


def create_service(jobs: Jobs) -> Service:
    """The jobs API."""
    service = Service(contract)

    @service.implements(list_workflows)
    def handle_list() -> WorkflowList:
        return jobs.list()

    @service.implements(start_job)
    def handle_start(request: JobRequest, invocation: Invocation) -> Reply[Job]:
        return jobs.start(request, invocation)

    @service.implements(read_job)
    def handle_status(invocation: Invocation) -> Job:
        return jobs.status(invocation)

    @service.implements(decide_approval)
    def handle_approval(request: ApprovalRequest, invocation: Invocation) -> Job:
        return jobs.decide(request, invocation)

    return service


def _asked(approvals: Sequence[Approval], name: str | None) -> Approval:
    """Return the approval of a name; without a name, the only open one."""
    if name is None:
        found = [one for one in approvals if one.status == "open"]
        if not found:
            raise ApprovalClosed
        if len(found) > 1:
            raise InvalidRequest("approval should name one of the job's approvals, as several are open.")
    else:
        found = [one for one in approvals if one.name == name]
        if not found:
            raise NotFound("The job has asked for no approval of this name.")
    return found[0]


def _items(workflow: JobWorkflow, request: JobRequest) -> list[dict[str, object]]:
    if workflow.each is None:
        return []
    items = request.input.get(workflow.each)
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise InvalidRequest(f"input.{workflow.each} should be an array of objects, at least one.")
    if len(items) > workflow.max_items:
        raise PayloadTooLarge(f"input.{workflow.each} should have at most {workflow.max_items} items.")
    return [dict(item) for item in items if isinstance(item, dict)]


def _job_id(owner: str, http: ProxyRequest) -> str:
    keys = http.headers.get("idempotency-key", ())
    if not keys:
        return secrets.token_hex(16)
    if len(keys) > 1 or not _IDEMPOTENCY_KEY.fullmatch(keys[0]):
        raise InvalidRequest("Idempotency-Key should be one value of 1 to 128 visible ASCII characters.")
    return hashlib.sha256(f"{owner}\0{keys[0]}".encode()).hexdigest()[:32]


def _digest(workflow: str, request: JobRequest) -> str:
    content = {"workflow": workflow, **request.model_dump(mode="json")}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _store(
    payloads: Payloads,
    record: JobRecord,
    request: JobRequest,
    each: str | None,
    items: list[dict[str, object]],
    deadline: Deadline,
) -> None:
    rest = {name: value for name, value in request.input.items() if name != each}
    objects: dict[str, dict[str, object]] = {f"{record.payload_prefix}/input.json": dict(rest)}
    for number, item in enumerate(items):
        objects[f"{record.payload_prefix}/items/{number}.json"] = item
    with ThreadPoolExecutor(min(len(objects), _WRITES_AT_ONCE)) as threads:
        list(
            threads.map(lambda entry: payloads.write(entry[0], entry[1], deadline=deadline), objects.items())
        )


def _execution_input(record: JobRecord, count: int, share: Share | None) -> dict[str, object]:
    """Keys only: what the caller sent is in the bucket."""
    prefix = record.payload_prefix
    return {
        **({} if share is None else {"charge": share.to_json()}),
        "owner": record.owner,
        "job_id": record.job_id,
        "input_key": f"{prefix}/input.json",
        "output_key": record.output_key,
        "items": [
            {
                "number": number,
                "input_key": f"{prefix}/items/{number}.json",
                "output_prefix": f"{prefix}/items/{number}",
            }
            for number in range(count)
        ],
    }


service = create_service(
    Jobs(
        records=Once(JobRecords.from_environment),
        workflows=Once(JobWorkflows.from_environment),
        payloads=Once(Payloads.from_environment),
        approvals=Once(Approvals.from_environment),
        meter=Once(Meter.from_environment),
        report=InvocationLog(contract.name).backend_failure,
        lifetime_seconds=int(os.environ.get("JOB_LIFETIME_SECONDS") or _DAY_SECONDS),
        callbacks=os.environ.get("JOB_CALLBACKS", "on") == "on",
    )
)
handler = service.handler
