"""SQS under many threads: each message is delivered once until it is visible again, and none is lost."""

from __future__ import annotations

import functools
import json
from collections import Counter
from typing import Any

import pytest

from tests.support.cloud_in_thread import CloudInThread
from tests.support.threads import THREADS, at_once

MESSAGES = 30
_names = iter(range(10_000))


@pytest.fixture
def sqs(cloud: CloudInThread) -> Any:
    return cloud.client("sqs")


def queue(sqs: Any, *, fifo: bool = False, **attributes: str) -> str:
    name = f"isolation-{next(_names)}"
    if fifo:
        name, attributes = f"{name}.fifo", {"FifoQueue": "true", **attributes}
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def send(sqs: Any, url: str, number: int, **options: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody=str(number), **options)


def send_all(sqs: Any, url: str) -> None:
    for first in range(0, MESSAGES, 10):
        entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(first, first + 10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)


def receive(sqs: Any, url: str, **options: Any) -> list[dict[str, Any]]:
    return list(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3, **options).get("Messages", []))


def count(sqs: Any, url: str, name: str = "ApproximateNumberOfMessages") -> int:
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def test_a_message_is_received_once(sqs: Any) -> None:
    url = queue(sqs)
    send_all(sqs, url)
    batches = at_once([functools.partial(receive, sqs, url)] * (MESSAGES // 3 + 20))
    bodies = Counter(message["Body"] for batch in batches for message in batch)
    assert bodies == Counter(str(number) for number in range(MESSAGES))


def test_what_is_sent_while_others_receive_and_delete_arrives(sqs: Any) -> None:
    url = queue(sqs)

    def take() -> list[str]:
        messages = receive(sqs, url)
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in messages]

    sends = [functools.partial(send, sqs, url, number) for number in range(MESSAGES)]
    works: list[Any] = [work for pair in zip(sends, [take] * MESSAGES, strict=True) for work in pair]
    taken = [body for bodies in at_once(works) if bodies for body in bodies]
    while bodies := take():
        taken += bodies
    assert Counter(taken) == Counter(str(number) for number in range(MESSAGES))
    assert count(sqs, url, "ApproximateNumberOfMessagesNotVisible") == 0


def test_a_message_goes_to_the_dead_letter_queue_once(sqs: Any) -> None:
    dead = queue(sqs)
    attributes = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"deadLetterTargetArn": attributes["QueueArn"], "maxReceiveCount": 1}
    url = queue(sqs, RedrivePolicy=json.dumps(policy), VisibilityTimeout="0")
    send_all(sqs, url)
    at_once([functools.partial(receive, sqs, url)] * (2 * MESSAGES))
    assert count(sqs, url) == 0
    assert count(sqs, dead) == MESSAGES


def test_a_deduplication_id_is_accepted_once(sqs: Any) -> None:
    url = queue(sqs, fifo=True)
    options = {"MessageGroupId": "group", "MessageDeduplicationId": "same"}
    at_once([functools.partial(send, sqs, url, number, **options) for number in range(THREADS)])
    assert count(sqs, url) == 1


def test_a_group_is_received_in_order_by_one_at_a_time(sqs: Any) -> None:
    url = queue(sqs, fifo=True)
    groups = ("a", "b", "c")
    for number in range(MESSAGES):
        group = groups[number % 3]
        send(sqs, url, number, MessageGroupId=group, MessageDeduplicationId=str(number))
    received: dict[str, list[int]] = {group: [] for group in groups}

    def take() -> None:
        messages = receive(sqs, url, MessageSystemAttributeNames=["MessageGroupId"])
        for message in messages:  # no other thread has messages of these groups
            received[message["Attributes"]["MessageGroupId"]].append(int(message["Body"]))
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    at_once([take] * 3 * THREADS)
    while count(sqs, url):
        take()
    assert received == {group: list(range(place, MESSAGES, 3)) for place, group in enumerate(groups)}


def test_a_receiver_that_waits_gets_what_is_sent(sqs: Any) -> None:
    url = queue(sqs)
    waiting = [functools.partial(receive, sqs, url, WaitTimeSeconds=20)] * 20
    sends = [functools.partial(send, sqs, url, number) for number in range(60)]
    works: list[Any] = [*waiting, *sends]
    batches = [batch for batch in at_once(works) if batch]
    bodies = [message["Body"] for batch in batches for message in batch]
    assert len(batches) == 20
    assert len(set(bodies)) == len(bodies)
