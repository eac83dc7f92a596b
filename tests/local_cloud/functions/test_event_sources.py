"""Functions that take messages from queues: what they are given, and what becomes of what they cannot handle."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto.sqs.models import sqs_backends

from local_cloud import moto_gaps
from local_cloud.functions.queue_events import events_of, failed_ids
from tests.support.function_cloud import ACCOUNT, REGION, Cloud
from tests.support.waiting import eventually

CODE = """
import json, os, pathlib, time


def handler(event, context):
    failed = []
    bodies = [record["body"] for record in event["Records"]]
    mark = pathlib.Path(os.environ["MARKS"]) / f"{context.aws_request_id}.json"
    mark.write_text(json.dumps({"event": event, "arn": context.invoked_function_arn, "at": time.time()}))
    if "break" in bodies:
        raise ValueError("no luck")
    if "slow" in bodies:
        while not pathlib.Path(os.environ["GO"]).exists():
            time.sleep(0.01)
    for record in event["Records"]:
        if record["body"].startswith("bad"):
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
"""


class Queues:
    """A cloud with a function that takes messages from a queue."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.sqs = sqs_backends[ACCOUNT][REGION]
        self.marks = cloud.directory / "marks"
        self.marks.mkdir(parents=True)
        self.go = cloud.directory / "go"
        environment = {"MARKS": str(self.marks), "GO": str(self.go)}
        cloud.deploy(CODE, timeout=30, environment=environment, publish=True)
        cloud.backend.create_alias("live", "demo", "1", "", None)
        self.dead = self.sqs.create_queue("dead")
        self.queue = self.make("work")

    def make(self, name: str, **attributes: Any) -> Any:
        redrive = json.dumps({"deadLetterTargetArn": self.dead.queue_arn, "maxReceiveCount": 2})
        defaults: dict[str, Any] = {"VisibilityTimeout": 60}
        if not name.endswith(".fifo"):
            defaults["RedrivePolicy"] = redrive
        return self.sqs.create_queue(name, **(defaults | attributes))

    def consume(self, queue: Any = None, **settings: Any) -> Any:
        return self.cloud.backend.create_event_source_mapping(
            {
                "EventSourceArn": (queue or self.queue).queue_arn,
                "FunctionName": "demo:live",
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                **settings,
            }
        )

    def send(self, *bodies: str, queue: str = "work", **options: Any) -> list[str]:
        return [self.sqs.send_message(queue, body, **options).id for body in bodies]

    def calls(self) -> list[Any]:
        """The calls of the function, in the order they began."""
        read = [json.loads(text) for mark in self.marks.iterdir() if (text := mark.read_text())]
        return sorted(read, key=lambda call: float(call["at"]))

    def batches(self) -> list[list[str]]:
        return [[record["body"] for record in call["event"]["Records"]] for call in self.calls()]

    def expire(self, *, calls: int) -> None:
        """End the visibility timeout of every message, after the function has ended so many calls."""
        consumers = self.cloud.executor.event_sources._consumers

        def is_handled() -> bool:
            return len(self.calls()) == calls and not any(one.batches for one in consumers.values())

        assert eventually(is_handled)
        for message in self.queue._messages:
            message.visible_at = 0.0

    def left(self) -> list[str]:
        return [message.body for message in self.queue._messages]

    def lost(self) -> list[str]:
        return [message.body for message in self.dead._messages]


@pytest.fixture
def queues(make_cloud: Callable[..., Cloud]) -> Iterator[Queues]:
    moto_gaps.apply()
    queues = Queues(make_cloud())
    yield queues
    queues.cloud.backend._event_source_mappings.clear()


def test_messages_are_handled_in_batches_and_deleted(queues: Queues) -> None:
    queues.send("a", message_attributes={"kind": {"DataType": "String", "StringValue": "x"}})
    queues.send("b", "c")
    queues.consume()
    assert eventually(lambda: queues.left() == [])
    ((call),) = queues.calls()
    assert queues.batches() == [["a", "b", "c"]]
    assert call["arn"].endswith(":function:demo:live")
    record = call["event"]["Records"][0]
    assert record["messageAttributes"]["kind"]["stringValue"] == "x"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["eventSourceARN"] == queues.queue.queue_arn
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", REGION)
    queues.send("d")
    assert eventually(lambda: len(queues.calls()) == 2)
    assert eventually(lambda: queues.left() == [])


def test_the_sender_does_not_wait_for_the_function(queues: Queues) -> None:
    queues.consume()
    queues.send("slow")
    assert queues.left() == ["slow"]
    queues.go.touch()
    assert eventually(lambda: queues.left() == [])


def test_only_what_failed_comes_again_until_it_is_poison(
    queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    queues.send("good", "bad")
    with caplog.at_level(logging.WARNING, logger="local_cloud.functions"):
        queues.consume()
        queues.expire(calls=1)
        queues.expire(calls=2)
        assert eventually(lambda: queues.lost() == ["bad"])
    assert queues.batches() == [["good", "bad"], ["bad"]]
    assert queues.left() == []
    assert queues.calls()[1]["event"]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"
    assert [entry.getMessage() for entry in caplog.records] == [
        (
            f"1 of {count} messages of queue work were not handled by demo:live, and come again: it said so, or its answer "
            "is not a list of batchItemFailures"
        )
        for count in (2, 1)
    ]


def test_a_function_that_fails_gets_the_whole_batch_again(queues: Queues) -> None:
    queues.send("break", "good")
    queues.consume()
    queues.expire(calls=1)
    queues.expire(calls=2)
    assert eventually(lambda: sorted(queues.lost()) == ["break", "good"])
    assert [sorted(batch) for batch in queues.batches()] == [["break", "good"]] * 2


def test_without_the_report_the_answer_does_not_matter(queues: Queues) -> None:
    queues.send("bad")
    queues.consume(FunctionResponseTypes=[])
    assert eventually(lambda: queues.left() == [])
    assert queues.lost() == []


def test_the_same_text_twice_is_two_messages(queues: Queues) -> None:
    first, second = queues.send("same", "same")
    queues.consume()
    assert eventually(lambda: queues.left() == [])
    handled = [record["messageId"] for call in queues.calls() for record in call["event"]["Records"]]
    assert sorted(handled) == sorted([first, second])


def test_a_throttled_function_gets_its_messages_later(queues: Queues) -> None:
    queues.cloud.backend.put_function_concurrency("demo", 0)
    queues.consume()
    queues.send("a")
    assert eventually(lambda: not queues.queue.messages)
    assert queues.calls() == []
    queues.cloud.backend.delete_function_concurrency("demo")
    assert eventually(lambda: queues.left() == [])
    assert queues.calls()[0]["event"]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"


def test_what_is_throttled_for_too_long_is_lost_to_the_dead_letter_queue(queues: Queues) -> None:
    queues.queue.visibility_timeout = 1
    queues.cloud.backend.update_function_configuration("demo", None, {"Timeout": 1})
    queues.cloud.backend.put_function_concurrency("demo", 0)
    queues.consume(FunctionName="demo")
    queues.send("a")
    assert eventually(lambda: queues.lost() == ["a"])
    assert queues.calls() == []


def test_a_mapping_that_is_switched_off_leaves_the_messages_there(queues: Queues) -> None:
    mapping = queues.consume(Enabled=False)
    queues.send("a")
    time.sleep(0.6)
    assert (queues.left(), queues.calls()) == (["a"], [])
    queues.cloud.backend.update_event_source_mapping(mapping.uuid, {"Enabled": True})
    assert eventually(lambda: queues.left() == [])


def test_a_deleted_mapping_takes_nothing(queues: Queues) -> None:
    mapping = queues.consume()
    queues.send("a")
    assert eventually(lambda: queues.left() == [])
    queues.cloud.backend.delete_event_source_mapping(mapping.uuid)
    assert eventually(lambda: queues.cloud.executor.event_sources._task is None)
    queues.send("b")
    time.sleep(0.4)
    assert (queues.left(), queues.batches()) == (["b"], [["a"]])


def test_a_batch_is_gathered_for_as_long_as_the_mapping_says(queues: Queues) -> None:
    queues.consume(BatchSize=3, MaximumBatchingWindowInSeconds=1)
    for body in "abcd":
        queues.send(body)
    assert eventually(lambda: queues.left() == [])
    assert queues.batches() == [["a", "b", "c"], ["d"]]


def test_no_more_batches_at_once_than_the_mapping_allows(queues: Queues) -> None:
    queues.send(*["slow"] * 4)
    queues.consume(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2}, FunctionName="demo")
    assert eventually(lambda: len(queues.calls()) >= 2)
    (consumer,) = queues.cloud.executor.event_sources._consumers.values()
    assert len(consumer.batches) == 2
    queues.go.touch()
    assert eventually(lambda: queues.left() == [])
    assert queues.batches() == [["slow"]] * 4


def test_the_messages_of_a_group_keep_their_order(queues: Queues) -> None:
    fifo = queues.make(
        "ordered.fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout=60
    )
    queues.consume(fifo, BatchSize=1)
    for body in "abcdef":
        queues.send(body, queue="ordered.fifo", group_id="one")
    assert eventually(lambda: fifo._messages == [])
    assert [batch for (batch,) in queues.batches()] == list("abcdef")


def test_several_queues_are_served_side_by_side(queues: Queues) -> None:
    other = queues.make("other")
    queues.consume()
    queues.consume(other)
    queues.send("a")
    queues.send("b", queue="other")
    assert eventually(lambda: queues.left() == [] and other._messages == [])
    assert sorted(queues.batches()) == [["a"], ["b"]]


def test_a_cloud_without_mappings_looks_into_no_queue(queues: Queues) -> None:
    queues.send("a")
    time.sleep(0.1)
    assert queues.cloud.executor.event_sources._task is None


def test_batches_end_with_the_cloud(queues: Queues) -> None:
    queues.consume()
    queues.send("slow")
    assert eventually(lambda: len(queues.calls()) == 1)
    queues.cloud.run(queues.cloud.executor.close())
    assert queues.cloud.executor.event_sources._task is None
    assert queues.left() == ["slow"]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (b"null", set()),
        (b"{}", set()),
        (b'""', set()),
        (b'{"batchItemFailures": null}', set()),
        (b'{"batchItemFailures": []}', set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "b"}]}', {"b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "b"}]}', {"b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": ["a"]}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"id": "b"}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "z"}]}', {"a", "b"}),
        (b'{"batchItemFailures": ["b"]}', {"a", "b"}),
        (b'{"batchItemFailures": "b"}', {"a", "b"}),
        (b"[]", {"a", "b"}),
        (b"nothing", {"a", "b"}),
    ],
)
def test_an_answer_that_makes_no_sense_means_that_all_failed(answer: bytes, failed: set[str]) -> None:
    assert failed_ids(answer, {"a", "b"}) == failed


def test_what_is_too_large_for_one_event_becomes_several(queues: Queues) -> None:
    queues.send(*["x" * 3_000 for _ in range(5)])
    messages = queues.sqs.receive_message("work", 10, 0, 30)
    events = list(events_of(messages, queue_arn=queues.queue.queue_arn, largest_bytes=8_000))
    assert [len(part) for part, _ in events] == [2, 2, 1]
    for part, payload in events:
        assert len(payload) <= 8_000
        assert [one["messageId"] for one in json.loads(payload)["Records"]] == [one.id for one in part]
