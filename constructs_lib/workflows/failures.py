"""Retry and Catch: error handling of states."""

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
"""All errors but the two that always end a workflow: too much data, and an error in the definition."""

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
"""Errors of busy services. The same request can succeed a second later."""

CRASH_ERRORS: Final = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
)
"""Errors of calls whose execution environment exited or timed out. Another one may succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Retries of a state after certain errors, with increasing pauses.

    Attributes:
        errors: Names of the errors. Default: all (`States.ALL`).
        max_attempts: Number of retries, 0-99. Default: 2.
        interval_seconds: First pause in seconds. Default: 1.
        backoff_rate: Factor for each further pause, 1 or more. Default: 2.
        max_delay_seconds: Longest pause in seconds. Default: 10.
        jitter: Whether pauses are random between 0 and their length, so that rejected clients do not retry at the same
            time. Default: True.

    Raises:
        ConstructError: if Step Functions would reject an argument.

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
        """Return the retry for busy services (`THROTTLING_ERRORS`)."""
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
    """Next step after certain errors, when a state's retries are used up.

    Attributes:
        to: Next step. The steps after the state follow it too, unless it ends the workflow.
        errors: Names of the errors. Default: all (`States.ALL`).
        result: Variable for the error, as `{"Error": name, "Cause": text}`. Default: none.

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
        """Return it in Amazon States Language, with the state `target` as the next one."""
        fields: dict[str, Any] = {"ErrorEquals": list(self.errors), "Next": target}
        if self.result is not None:
            fields["Assign"] = {self.result: delimited("$states.errorOutput")}
        # Without this, the error would replace the data that the states pass on.
        fields["Output"] = delimited("$states.input")
        return fields


def _errors(where: str, errors: Sequence[str]) -> tuple[str, ...]:
    if isinstance(errors, str) or not errors or not all(isinstance(one, str) and one for one in errors):
        raise InvalidArgumentError(where, f"errors {errors!r} is not a list of names", "pass at least one")
    return tuple(errors)
