"""Contracts of jobs, which are workflows that run longer than a request: their API, and what their state machines call."""

from __future__ import annotations

from handlers.common.contract import DEFAULT_MAX_BODY_BYTES, LARGEST_BODY_BYTES, Contract
from handlers.common.metering import BY_TASKS, FREE
from handlers.jobs.models import (
    ApprovalRequest,
    AskRequest,
    ExecutionEnd,
    FinishRequest,
    Job,
    JobReference,
    JobRequest,
    LinksRequest,
    WorkflowList,
)

jobs = Contract(
    "jobs", summary="Workflows that run longer than a request.", max_body_bytes=LARGEST_BODY_BYTES
)
list_workflows = jobs.get(
    "/workflows",
    WorkflowList,
    name="jobs.workflows",
    summary="List the workflows that can be started as jobs.",
)
start_job = jobs.post(
    "/workflows/{workflow}/jobs",
    JobRequest,
    Job,
    name="jobs.start",
    metered_by=BY_TASKS,
    status=202,
    request_headers={"Idempotency-Key": True},
    idempotent=True,
    summary="Start a workflow as a job, which can be read by its id while it runs and afterwards.",
)
read_job = jobs.get(
    "/jobs/{job}", Job, name="jobs.status", summary="Read a job: its progress, and its result or error."
)
decide_approval = jobs.post(
    "/jobs/{job}/approval",
    ApprovalRequest,
    Job,
    name="jobs.approval",
    metered_by=FREE,
    max_body_bytes=DEFAULT_MAX_BODY_BYTES,
    summary="Decide what a job asks: it goes on, or ends.",
)

job_endings = Contract("jobs-finish", summary="The objects and the ends of jobs.")
link_objects = job_endings.direct(
    LinksRequest, None, name="jobs.links", summary="Make presigned URLs of objects of a job."
)
ask_approval = job_endings.direct(
    AskRequest, None, name="jobs.ask", summary="Record what a waiting state asks, and notify the topic."
)
finish_job = job_endings.direct(FinishRequest, None, name="jobs.finish", summary="Record the end of a job.")
call_client_back = job_endings.direct(
    JobReference, None, name="jobs.callback", summary="Notify the client's address that a job has ended."
)
settle_execution = job_endings.direct(
    ExecutionEnd,
    None,
    name="jobs.ended",
    summary="Record an execution that ended without recording it itself, and notify the client.",
)
