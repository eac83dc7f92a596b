"""Errors of workflows, as Step Functions has them, for clients and the ledger: a code, and a message for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from handlers.common.errors import BackendError, BackendTimeout, BackendUnavailable, error_named
from handlers.common.models import RequestModel

_BUSY = (BackendUnavailable.code, "The service is busy. Try again later.")
_CRASHED = (BackendError.code, "The service failed.")
_NOT_IN_TIME = (BackendTimeout.code, "The service did not answer in time. Try again later.")
_WORDS = {
    "ApprovalExpired": ("approval_expired", "The approval was not decided in time."),
    "ApprovalRejected": ("approval_rejected", "The approval was rejected."),
    **dict.fromkeys(
        (
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.ServiceException",
            "Lambda.TooManyRequestsException",
        ),
        _BUSY,
    ),
    "Lambda.ClientExecutionTimeoutException": _NOT_IN_TIME,
    "Lambda.Unknown": _CRASHED,
    "Runtime.ExitError": _CRASHED,
    "Sandbox.Timedout": _NOT_IN_TIME,
    "States.Timeout": ("workflow_timeout", "The workflow took too long."),
    "States.DataLimitExceeded": (
        "workflow_failed",
        "A part of the workflow gave more than the next can take.",
    ),
}
_FAILED = ("workflow_failed", "A part of the workflow failed.")
NO_RESULT = ("workflow_failed", "The workflow ended without a result.")
"""Error without details."""

_ENDS = {
    "TIMED_OUT": _WORDS["States.Timeout"],
    "ABORTED": ("workflow_stopped", "The workflow was stopped."),
}


class WorkflowError(RequestModel):
    """Error from Step Functions: its name, and the cause, which is JSON if a function raised it."""

    Error: str
    Cause: str = ""


def problem_of(error: WorkflowError) -> tuple[str, str]:
    """Return the code and the message for the client: a service's own, whose messages are made to be shown."""
    error_class = error_named(error.Error)
    if error_class is None:
        return _WORDS.get(error.Error, _FAILED)
    return error_class.code, _message(error.Cause) or error_class.default_message


def problem_of_end(status: str, error: str | None) -> tuple[str, str]:
    """Return the code and the message for a workflow that ended before it could note why.

    Args:
        status: Its execution's: `FAILED`, `TIMED_OUT` or `ABORTED`.
        error: The name of its execution's error, if there is one.
    """
    return _ENDS.get(status) or _WORDS.get(error or "", NO_RESULT)


def _message(cause: str) -> str | None:
    try:
        data: Any = json.loads(cause)
    except ValueError:
        return None
    message = data.get("errorMessage") if isinstance(data, Mapping) else None
    return message if isinstance(message, str) and message else None
