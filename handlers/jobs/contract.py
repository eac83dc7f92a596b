"""Contract of the jobs service: workflows that run longer than a request."""

from __future__ import annotations

from handlers.common.contract import LARGEST_BODY_BYTES, Contract
from handlers.jobs.models import Job, JobRequest, WorkflowList

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
    status=202,
    request_headers={"Idempotency-Key": True},
    summary="Start a workflow as a job.",
)
read_job = jobs.get(
    "/jobs/{job}", Job, name="jobs.status", summary="Read a job: its progress, and its result or error."
)
