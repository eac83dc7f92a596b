"""Asynchronous invocations: retries, and destinations of failed ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from cdktf_cdktf_provider_aws.lambda_alias import LambdaAlias
from cdktf_cdktf_provider_aws.lambda_function import LambdaFunction
from cdktf_cdktf_provider_aws.lambda_function_event_invoke_config import (
    LambdaFunctionEventInvokeConfig,
    LambdaFunctionEventInvokeConfigDestinationConfig,
    LambdaFunctionEventInvokeConfigDestinationConfigOnFailure,
)
from constructs import Construct

from constructs_lib.checks import check_range
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.references import address, attribute, make

if TYPE_CHECKING:
    from constructs_lib.iam.role import Role

_WHERE: Final = "AsynchronousCalls"


class FailureDestination(Protocol):
    """Destination of failed invocations, such as a `DeadLetterQueue`."""

    @property
    def arn(self) -> str:
        """ARN; a reference."""

    def grant_send(self, role: Role) -> None:
        """Allow a role to send to it. Idempotent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsynchronousCalls:
    """Settings of asynchronous invocations, such as those by S3, SNS or EventBridge.

    Attributes:
        on_failure: Destination of invocations that failed after all retries, with error and response.
        dead_letters: Dead-letter queue that gets the event only, Lambda's older form. Default: none.
        retries: Retries of a failed invocation, 0-2. Default: 2.
        max_age_seconds: Seconds that an event may wait before Lambda drops it, 60-21600. Default: 21600.

    Raises:
        ConstructError: if an argument is not valid, or both destinations are the same.

    Example:
        >>> failed = DeadLetterQueue(stack, "failed")
        >>> worker = Function(
        ...     stack, "worker", archive=archive, asynchronous_calls=AsynchronousCalls(on_failure=failed, retries=1)
        ... )
    """

    on_failure: FailureDestination
    dead_letters: FailureDestination | None = None
    retries: int = 2
    max_age_seconds: int = 21_600

    def __post_init__(self) -> None:
        check_range(_WHERE, "retries", self.retries, 0, 2)
        check_range(_WHERE, "max_age_seconds", self.max_age_seconds, 60, 21_600)
        if self.dead_letters is self.on_failure:
            raise InvalidArgumentError(
                _WHERE,
                "dead_letters and on_failure are the same, which would get each failed call twice",
                "leave dead_letters out, or pass another queue",
            )

    @property
    def destinations(self) -> tuple[FailureDestination, ...]:
        """Destinations of failed invocations."""
        return (self.on_failure,) if self.dead_letters is None else (self.on_failure, self.dead_letters)


def send_failures(
    scope: Construct, function: LambdaFunction, alias: LambdaAlias, role: Role, calls: AsynchronousCalls
) -> None:
    """Configure the asynchronous invocations of an alias (`aws_lambda_function_event_invoke_config`).

    Args:
        scope: Parent construct.
        function: The function.
        alias: Alias of the function.
        role: Role of the function, which gets permission to send to the destinations.
        calls: Settings.
    """
    configured = make(
        LambdaFunctionEventInvokeConfig,
        scope,
        "asynchronous-calls",
        function_name=attribute(function, "function_name"),
        qualifier=attribute(alias, "name"),
        maximum_retry_attempts=calls.retries,
        maximum_event_age_in_seconds=calls.max_age_seconds,
        destination_config=LambdaFunctionEventInvokeConfigDestinationConfig(
            on_failure=LambdaFunctionEventInvokeConfigDestinationConfigOnFailure(
                destination=calls.on_failure.arn
            )
        ),
        lifecycle={"replace_triggered_by": [f"{address(alias)}.id"]},
    )
    role.used_by(configured, first=True)
