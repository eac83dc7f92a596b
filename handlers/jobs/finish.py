"""The Lambda handler that a job's state machine calls when the work is done, or cannot be done.

It notes the end of the job and tells the address that the client gave. Both can be done twice.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, JsonValue

from handlers.common.deadline import Deadline
from handlers.common.errors import error_named
from handlers.common.invocation import Invocation
from handlers.common.models import RequestModel
from handlers.common.once import Once
from handlers.common.payloads import Payloads
from handlers.common.service import Service
from handlers.common.validation import validated
from handlers.jobs.callback import Callbacks
from handlers.jobs.records import JobRecord, JobRecords

_WORDS = {
    "States.Timeout": ("workflow_timeout", "The workflow took too long."),
    "States.DataLimitExceeded": (
        "workflow_failed",
        "A part of the workflow gave more than the next can take.",
    ),
}
_FAILED = ("workflow_failed", "A part of the workflow failed.")


class WorkflowError(RequestModel):
    """What Step Functions says of an error: its name, and the cause, which is JSON if a function raised it."""

    Error: str
    Cause: str = ""


class FinishRequest(RequestModel):
    """How a job ended: with a result, or with an error."""

    owner: str
    job_id: str
    output_key: str
    result: Annotated[
        dict[str, JsonValue] | None,
        Field(
            description="Anywhere in it, {'from': KEY} stands for that object, and {'failed': {'Error', 'Cause'}} for "
            "what the client may know of the error."
        ),
    ] = None
    error: WorkflowError | None = None


class JobReference(RequestModel):
    """A job."""

    owner: str
    job_id: str


def create_service(
    *,
    records: Callable[[], JobRecords],
    payloads: Callable[[], Payloads],
    callbacks: Callable[[], Callbacks],
    clock: Callable[[], float] = time.time,
) -> Service:
    """What ends jobs.

    Args:
        records: Gives the table of jobs.
        payloads: Gives the bucket for results.
        callbacks: Gives what calls back; asked only for a job that wants it.
        clock: The time, in seconds since 1970.
    """
    service = Service("jobs-finish")

    def record_of(owner: str, job_id: str, deadline: Deadline) -> JobRecord | None:
        return records().get(owner, job_id, now=int(clock()), deadline=deadline)

    @service.operation("jobs.finish", path=None, summary="Notes the end of a job.")
    def finish(request: FinishRequest, invocation: Invocation) -> dict[str, object]:
        deadline = invocation.deadline
        record = record_of(request.owner, request.job_id, deadline)
        # An execution may end when its job has expired and its id stands for another.
        if record is None or record.output_key != request.output_key:
            return {"noted": False}
        if request.error is not None:
            code, message = problem_of(request.error)
            records().fail(record, code, message, deadline=deadline)
        else:
            result = {
                name: resolved(value, payloads(), deadline) for name, value in (request.result or {}).items()
            }
            payloads().write(request.output_key, result, deadline=deadline)
            records().succeed(record, request.output_key, deadline=deadline)
        return {"noted": True}

    @service.operation("jobs.callback", path=None, summary="Tells the client's address that a job has ended.")
    def call_back(request: JobReference, invocation: Invocation) -> dict[str, object]:
        record = record_of(request.owner, request.job_id, invocation.deadline)
        if record is None or record.callback_url is None:
            return {"called": False}
        said = {"id": record.job_id, "workflow": record.workflow, "status": record.status}
        callbacks().send(record.callback_url, said, deadline=invocation.deadline)
        return {"called": True}

    return service


def resolved(value: object, payloads: Payloads, deadline: Deadline) -> object:
    """Returns a result with its references replaced by what they refer to."""
    if isinstance(value, list):
        return [resolved(item, payloads, deadline) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"from"} and isinstance(value["from"], str):
        return payloads.read(value["from"], deadline=deadline)
    if set(value) == {"failed"}:
        code, message = problem_of(validated(WorkflowError, value["failed"]))
        return {"error": {"code": code, "message": message}}
    return {name: resolved(inner, payloads, deadline) for name, inner in value.items()}


def problem_of(error: WorkflowError) -> tuple[str, str]:
    """Returns the code and the message for the client: a service's own, whose messages are made to be shown."""
    known = error_named(error.Error)
    if known is None:
        return _WORDS.get(error.Error, _FAILED)
    return known.code, _message(error.Cause) or known.default_message


def _message(cause: str) -> str | None:
    try:
        said: Any = json.loads(cause)
    except ValueError:
        return None
    message = said.get("errorMessage") if isinstance(said, Mapping) else None
    return message if isinstance(message, str) and message else None


service = create_service(
    records=Once(JobRecords.from_environment),
    payloads=Once(Payloads.from_environment),
    callbacks=Once(lambda: Callbacks(os.environ["CALLBACK_KEY_ID"])),
)
handler = service.handler
