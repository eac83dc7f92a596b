"""What becomes of a call whose caller does not wait for the answer."""

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
    """Where failed calls are kept. `DeadLetterQueue` fits it, and so does any queue or topic like it."""

    @property
    def arn(self) -> str:
        """ARN; a reference."""

    def grant_send(self, role: Role) -> None:
        """Lets a role send to it; doing it twice changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsynchronousCalls:
    """How Lambda calls a function for those who do not wait, such as S3, SNS or EventBridge.

    Attributes:
        on_failure: Where a call goes that failed for good, with the error and the answer.
        dead_letters: Where its event alone goes: for what reads dead-letter queues of the older kind.
            Default: nowhere.
        retries: How often a failed call is tried again, 0 to 2. Default: 2.
        max_age_seconds: How long a call may wait for its turn, 60 to 21600. Default: six hours.

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
                "dead_letters is on_failure, which would get each failed call twice",
                "leave dead_letters out, or pass another queue",
            )

    @property
    def destinations(self) -> tuple[FailureDestination, ...]:
        """Where failed calls go."""
        return (self.on_failure,) if self.dead_letters is None else (self.on_failure, self.dead_letters)


def send_failures(
    scope: Construct, function: LambdaFunction, alias: LambdaAlias, role: Role, calls: AsynchronousCalls
) -> None:
    """Has Lambda treat calls of an alias as `calls` says (`aws_lambda_function_event_invoke_config`).

    Args:
        scope: The construct that the setting belongs to.
        function: The function.
        alias: Its alias.
        role: Its role, which may send to where failed calls go.
        calls: What becomes of them.
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
