"""SQS queue with a dead-letter queue and a Lambda consumer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from constructs import Construct

from constructs_lib.checks import check_range, path_below, path_of
from constructs_lib.errors import ConflictError, LimitExceededError
from constructs_lib.functions.dead_letter_queue import DeadLetterQueue
from constructs_lib.functions.encrypted_queue import EncryptedQueue, queue_name
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.references import address, attribute, wait_for
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.lambda_alias import LambdaAlias
    from cdktf_cdktf_provider_aws.lambda_event_source_mapping import LambdaEventSourceMapping

    from constructs_lib.iam.role import Role
    from constructs_lib.kms.encryption_key import EncryptionKey
    from constructs_lib.notifications.alarm_topic import AlarmTopic

_VISIBILITY_FACTOR: Final = 6
"""AWS's recommendation: Lambda can retry a throttled batch before SQS delivers its messages again."""

_MAX_VISIBILITY_SECONDS: Final = 43_200
_LARGEST_BATCH: Final = 10_000
_LARGEST_BATCH_AT_ONCE: Final = 10
"""Messages in one response of SQS. Larger batches need a batching window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Function that processes the messages of a queue.

    Attributes:
        function: The function.
        alias: Alias that Lambda invokes.
        role: The function's role.
        timeout_seconds: The function's timeout, in seconds.
        reserved_concurrency: The function's reserved concurrency; None if it has none.
    """

    function: Construct
    alias: LambdaAlias
    role: Role
    timeout_seconds: int
    reserved_concurrency: int | None


class Queue(EncryptedQueue):
    """SQS queue (`aws_sqs_queue`) with its own dead-letter queue. Encrypted; rejects requests without TLS.

    A message that is received and not deleted is delivered again after its visibility timeout, and goes to
    the dead-letter queue after `max_receive_count` deliveries. Messages can be delivered more than once, so
    consumers must be idempotent. `Function.consume` adds a consumer.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Name in AWS without `.fifo`. The dead-letter queue has the same name with `-failed`. Default:
            the stack's prefix and the path below the stack.
        fifo: Whether messages of a group are delivered in order, and duplicates within five minutes once.
            Default: False.
        max_receive_count: Deliveries of a message before it goes to the dead-letter queue, 1-1000. With fewer
            than 5, throttling can use them up. Default: 5.
        visibility_timeout_seconds: Seconds for which a received message is hidden, at least six times the
            consumer's timeout. Default: six times that timeout plus the batching window; 30 without a
            consumer.
        retention_days: Retention of messages in days, 1-14. Default: 4.
        dead_letter_retention_days: Retention in the dead-letter queue in days, 1-14, counted from when the
            message was sent. Default: 14.
        encryption_key: Key for both queues. Default: the stack's, or else SQS's own.
        topic: Topic to notify of messages in the dead-letter queue. Default: none.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> orders = Queue(stack, "orders", max_receive_count=3)
        >>> mapping = function.consume(orders, batch_size=5)
        >>> orders.name, orders.dead_letters.name, orders.visibility_timeout_seconds
        ('shop-orders', 'shop-orders-failed', 60)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str | None = None,
        fifo: bool = False,
        max_receive_count: int = 5,
        visibility_timeout_seconds: int | None = None,
        retention_days: int = 4,
        dead_letter_retention_days: int = 14,
        encryption_key: EncryptionKey | None = None,
        topic: AlarmTopic | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        title = queue_name(scope, where, name, fifo=fifo)
        base = title.partition(".")[0]
        queue_name(scope, where, f"{base}-failed", fifo=fifo)
        check_range(where, "max_receive_count", max_receive_count, 1, 1_000)
        check_range(where, "retention_days", retention_days, 1, 14)
        check_range(where, "dead_letter_retention_days", dead_letter_retention_days, 1, 14)
        if visibility_timeout_seconds is not None:
            check_range(
                where, "visibility_timeout_seconds", visibility_timeout_seconds, 0, _MAX_VISIBILITY_SECONDS
            )
        if dead_letter_retention_days < retention_days:
            raise ConflictError(
                where,
                f"dead_letter_retention_days is {dead_letter_retention_days} and retention_days {retention_days}: a message would expire as soon as it is moved, because its age counts from when it was sent",
                f"use {retention_days} to 14",
            )
        if topic is not None:
            check_same_stack(where, scope, topic)
        super().__init__(
            scope,
            construct_id,
            name=title,
            fifo=fifo,
            retention_days=retention_days,
            encryption_key=encryption_key,
            visibility_timeout_seconds=visibility_timeout_seconds,
        )
        self._visibility_seconds = visibility_timeout_seconds
        self._consumer: Construct | None = None
        self._dead_letters = DeadLetterQueue(
            self,
            "dead-letters",
            name=f"{base}-failed",
            retention_days=dead_letter_retention_days,
            encryption_key=self._key,
            fifo=fifo,
            source_names=[title],
        )
        redrive = {
            "deadLetterTargetArn": attribute(self._dead_letters.resource, "arn"),
            "maxReceiveCount": max_receive_count,
        }
        self._resource.redrive_policy = json.dumps(redrive)
        if topic is not None:
            self._dead_letters.alarm(topic)

    @property
    def dead_letters(self) -> DeadLetterQueue:
        """Queue for messages that were delivered too often."""
        return self._dead_letters

    @property
    def visibility_timeout_seconds(self) -> int:
        """Seconds for which a received message is hidden."""
        return 30 if self._visibility_seconds is None else self._visibility_seconds

    def _feed(
        self,
        consumer: Consumer,
        *,
        batch_size: int = 10,
        max_batching_window_seconds: int = 0,
        max_concurrency: int | None = None,
    ) -> LambdaEventSourceMapping:
        """Add the consumer; see `Function.consume`."""
        from cdktf_cdktf_provider_aws.lambda_event_source_mapping import (
            LambdaEventSourceMapping,
            LambdaEventSourceMappingScalingConfig,
        )

        where = path_of(self)
        self._check(where, consumer, batch_size, max_batching_window_seconds, max_concurrency)
        self._consumer = consumer.function
        if self._visibility_seconds is None:
            self._visibility_seconds = _needed_visibility(consumer, max_batching_window_seconds)
            self._resource.visibility_timeout_seconds = self._visibility_seconds
        may_take = consumer.role.add_policy(
            f"consume-{self._name}",
            PolicyStatement(
                actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                resources=[attribute(self._resource, "arn")],
            ),
            # The function does not need to wait for the queue, which takes long to create.
            awaited=False,
        )
        if self._key is not None:
            self._key.grant_decrypt(consumer.role)
        mapping = self._create(
            LambdaEventSourceMapping,
            "consumer",
            event_source_arn=attribute(self._resource, "arn"),
            function_name=attribute(consumer.alias, "arn"),
            function_response_types=["ReportBatchItemFailures"],
            batch_size=batch_size,
            maximum_batching_window_in_seconds=max_batching_window_seconds or None,
            scaling_config=None
            if max_concurrency is None
            else LambdaEventSourceMappingScalingConfig(maximum_concurrency=max_concurrency),
            lifecycle={"replace_triggered_by": [f"{address(consumer.alias)}.id"]},
        )
        consumer.role.used_by(mapping, first=True)
        wait_for(mapping, may_take)
        return mapping

    def _check(
        self,
        where: str,
        consumer: Consumer,
        batch_size: int,
        window_seconds: int,
        max_concurrency: int | None,
    ) -> None:
        check_same_stack(where, self, consumer.function)
        check_range(where, "batch_size", batch_size, 1, _LARGEST_BATCH)
        check_range(where, "max_batching_window_seconds", window_seconds, 0, 300)
        if max_concurrency is not None:
            check_range(where, "max_concurrency", max_concurrency, 2, 1_000)
        if self._consumer is not None:
            raise ConflictError(
                where,
                f"is consumed by {path_of(self._consumer)}, and each message would reach only one of the two",
                "create a queue for each",
            )
        if self._fifo and (window_seconds or batch_size > _LARGEST_BATCH_AT_ONCE):
            raise ConflictError(
                where,
                "is a FIFO queue, which does not support batching windows",
                f"leave max_batching_window_seconds out, and use a batch_size of 1 to {_LARGEST_BATCH_AT_ONCE}",
            )
        if batch_size > _LARGEST_BATCH_AT_ONCE and not window_seconds:
            raise ConflictError(
                where,
                f"batch_size is {batch_size}, and without max_batching_window_seconds Lambda takes "
                f"{_LARGEST_BATCH_AT_ONCE} at most",
                "pass max_batching_window_seconds=1 to 300",
            )
        reserved = consumer.reserved_concurrency
        if reserved is not None and reserved < (max_concurrency or reserved + 1):
            raise ConflictError(
                where,
                f"{path_of(consumer.function)} has a reserved_concurrency of {reserved} and takes "
                f"{'any number of' if max_concurrency is None else max_concurrency} batches at once: throttled messages count as delivered and go to the dead-letter queue",
                f"pass max_concurrency=2 to {reserved}" if reserved > 1 else "reserve 2 or more",
            )
        needed = _needed_visibility(consumer, window_seconds)
        if self._visibility_seconds is not None and self._visibility_seconds < needed:
            raise LimitExceededError(
                where,
                f"visibility_timeout_seconds is {self._visibility_seconds}, and {path_of(consumer.function)} may process a message for {consumer.timeout_seconds} s, and again if it is throttled",
                f"leave it out, or use {needed} or more: six times the function's timeout plus the batching window",
            )


def _needed_visibility(consumer: Consumer, window_seconds: int) -> int:
    return _VISIBILITY_FACTOR * consumer.timeout_seconds + window_seconds
