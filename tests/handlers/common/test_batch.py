"""QueueConsumer: the answer names the messages of a batch that failed, and nothing of a body is in the log."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.common.batch import QueueConsumer, QueueMessage
from handlers.common.errors import BackendUnavailable, InvalidJson, InvalidRequest
from handlers.common.models import RequestModel
from tests.support.events import Context

CANARY = "qzcanary7q"


class Order(RequestModel):
    """Order of a product."""

    sku: str
    amount: int


def record(identifier: str, body: object = "text", **more: Any) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "2", "SentTimestamp": "1", **more.pop("attributes", {})}
    return {
        "messageId": identifier,
        "receiptHandle": "handle",
        "body": body,
        "attributes": attributes,
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders",
        "awsRegion": "us-east-1",
        **more,
    }


def ordered(identifier: str, body: str, group: str) -> dict[str, Any]:
    return record(
        identifier,
        body,
        eventSourceARN="arn:aws:sqs:us-east-1:123456789012:orders.fifo",
        attributes={"MessageGroupId": group},
    )


def consume(
    handle: Callable[[QueueMessage], object], *records: Any, context: object = None
) -> tuple[list[str], list[dict[str, Any]]]:
    """The ids of what was not handled, and the lines of the log."""
    with contextlib.redirect_stdout(io.StringIO()) as log:
        answer = QueueConsumer("probe", handle).handler({"Records": list(records)}, context or Context())
    assert list(answer) == ["batchItemFailures"]
    assert all(list(one) == ["itemIdentifier"] for one in answer["batchItemFailures"])
    assert CANARY not in log.getvalue()
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]], [
        json.loads(line) for line in log.getvalue().splitlines()
    ]


def refuse_bad(message: QueueMessage) -> None:
    if message.body.startswith("bad"):
        raise ValueError(f"{CANARY} {message.body}")


def test_what_is_handled_is_told_apart_from_what_is_not() -> None:
    failed, lines = consume(refuse_bad, record("1"), record("2", f"bad {CANARY}"), record("3"))
    assert failed == ["2"]
    message, batch = lines
    assert (message["message"], message["level"]) == ("message", "ERROR")
    assert (message["message_id"], message["receive_count"]) == ("2", 2)
    assert (message["error_code"], message["error_types"]) == ("internal_error", ["ValueError"])
    assert message["error_frames"][-1].endswith(" refuse_bad")
    assert (batch["message"], batch["handled"], batch["failed"]) == ("invocation", 2, 1)
    assert (batch["operation"], batch["request_id"]) == ("batch", "lambda-request-id")


def test_a_message_is_what_was_sent() -> None:
    seen: list[QueueMessage] = []
    numbers = {"stringValue": "7", "dataType": "Number"}
    given_attributes = {"count": numbers, "raw": {"binaryValue": "AA==", "dataType": "Binary"}}
    sent = record("1", "text", attributes={"MessageGroupId": "g"}, messageAttributes=given_attributes)
    assert consume(seen.append, sent)[0] == []
    assert seen == [QueueMessage("1", "text", 2, "g", {"count": "7"})]


def test_a_body_is_read_as_a_model() -> None:
    assert QueueMessage("1", '{"sku": "a", "amount": 2}').read(Order) == Order(sku="a", amount=2)
    with pytest.raises(InvalidRequest) as refused:
        QueueMessage("1", f'{{"sku": "a", "{CANARY}": 2}}').read(Order)
    assert CANARY not in str(refused.value)
    for body in ('{"sku": "a", "sku": "b", "amount": 1}', "\ud800", ""):
        with pytest.raises(InvalidJson):
            QueueMessage("1", body).read(Order)


def test_an_error_of_a_service_is_named() -> None:
    def handle(message: QueueMessage) -> None:
        raise BackendUnavailable(detail="ThrottlingException")

    failed, (line, _) = consume(handle, record("1"))
    assert failed == ["1"]
    assert (line["error_code"], line["error_detail"]) == ("backend_unavailable", "ThrottlingException")


def test_a_group_stops_where_it_fails_and_the_others_go_on() -> None:
    seen: list[str] = []

    def handle(message: QueueMessage) -> None:
        seen.append(message.message_id)
        refuse_bad(message)

    batch = [
        ordered("1", "ok", "a"), ordered("2", "bad", "a"), ordered("3", "ok", "b"), ordered("4", "ok", "a"),
        ordered("5", "ok", "b"),
    ]  # fmt: skip
    assert consume(handle, *batch)[0] == ["2", "4"]
    assert seen == ["1", "2", "3", "5"]


def test_groups_of_a_queue_without_order_do_not_stop() -> None:
    batch = [
        record(str(number), body, attributes={"MessageGroupId": "a"})
        for number, body in enumerate(["bad", "ok"])
    ]
    assert consume(refuse_bad, *batch)[0] == ["0"]


def test_what_there_is_no_time_for_comes_again() -> None:
    seen: list[str] = []
    failed, _ = consume(
        lambda message: seen.append(message.message_id),
        *map(record, "123"),
        context=Context(remaining_ms=100),
    )
    assert (seen, failed) == (["1"], ["2", "3"])


@pytest.mark.parametrize(
    "event",
    [None, {}, [], {"Records": None}, {"Records": {}}, {"Records": [None]}, {"Records": [{}]},
     {"Records": [record("1"), record("")]}, {"Records": [{"messageId": 7}]}],
)  # fmt: skip
def test_what_is_no_batch_fails_before_anything_is_handled(event: object) -> None:
    seen: list[QueueMessage] = []
    with pytest.raises(InvalidRequest) as refused:
        QueueConsumer("probe", seen.append).handler(event, Context())
    assert str(refused.value) == "The event is not a batch of messages. Send it by way of an SQS queue."
    assert seen == []


def test_an_empty_batch_is_handled() -> None:
    assert consume(refuse_bad)[0] == []


bodies = st.sampled_from(["ok", "bad", f"bad {CANARY}", None, 7, {"a": CANARY}])
groups = st.sampled_from("ab")
batches = st.lists(st.tuples(st.sampled_from("12345678"), bodies, groups), max_size=12)


@given(batches, st.booleans())
def test_each_message_is_handled_once_or_comes_again(
    batch: list[tuple[str, object, str]], fifo: bool
) -> None:
    """Duplicates, poison and any order: the answer has each failed message once, in the order they came."""
    seen: list[str] = []

    def handle(message: QueueMessage) -> None:
        seen.append(message.message_id)
        refuse_bad(message)

    arn = f"arn:aws:sqs:us-east-1:123456789012:orders{'.fifo' if fifo else ''}"
    records = [
        record(identifier, body, eventSourceARN=arn, attributes={"MessageGroupId": group})
        for identifier, body, group in batch
    ]
    failed, _ = consume(handle, *records)
    first: dict[str, tuple[object, str]] = {}
    for identifier, body, group in batch:
        first.setdefault(identifier, (body, group))
    expected: list[str] = []
    stopped: set[str] = set()
    for identifier, (body, group) in first.items():
        if body != "ok" or (fifo and group in stopped):
            expected.append(identifier)
            stopped.add(group)
    assert failed == expected
    assert len(seen) == len(set(seen))
    assert set(first) == set(failed) | set(seen)
