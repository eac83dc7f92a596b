"""Event of a batch of messages, and the failed messages in the response."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

_ROOM_FOR_THE_REST = 64
"""For the brackets and the name around the records, in bytes."""


def record_of(message: Any, *, queue_arn: str) -> dict[str, Any]:
    """Return the record of one of moto's messages, as it stands in the event."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    optional = {
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
        "SequenceNumber": message.sequence_number,
    }
    attributes |= {name: str(value) for name, value in optional.items() if value is not None}
    trace = (message.system_attributes or {}).get("AWSTraceHeader")
    if trace:
        attributes["AWSTraceHeader"] = trace["StringValue"]
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    if (text := value.get("StringValue")) is not None:
        attribute["stringValue"] = text
    if (binary := value.get("BinaryValue")) is not None:
        attribute["binaryValue"] = binary if isinstance(binary, str) else binary.decode("ascii")
    return attribute


def events_of(
    messages: Sequence[Any], *, queue_arn: str, largest_bytes: int
) -> Iterator[tuple[list[Any], bytes]]:
    """Yield the messages in the order they came, in as many events as Lambda's limit makes necessary."""
    part: list[Any] = []
    records: list[bytes] = []
    size = _ROOM_FOR_THE_REST
    for message in messages:
        record = json.dumps(record_of(message, queue_arn=queue_arn), separators=(",", ":")).encode()
        if records and size + len(record) > largest_bytes:
            yield part, _event(records)
            part, records, size = [], [], _ROOM_FOR_THE_REST
        part.append(message)
        records.append(record)
        size += len(record) + 1
    if records:
        yield part, _event(records)


def _event(records: Sequence[bytes]) -> bytes:
    return b'{"Records":[' + b",".join(records) + b"]}"


def failed_ids(answer: bytes, sent: set[str]) -> set[str]:
    """Return which messages of a batch a function could not handle; all of them where its answer makes no sense."""
    try:
        data = json.loads(answer or b"null")
    except ValueError:
        return sent
    failures = data.get("batchItemFailures") if isinstance(data, dict) else data
    if failures is None or data == "":
        return set()
    if not isinstance(data, dict) or not isinstance(failures, list):
        return sent
    ids = [one.get("itemIdentifier") if isinstance(one, dict) else None for one in failures]
    sent_ids = [one for one in ids if isinstance(one, str) and one in sent]
    return set(sent_ids) if len(sent_ids) == len(ids) else sent
