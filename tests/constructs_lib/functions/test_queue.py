"""Queue and Function.consume: what a message meets on its way, who may do what, and what AWS would refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from constructs_lib import (
    AlarmTopic,
    AwsStack,
    ConflictError,
    ConstructError,
    DeadLetterQueue,
    EncryptionKey,
    Function,
    InvalidArgumentError,
    LimitExceededError,
    Queue,
)
from tests.support.synthesis import Configuration, FakeArchive, children, refused, statements


def queues(configuration: Configuration) -> tuple[dict[str, Any], dict[str, Any]]:
    """The queue and its dead-letter queue."""
    by_name = {body["name"]: body for body in configuration.all("sqs_queue").values()}
    assert set(by_name) in ({"shop-orders", "shop-orders-failed"}, {"orders.fifo", "orders-failed.fifo"})
    failed = next(name for name in by_name if "-failed" in name)
    return by_name.pop(failed), by_name.popitem()[1]


def test_a_message_that_fails_too_often_goes_to_a_queue_of_its_own(stack: AwsStack) -> None:
    Queue(stack, "orders")
    configuration = Configuration(stack)
    failed, queue = queues(configuration)
    redrive = json.loads(queue["redrive_policy"])
    (address,) = [name for name in configuration.all("sqs_queue") if "dead-letters" in name]
    assert redrive == {"deadLetterTargetArn": f"${{{address}.arn}}", "maxReceiveCount": 5}
    allowed = json.loads(failed["redrive_allow_policy"])
    assert allowed["redrivePermission"] == "byQueue"
    (source,) = allowed["sourceQueueArns"]
    assert source.endswith(":shop-orders")
    for resource in (queue, failed):
        assert resource["sqs_managed_sse_enabled"] is True
        assert statements(resource["policy"])[0]["Resource"].endswith(f":{resource['name']}")
        assert not {"fifo_queue", "visibility_timeout_seconds"} & resource.keys()
    assert (queue["message_retention_seconds"], failed["message_retention_seconds"]) == (345_600, 1_209_600)
    assert not {one for one in configuration.types() if one.startswith("sqs_queue_")}


def test_a_queue_that_keeps_the_order(stack: AwsStack) -> None:
    queue = Queue(stack, "orders", name="orders", fifo=True)
    assert (queue.name, queue.dead_letters.name) == ("orders.fifo", "orders-failed.fifo")
    for resource in queues(Configuration(stack)):
        assert (resource["fifo_queue"], resource["content_based_deduplication"]) == (True, True)


def test_the_function_takes_batches_and_may_do_nothing_else(stack: AwsStack, archive: FakeArchive) -> None:
    queue = Queue(stack, "orders", encryption_key=EncryptionKey(stack, "key"))
    worker = Function(stack, "worker", archive=archive, timeout_seconds=20)
    worker.consume(queue, batch_size=50, max_batching_window_seconds=3, max_concurrency=4)
    assert queue.visibility_timeout_seconds == 123
    configuration = Configuration(stack)
    _, main_queue = queues(configuration)
    assert main_queue["visibility_timeout_seconds"] == 123
    policies = {
        body["name"]: (address, statements(body["policy"]))
        for address, body in configuration.all("iam_role_policy").items()
    }
    may_take, (permission) = policies["consume-shop-orders"]
    (source,) = [name for name in configuration.all("sqs_queue") if "dead-letters" not in name]
    assert permission == [
        {
            "Effect": "Allow",
            "Action": ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            "Resource": [f"${{{source}.arn}}"],
        }
    ]
    may_decrypt, decrypting = policies["decrypt-shop-key"]
    assert decrypting[0]["Action"] == ["kms:Decrypt"]
    mapping = configuration.only("lambda_event_source_mapping")
    assert {may_take, may_decrypt} <= set(mapping.pop("depends_on"))
    alias = configuration.address("lambda_alias")
    assert mapping == {
        "batch_size": 50,
        "event_source_arn": f"${{{source}.arn}}",
        "function_name": f"${{{alias}.arn}}",
        "function_response_types": ["ReportBatchItemFailures"],
        "lifecycle": {"replace_triggered_by": [f"{alias}.id"]},
        "maximum_batching_window_in_seconds": 3,
        "scaling_config": {"maximum_concurrency": 4},
    }
    assert may_take not in configuration.only("lambda_function")["depends_on"]


def test_somebody_is_told_of_a_dead_letter(stack: AwsStack) -> None:
    topic = AlarmTopic(stack, "topic", encryption_key=EncryptionKey(stack, "key"))
    queue = Queue(stack, "orders", topic=topic)
    configuration = Configuration(stack)
    alarm = configuration.only("cloudwatch_metric_alarm")
    assert alarm["dimensions"] == {"QueueName": "shop-orders-failed"}
    assert alarm["alarm_actions"] == [f"${{{configuration.address('sns_topic')}.arn}}"]
    assert refused(lambda: queue.dead_letters.alarm(topic)) == (
        ConflictError,
        "shop/orders/dead-letters: has an alarm already; call alarm once",
    )


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            {"max_receive_count": 0},
            LimitExceededError,
            "shop/other: max_receive_count is 0; use 1 to 1000",
        ),
        (
            {"name": "x" * 74},
            InvalidArgumentError,
            f"shop/other: name '{'x' * 74}-failed' is not valid; use 1 to 80 letters, digits, '-' and '_'",
        ),
        (
            {"name": "other.fifo", "fifo": True},
            InvalidArgumentError,
            "shop/other: name 'other.fifo' is not valid; use 1 to 75 letters, digits, '-' and '_'",
        ),
        (
            {"retention_days": 7, "dead_letter_retention_days": 3},
            ConflictError,
            (
                "shop/other: dead_letter_retention_days is 3 and retention_days 7: a message would expire as soon as it is moved, because its age counts from when it was sent; use 7 to 14"
            ),
        ),
        (
            {"visibility_timeout_seconds": 43_201},
            LimitExceededError,
            "shop/other: visibility_timeout_seconds is 43201; use 0 to 43200",
        ),
    ],
)
def test_queues_that_are_refused(
    stack: AwsStack, options: dict[str, Any], kind: type[ConstructError], message: str
) -> None:
    before = children(stack)
    assert refused(lambda: Queue(stack, "other", **options)) == (kind, message)
    assert children(stack) == before


@pytest.mark.parametrize(
    ("queue", "function", "consumer", "kind", "message"),
    [
        ({}, {}, {"batch_size": 0}, LimitExceededError, "shop/orders: batch_size is 0; use 1 to 10000"),
        (
            {},
            {},
            {"batch_size": 11},
            ConflictError,
            (
                "shop/orders: batch_size is 11, and without max_batching_window_seconds Lambda takes 10 at most; pass "
                "max_batching_window_seconds=1 to 300"
            ),
        ),
        (
            {"fifo": True},
            {},
            {"max_batching_window_seconds": 1},
            ConflictError,
            (
                "shop/orders: is a FIFO queue, which does not support batching windows; leave "
                "max_batching_window_seconds out, and use a batch_size of 1 to 10"
            ),
        ),
        (
            {},
            {},
            {"max_concurrency": 1},
            LimitExceededError,
            "shop/orders: max_concurrency is 1; use 2 to 1000",
        ),
        (
            {},
            {"reserved_concurrency": 5},
            {"max_concurrency": 6},
            ConflictError,
            (
                "shop/orders: shop/worker has a reserved_concurrency of 5 and takes 6 batches at once: throttled messages count as delivered and go to the dead-letter queue; pass max_concurrency=2 to 5"
            ),
        ),
        (
            {},
            {"reserved_concurrency": 1},
            {},
            ConflictError,
            (
                "shop/orders: shop/worker has a reserved_concurrency of 1 and takes any number of batches at once: throttled messages count as delivered and go to the dead-letter queue; reserve 2 or more"
            ),
        ),
        (
            {"visibility_timeout_seconds": 59},
            {},
            {},
            LimitExceededError,
            (
                "shop/orders: visibility_timeout_seconds is 59, and shop/worker may process a message for 10 s, and "
                "again if it is throttled; leave it out, or use 60 or more: six times the function's timeout plus the batching window"
            ),
        ),
    ],
)
def test_consumers_that_are_refused(
    stack: AwsStack,
    archive: FakeArchive,
    queue: dict[str, Any],
    function: dict[str, Any],
    consumer: dict[str, Any],
    kind: type[ConstructError],
    message: str,
) -> None:
    orders = Queue(stack, "orders", **queue)
    worker = Function(stack, "worker", archive=archive, **function)
    before = children(stack)
    assert refused(lambda: worker.consume(orders, **consumer)) == (kind, message)
    assert children(stack) == before


def test_a_queue_has_one_consumer(stack: AwsStack, archive: FakeArchive) -> None:
    orders = Queue(stack, "orders")
    Function(stack, "worker", archive=archive).consume(orders)
    other = Function(stack, "other", archive=archive)
    assert refused(lambda: other.consume(orders)) == (
        ConflictError,
        "shop/orders: is consumed by shop/worker, and each message would reach only one of the two; create a queue for each",
    )


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda stack: DeadLetterQueue(stack, "failed", source_names="orders"),
            InvalidArgumentError,
            "shop/failed: source_names 'orders' is not a list of strings; pass ['orders']",
        ),
        (
            lambda stack: DeadLetterQueue(stack, "failed", source_names=list("abcdefghijk")),
            LimitExceededError,
            "shop/failed: has 11 source_names; use 1 to 10, or leave them out",
        ),
    ],
)
def test_dead_letter_queues_that_are_refused(
    stack: AwsStack, make: Callable[[AwsStack], object], kind: type[ConstructError], message: str
) -> None:
    assert refused(lambda: make(stack)) == (kind, message)
