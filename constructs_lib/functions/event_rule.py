"""EventBridge rule that invokes a function."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cdktf_cdktf_provider_aws.cloudwatch_event_rule import CloudwatchEventRule
from cdktf_cdktf_provider_aws.cloudwatch_event_target import (
    CloudwatchEventTarget,
    CloudwatchEventTargetDeadLetterConfig,
    CloudwatchEventTargetRetryPolicy,
)
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_mapping, check_pattern, check_range, check_text, path_below, path_of
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.references import attribute, token, wait_for
from constructs_lib.stacks import check_same_stack
from constructs_lib.templates import escaped

if TYPE_CHECKING:
    from constructs_lib.functions.dead_letter_queue import DeadLetterQueue
    from constructs_lib.functions.function import Function

EVENTS: Final = "events.amazonaws.com"
"""Principal of EventBridge in policies."""

_DAY_SECONDS: Final = 86_400
_MAX_RETRIES: Final = 185


class EventRule(AwsConstruct):
    """EventBridge rule (`aws_cloudwatch_event_rule`) that invokes a function for events of the default bus.

    Events are delivered at least once, in any order. Events that cannot be delivered go to `dead_letters`.
    The function's `asynchronous_calls` decide about events for which the function fails.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        pattern: Event pattern as data, such as `{"source": ["aws.states"]}`. Default: none.
        schedule: Schedule: `rate(5 minutes)`, or `cron(…)` in UTC. Default: none. Pass either this or `pattern`.
        function: Function to invoke with the event.
        dead_letters: Standard queue for events that could not be delivered.
        name: Name in AWS. Default: the stack's prefix and the path below the stack.
        description: Description in AWS. Default: none.
        retries: Retries of a delivery, 0-185. Default: 185.
        max_age_seconds: Seconds for which EventBridge retries, 60-86400. Default: 86400.

    Raises:
        ConstructError: if an argument is not valid, the name is taken, or an argument is in another stack.

    Example:
        >>> failed = DeadLetterQueue(stack, "failed")
        >>> rule = EventRule(
        ...     stack,
        ...     "stopped",
        ...     pattern={"source": ["aws.ecs"], "detail": {"lastStatus": ["STOPPED"]}},
        ...     function=function,
        ...     dead_letters=failed,
        ... )
        >>> rule.name
        'shop-stopped'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pattern: Mapping[str, Any] | None = None,
        schedule: str | None = None,
        function: Function,
        dead_letters: DeadLetterQueue,
        name: str | None = None,
        description: str | None = None,
        retries: int = _MAX_RETRIES,
        max_age_seconds: int = _DAY_SECONDS,
    ) -> None:
        where = path_below(scope, construct_id)
        title = AwsStack.of(scope).physical_name(where) if name is None else name
        check_pattern(where, "name", title, r"[A-Za-z0-9._-]{1,64}", "use 1 to 64 letters, digits and '._-'")
        check_text(where, "description", description)
        check_range(where, "retries", retries, 0, _MAX_RETRIES)
        check_range(where, "max_age_seconds", max_age_seconds, 60, _DAY_SECONDS)
        if (pattern is None) == (schedule is None):
            raise InvalidArgumentError(
                where, "there is not exactly one of pattern and schedule", "pass either pattern or schedule"
            )
        if pattern is not None:
            _check_matchers(where, pattern)
        if schedule is not None:
            check_pattern(
                where,
                "schedule",
                schedule,
                r"rate\([1-9][0-9]* (minutes?|hours?|days?)\)|cron\([^()]{11,200}\)",
                "write it as 'rate(5 minutes)' or 'cron(0 8 * * ? *)'",
            )
        check_same_stack(where, scope, function)
        check_same_stack(where, scope, dead_letters)
        if dead_letters.fifo:
            raise InvalidArgumentError(
                where, "dead_letters is a FIFO queue, which EventBridge does not support", "leave fifo out"
            )
        stack = AwsStack.of(scope)
        stack.claim(where, "event rule name", title)
        super().__init__(scope, construct_id)
        self._name = title
        self._resource = self._create(
            CloudwatchEventRule,
            "Resource",
            name=title,
            description=description,
            event_pattern=None if pattern is None else escaped(json.dumps(pattern)),
            schedule_expression=schedule,
            state="ENABLED",
        )
        # Composed of names, because the events can be about the queue.
        arn = f"arn:{stack.partition}:events:{stack.region}:{stack.account_id}:rule/{title}"
        sid = "Rule" + re.sub(r"[^A-Za-z0-9]", "", title)
        dead_letters.allow_service(sid[:64], service=EVENTS, source_arn=arn)
        if dead_letters.encryption_key is not None:
            dead_letters.encryption_key.allow_service(
                "EventRules",
                service=EVENTS,
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account_id}},
            )
        permission = function.add_permission(
            self, "permission", principal=EVENTS, source_arn=attribute(self._resource, "arn")
        )
        target = self._create(
            CloudwatchEventTarget,
            "target",
            rule=attribute(self._resource, "name"),
            target_id="function",
            arn=attribute(function.alias, "arn"),
            retry_policy=CloudwatchEventTargetRetryPolicy(
                maximum_retry_attempts=retries, maximum_event_age_in_seconds=max_age_seconds
            ),
            dead_letter_config=CloudwatchEventTargetDeadLetterConfig(
                arn=attribute(dead_letters.resource, "arn")
            ),
        )
        wait_for(target, permission, first=True)

    @property
    def name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def resource(self) -> CloudwatchEventRule:
        """The `aws_cloudwatch_event_rule`."""
        return self._resource

    def match(self, pattern: Mapping[str, Any]) -> None:
        """Replace the event pattern.

        Args:
            pattern: As in the constructor.

        Raises:
            InvalidArgumentError: if it is not a pattern.
        """
        _check_matchers(path_of(self), pattern)
        self._resource.event_pattern = escaped(json.dumps(pattern))


def _check_matchers(where: str, pattern: Mapping[str, Any], *above: str) -> None:
    check_mapping(where, f"pattern{''.join(f' {key}' for key in above)}", pattern)
    if not pattern:
        raise InvalidArgumentError(
            where,
            f"pattern{''.join(f' {key}' for key in above)} matches everything",
            "pass at least a source",
        )
    for key, value in pattern.items():
        if isinstance(value, Mapping):
            _check_matchers(where, value, *above, key)
        elif not isinstance(value, list | tuple) or not value:
            place = ".".join((*above, key))
            raise InvalidArgumentError(
                where, f"pattern {place} is not a list of values", "pass a list with at least one value"
            )
