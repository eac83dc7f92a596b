"""What is done when a state fails: try again, or go on elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from constructs_lib.checks import check_range
from constructs_lib.errors import InvalidArgumentError, LimitExceededError
from constructs_lib.workflows.expressions import check_variable, delimited

if TYPE_CHECKING:
    from constructs_lib.workflows.step import Step

ALL_ERRORS: Final = "States.ALL"
"""Every error but the two that end a workflow: too much data, and one that the definition itself causes."""

THROTTLING_ERRORS: Final = (
    "BackendUnavailable",
    "Bedrock.ThrottlingException",
    "BedrockRuntime.ThrottlingException",
    "DynamoDB.ProvisionedThroughputExceededException",
    "DynamoDB.RequestLimitExceeded",
    "DynamoDB.ThrottlingException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "StepFunctions.ExecutionLimitExceeded",
    "ThrottlingException",
)
"""What a busy service answers: the same request may succeed a second later."""

CRASH_ERRORS: Final = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
)
"""Errors of calls whose execution environment exited or did not answer in time: another one may do the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Trying a state again after certain errors, each time after a longer pause.

    Attributes:
        errors: The names of the errors. Default: all (`States.ALL`).
        max_attempts: How many times it is tried again, 0 to 99. Default: twice.
        interval_seconds: The first pause, in seconds. Default: 1.
        backoff_rate: What each pause is multiplied by, from 1. Default: 2.
        max_delay_seconds: The longest pause, in seconds. Default: 10.
        jitter: Whether a pause is anything between nothing and its length, so that many who were refused at
            once do not come back at once. Default: True.

    Raises:
        ConstructError: if Step Functions would refuse an argument.

    Example:
        >>> Retry.on_throttling(max_attempts=3).asl()["MaxAttempts"]
        3
    """

    errors: Sequence[str] = (ALL_ERRORS,)
    max_attempts: int = 2
    interval_seconds: int = 1
    backoff_rate: float = 2.0
    max_delay_seconds: int = 10
    jitter: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", _errors("Retry", self.errors))
        check_range("Retry", "max_attempts", self.max_attempts, 0, 99)
        check_range("Retry", "interval_seconds", self.interval_seconds, 1, 31_622_400)
        check_range("Retry", "max_delay_seconds", self.max_delay_seconds, 2, 31_622_399)
        if self.backoff_rate < 1:
            raise LimitExceededError("Retry", f"backoff_rate is {self.backoff_rate}", "use 1 or more")
        if self.max_delay_seconds <= self.interval_seconds:
            raise LimitExceededError(
                "Retry",
                f"max_delay_seconds {self.max_delay_seconds} is not above interval_seconds {self.interval_seconds}",
                "raise it",
            )

    @classmethod
    def on_throttling(cls, *, max_attempts: int = 2) -> Retry:
        """Return what tries again when a service is busy (`THROTTLING_ERRORS`)."""
        return cls(errors=THROTTLING_ERRORS, max_attempts=max_attempts)

    @classmethod
    def on_crash(cls, *, max_attempts: int = 2) -> Retry:
        """Return the retry for a function whose execution environment ended (`CRASH_ERRORS`).

        An input that ends every environment costs `max_attempts` more calls; keep the number small.
        """
        return cls(errors=CRASH_ERRORS, max_attempts=max_attempts)

    def asl(self) -> dict[str, Any]:
        """Return it in Amazon States Language."""
        return {
            "ErrorEquals": list(self.errors),
            "IntervalSeconds": self.interval_seconds,
            "MaxAttempts": self.max_attempts,
            "BackoffRate": self.backoff_rate,
            "MaxDelaySeconds": self.max_delay_seconds,
            "JitterStrategy": "FULL" if self.jitter else "NONE",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """Going on elsewhere after certain errors, once a state's retries are used up.

    Attributes:
        to: Where it goes on. What follows the state follows that as well, unless it ends the workflow.
        errors: The names of the errors. Default: all (`States.ALL`).
        result: The variable that gets the error, as `{"Error": name, "Cause": text}`. Default: it is not
            kept.

    Raises:
        InvalidArgumentError: if there are no errors, or the variable's name is not valid.

    Example:
        >>> Catch(to=Fail("unreadable", error="UnprocessableInput"), errors=["InvalidRequest"]).errors
        ('InvalidRequest',)
    """

    to: Step
    errors: Sequence[str] = (ALL_ERRORS,)
    result: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", _errors("Catch", self.errors))
        if self.result is not None:
            check_variable("Catch", "result", self.result)

    def asl(self, target: str) -> dict[str, Any]:
        """Return it in Amazon States Language, going on at the state `target`."""
        made: dict[str, Any] = {"ErrorEquals": list(self.errors), "Next": target}
        if self.result is not None:
            made["Assign"] = {self.result: delimited("$states.errorOutput")}
        # Without this, the error would take the place of the data that the states hand on.
        made["Output"] = delimited("$states.input")
        return made


def _errors(where: str, errors: Sequence[str]) -> tuple[str, ...]:
    if isinstance(errors, str) or not errors or not all(isinstance(one, str) and one for one in errors):
        raise InvalidArgumentError(where, f"errors {errors!r} is no list of names", "pass at least one")
    return tuple(errors)
