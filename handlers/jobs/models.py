"""Requests and responses of the jobs API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue, field_validator

from handlers.common.models import RequestModel, ResponseModel
from handlers.common.workflow_errors import WorkflowError
from handlers.jobs.callback_url import check_callback_url

Decision = Literal["approved", "rejected"]
JobStatus = Literal["running", "succeeded", "failed"]

_MAX_LINKS = 20

Keys = Annotated[dict[str, str], Field(default_factory=dict, max_length=_MAX_LINKS)]


class JobRequest(RequestModel):
    """A workflow's input, and where to say that it has ended."""

    input: Annotated[dict[str, JsonValue], Field(description="What the workflow takes.")]
    callback_url: Annotated[
        str | None,
        Field(
            max_length=2_000,
            description="An https address that gets a signed request when the job has ended. Some environments disable callbacks.",
        ),
    ] = None

    @field_validator("callback_url")
    @classmethod
    def _can_be_called(cls, url: str | None) -> str | None:
        if url is not None:
            check_callback_url(url)
        return url


class Progress(ResponseModel):
    """Progress of a job."""

    states_done: Annotated[int, Field(ge=0, description="The workflow's states that have ended so far.")]


class JobError(ResponseModel):
    """Error of a failed job."""

    code: str
    message: str


class JobApproval(ResponseModel):
    """Approval that a job asked for."""

    name: str = Field(description="Its name in the workflow.")
    question: str = Field(description="The question.")
    about: dict[str, JsonValue] = Field(description="What it is about.")
    status: Literal["open", "approved", "rejected", "expired"]
    asked_at: AwareDatetime
    closes_at: AwareDatetime = Field(description="Until when it can be decided.")
    otherwise: Decision = Field(description="Decision that counts without one in time.")
    decided_at: AwareDatetime | None = Field(description="Null while it is open.")
    you_may_decide: bool = Field(description="Whether it is open, and the caller may decide it.")


class Job(ResponseModel):
    """A job as it stands."""

    id: str
    workflow: str
    status: JobStatus
    created_at: AwareDatetime
    expires_at: Annotated[AwareDatetime, Field(description="When the job and its result are forgotten.")]
    progress: Progress | None = Field(description="Null once the job has ended.")
    result: dict[str, JsonValue] | None = Field(
        description="What the workflow gave; null until it succeeded."
    )
    error: JobError | None
    approvals: list[JobApproval] = Field(
        description="What it asked people. Callers who may decide one of them read the job without its result and error."
    )


class ApprovalRequest(RequestModel):
    """Decision of a person on what a job asks."""

    decision: Decision
    approval: Annotated[
        str | None, Field(max_length=80, description="Name of the approval. Default: the only open one.")
    ] = None


class JobWorkflowInfo(ResponseModel):
    """A workflow that can be started as a job."""

    name: str = Field(description="Its name in `POST /workflows/{workflow}/jobs`.")
    each: str | None = Field(
        description="The field of the input with the items that are worked on one by one; null if there is none."
    )
    max_items: int | None = Field(description="The most items that it takes; null if it takes none.")


class WorkflowList(ResponseModel):
    """The workflows that can be started as jobs."""

    workflows: list[JobWorkflowInfo]


class FinishRequest(RequestModel):
    """End of a job: a result or an error."""

    owner: str
    job_id: str
    output_key: str
    result: Annotated[
        dict[str, JsonValue] | None,
        Field(
            description="Anywhere in it, {'from': KEY} stands for that object, and {'Error', 'Cause'} for the code and "
            "the message of the error."
        ),
    ] = None
    error: WorkflowError | None = None


class JobReference(RequestModel):
    """A job."""

    owner: str
    job_id: str


class AskRequest(RequestModel):
    """Approval that a state of a job waits for."""

    owner: str
    job_id: str
    output_key: str
    name: str
    question: str
    about: dict[str, JsonValue]
    scope: str
    by_requester: bool
    otherwise: Decision
    seconds: Annotated[int, Field(ge=1, description="For how long it can be decided.")]
    asked_at: Annotated[str, Field(description="When the state was entered.")]
    token: Annotated[str, Field(description="Token of the state, a secret.")]


class LinksRequest(RequestModel):
    """The objects that a function is to work on, each by a name of the state machine's choice."""

    output_key: Annotated[
        str, Field(description="The key of the job's result; all objects of a job are beside it.")
    ]
    read: Keys
    write: Keys


class ExecutionEnd(RequestModel):
    """An execution that ended without a result."""

    execution_arn: str
    name: str
    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]
    input: str | None = None
    error: str | None = None
