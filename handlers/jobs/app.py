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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from handlers.common.budgets import BudgetExceeded
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendUnavailable,
    IdempotencyKeyReused,
    InternalError,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    UnprocessableInput,
)
from handlers.common.invocation import Invocation
from handlers.common.ledger import Share
from handlers.common.once import Once
from handlers.common.proxy_request import ProxyRequest
from handlers.common.responses import Reply
from handlers.common.service import Service
from handlers.jobs.contract import jobs as contract
from handlers.jobs.contract import list_workflows, read_job, start_job
from handlers.jobs.models import Job, JobError, JobRequest, JobWorkflowInfo, Progress, WorkflowList
from handlers.jobs.payloads import Payloads
from handlers.jobs.problems import NO_RESULT, problem_of_end
from handlers.jobs.records import JobRecord, JobRecords
from handlers.jobs.running import NOTED_SECONDS
from handlers.jobs.workflows import JobWorkflow, JobWorkflows

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_WRITES_AT_ONCE = 8
_DAY_SECONDS = 86_400


class Jobs:
    """Operations of the two routes.

    Args:
        records: Gives the table of jobs.
        workflows: Gives the workflows.
        payloads: Gives the bucket for inputs and results.
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
        clock: Callable[[], float] = time.time,
        lifetime_seconds: int = _DAY_SECONDS,
        callbacks: bool = True,
    ) -> None:
        self._records = records
        self._workflows = workflows
        self._payloads = payloads
        self._clock = clock
        self._lifetime_seconds = lifetime_seconds
        self._callbacks = callbacks

    def start(self, request: JobRequest, invocation: Invocation) -> Reply[Job]:
        """Start a workflow, or finds the job that the Idempotency-Key stands for."""
        http, deadline = _http(invocation), invocation.deadline
        name = http.path_parameters.get("workflow", "")
        workflow = self._workflows().named(name)
        if workflow is None:
            names = ", ".join(self._workflows().names)
            raise NotFound(f"Unknown workflow. Available: {names}.")
        if request.callback_url is not None and not self._callbacks:
            raise UnprocessableInput("callback_url: callbacks are disabled in this environment.")
        items = _items(workflow, request)
        record = self._written(name, request, _owner(invocation), http, deadline)
        invocation.metered.hand_over()  # a job that was started before has reserved
        if record.status == "accepted":
            share = self._reserved(record, workflow, len(items), invocation)
            _store(self._payloads(), record, request, workflow.each, items, deadline)
            value = _execution_input(record, len(items), share)
            self._workflows().start(workflow, record.execution_name, value, deadline=deadline)
            self._records().mark_running(record, deadline=deadline)
        # The client's own path tells the stage or the domain's base path.
        location = f"{http.context_path.rpartition('/workflows/')[0]}/jobs/{record.job_id}"
        return Reply(self._job(record, deadline), {"Location": location})

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
        """Return the status of a job of the caller."""
        http, deadline = _http(invocation), invocation.deadline
        job_id = http.path_parameters.get("job", "")
        record = self._record(_owner(invocation), job_id, deadline) if _JOB_ID.fullmatch(job_id) else None
        if record is None:
            raise NotFound("There is no such job. It may have expired.")
        workflow = self._workflows().named(record.workflow)
        if record.status != "running" or workflow is None:
            return self._job(record, deadline)
        state = self._workflows().state(workflow, record.execution_name, deadline=deadline)
        if not state.failed:
            return self._job(record, deadline, states_done=state.states_done)
        # Either its failure was noted meanwhile, or EventBridge has yet to tell of it.
        record = self._record(record.owner, job_id, deadline) or record
        if record.status == "running":
            code, message = problem_of_end(state.status, state.error)
            record = replace(record, status="failed", error_code=code, error_message=message)
        return self._job(record, deadline)

    def _reserved(
        self, record: JobRecord, workflow: JobWorkflow, items: int, invocation: Invocation
    ) -> Share | None:
        """Reserve the budget of a job; a job without budget is forgotten."""
        try:
            return invocation.metered.share(
                record.job_id,
                record.created_at,
                workflow.bound(items),
                route=record.workflow,
                lasts_seconds=workflow.timeout_seconds + NOTED_SECONDS,
            )
        except BudgetExceeded:
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

    def _job(self, record: JobRecord, deadline: Deadline, *, states_done: int = 0) -> Job:
        running = record.status in ("accepted", "running")
        result = error = None
        if record.status == "succeeded" and record.result_key is not None:
            result = self._payloads().read(record.result_key, deadline=deadline)
        if record.status == "failed":
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
            }
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

    return service


def _http(invocation: Invocation) -> ProxyRequest:
    if invocation.http is None:
        raise InvalidRequest("Jobs are started and looked at over HTTP.")
    return invocation.http


def _owner(invocation: Invocation) -> str:
    if invocation.caller is None:
        raise InternalError(
            detail="the route of the jobs needs an authorization: jobs belong to their caller"
        )
    return invocation.caller.principal


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
    request_data = {"workflow": workflow, **request.model_dump(mode="json")}
    return hashlib.sha256(
        json.dumps(request_data, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


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
        lifetime_seconds=int(os.environ.get("JOB_LIFETIME_SECONDS") or _DAY_SECONDS),
        callbacks=os.environ.get("JOB_CALLBACKS", "on") == "on",
    )
)
handler = service.handler
