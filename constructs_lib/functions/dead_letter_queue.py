"""Dead-letter queue for messages that could not be processed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from constructs import Construct

from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_range, check_text, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError, LimitExceededError
from constructs_lib.functions.encrypted_queue import EncryptedQueue, queue_arn, queue_name
from constructs_lib.references import attribute
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm

    from constructs_lib.kms.encryption_key import EncryptionKey
    from constructs_lib.notifications.alarm_topic import AlarmTopic

_MAX_SOURCES: Final = 10
"""SQS's quota of source queues that a dead-letter queue can name."""


class DeadLetterQueue(EncryptedQueue):
    """SQS queue (`aws_sqs_queue`) for messages that failed after all retries. Encrypted; rejects requests without TLS.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Its name in AWS, without `.fifo`. Default: the stack's prefix and the path below the stack.
        retention_days: Retention of messages in days, 1-14. Default: 14.
        encryption_key: Key for encryption. Default: the stack's, or else SQS's own.
        fifo: Whether it is a FIFO queue, as the dead-letter queue of a FIFO queue must be. Default: False.
        source_names: Names in AWS of the queues of this account that may use it, at most 10. A `Queue` has
            its own dead-letter queue already. Default: all queues of the account.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> failed = DeadLetterQueue(stack, "failed", retention_days=7)
        >>> failed.name
        'shop-failed'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str | None = None,
        retention_days: int = 14,
        encryption_key: EncryptionKey | None = None,
        fifo: bool = False,
        source_names: Sequence[str] = (),
    ) -> None:
        where = path_below(scope, construct_id)
        title = queue_name(scope, where, name, fifo=fifo)
        check_range(where, "retention_days", retention_days, 1, 14)
        if isinstance(source_names, str):
            raise InvalidArgumentError(
                where, f"source_names {source_names!r} is not a list of strings", f"pass [{source_names!r}]"
            )
        if len(source_names) > _MAX_SOURCES:
            raise LimitExceededError(
                where, f"has {len(source_names)} source_names", f"use 1 to {_MAX_SOURCES}, or leave them out"
            )
        stack = AwsStack.of(scope)
        allowed = {
            "redrivePermission": "byQueue",
            "sourceQueueArns": [queue_arn(stack, source) for source in source_names],
        }
        super().__init__(
            scope,
            construct_id,
            name=title,
            fifo=fifo,
            retention_days=retention_days,
            encryption_key=encryption_key,
            redrive_allow_policy=json.dumps(allowed) if source_names else None,
        )
        self._alarm: CloudwatchMetricAlarm | None = None

    @property
    def has_alarm(self) -> bool:
        """True if `alarm` was called."""
        return self._alarm is not None

    def alarm(self, topic: AlarmTopic, *, description: str | None = None) -> CloudwatchMetricAlarm:
        """Notify a topic when the queue has messages, and when it is empty again (`aws_cloudwatch_metric_alarm`).

        Args:
            topic: Topic to notify.
            description: Description of the alarm. Default: a sentence with the queue's name.

        Raises:
            ConstructError: if there is an alarm already, or the topic is in another stack.
        """
        where = path_of(self)
        check_same_stack(where, self, topic)
        check_text(where, "description", description)
        if self._alarm is not None:
            raise ConflictError(where, "has an alarm already", "call alarm once")
        AwsStack.of(self).claim(where, "alarm", self.name, "pass the queue another name")
        from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm

        topics = [attribute(topic.resource, "arn")]
        self._alarm = self._create(
            CloudwatchMetricAlarm,
            "alarm",
            alarm_name=self.name,
            alarm_description=description
            or f"Messages could not be processed; they are in queue {self.name}",
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": self.name},
            statistic="Maximum",
            period=300,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            treat_missing_data="notBreaching",
            alarm_actions=topics,
            ok_actions=topics,
        )
        return self._alarm
