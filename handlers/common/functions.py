"""The service functions, called directly: without a gateway between, and with typed errors back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from handlers.common import errors
from handlers.common.aws_api import AwsApi, Tries, reading_answer
from handlers.common.deadline import Deadline

MAX_EVENT_BYTES = 6_000_000
"""Lambda takes 6,291,456."""

# One attempt only: a second one would repeat the work, and callers cannot wait that long.
_CHOICES = tuple(Tries(1, 1, seconds) for seconds in (26, 20, 14, 9, 5, 2.5, 1))
_REFUSALS = {
    "RequestTooLargeException": lambda: errors.PayloadTooLarge("The input is larger than a function takes."),
    "ResourceConflictException": lambda: errors.BackendUnavailable(
        "The service is being updated. Try again."
    ),
    "SnapStartNotReadyException": lambda: errors.BackendUnavailable("The service is starting. Try again."),
}
_TIMED_OUT = "Task timed out"


class Functions:
    """The functions that AI_SERVICES names.

    Args:
        arns: The qualified ARN of each function, by its key, such as `vision`.
        api: The Lambda service; made from the environment when left out.
    """

    def __init__(self, arns: Mapping[str, str], *, api: AwsApi | None = None) -> None:
        self._arns = dict(arns)
        self._api = api or AwsApi("lambda", choices=_CHOICES)

    @classmethod
    def from_environment(cls) -> Functions:
        """The functions of AI_SERVICES, a JSON object of keys and qualified ARNs; none without it.

        Raises:
            ValueError: AI_SERVICES is something else.
        """
        arns = json.loads(os.environ.get("AI_SERVICES") or "{}")
        if not isinstance(arns, dict) or not all(isinstance(arn, str) and arn for arn in arns.values()):
            raise ValueError("AI_SERVICES should be a JSON object of function keys and ARNs")
        return cls(arns)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the functions."""
        return tuple(self._arns)

    def call(self, key: str, event: Mapping[str, object], *, deadline: Deadline) -> dict[str, Any]:
        """Invoke a function and wait for its answer. Safe in several threads at once.

        Args:
            key: One of `keys`.
            event: A direct event.
            deadline: When the answer must be there.

        Raises:
            PayloadTooLarge: The event is larger than Lambda takes.
            BackendUnavailable: The function is throttled or being updated.
            BackendTimeout: It did not answer in time.
            BackendError: It crashed, or answered what is not an object.
            ServiceError: The error that the function itself raised.
        """
        payload = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        if len(payload) > MAX_EVENT_BYTES:
            raise errors.PayloadTooLarge(f"The input is larger than {MAX_EVENT_BYTES:,} bytes.")
        answer = self._api.call(
            "invoke",
            {"FunctionName": self._arns[key], "InvocationType": "RequestResponse", "Payload": payload},
            deadline=deadline,
            refusals=_REFUSALS,
        )
        with reading_answer(f"function {key}"):
            result = json.loads(answer["Payload"])
            if not isinstance(result, dict):
                raise TypeError("not an object")
            failed = "FunctionError" in answer
        if failed:
            raise _error_of(key, result)
        return result


def _error_of(key: str, failure: Mapping[str, object]) -> errors.ServiceError:
    kind, message = str(failure.get("errorType", "")), str(failure.get("errorMessage", ""))
    detail = f"function {key}: {kind}, its request {failure.get('requestId')}"
    error_class = errors.error_named(kind)
    if error_class is not None:
        # The function raised it on purpose, with a message made to be shown.
        return error_class(message, detail=detail)
    if kind == "Sandbox.Timedout" or _TIMED_OUT in message:
        return errors.BackendTimeout("The service did not answer in time. Try again later.", detail=detail)
    return errors.BackendError("The service failed.", detail=detail)
