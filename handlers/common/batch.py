"""Messages of a queue, handled one by one: what cannot be handled comes again by itself, and nothing else does.

Lambda gives a function a batch of SQS messages, and deletes those that the function does not name as failed
(`ReportBatchItemFailures`). Lambda treats an exception, or a response that it cannot read, as a failure of
all messages, so this module alone creates the response. A message can be delivered more than once; handlers
must be idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict, TypeVar

from pydantic import BaseModel

from handlers.common.deadline import Deadline
from handlers.common.errors import InvalidRequest
from handlers.common.logs import InvocationLog
from handlers.common.strict_json import read_json_object
from handlers.common.validation import validated

M = TypeVar("M", bound=BaseModel)

_FIFO = ".fifo"


class Failure(TypedDict):
    """A message that comes again."""

    itemIdentifier: str


class BatchAnswer(TypedDict):
    """Response for Lambda: the messages of the batch that failed."""

    batchItemFailures: list[Failure]


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """One message.

    Attributes:
        message_id: SQS's id of it, the same each time that it comes.
        body: What was sent.
        receive_count: How often it has come, this time included.
        group_id: Its message group; None where the sender named none.
        attributes: The message attributes that are text or numbers.
    """

    message_id: str
    body: str
    receive_count: int = 1
    group_id: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def read(self, model: type[M]) -> M:
        """Read the body, a JSON object, as a model.

        Raises:
            ServiceError: It is not what the model asks for; the message says why, without any part of the body.
        """
        return validated(model, read_json_object(self.body.encode("utf-8", "surrogatepass")))


class QueueConsumer:
    """The messages of a queue behind one Lambda handler.

    Of a queue that keeps the order (`.fifo`), what follows a message that failed in the same group is not handled, and comes again
    after it. When the time is nearly over, the rest of a batch comes again too; the first message is always tried.

    Args:
        name: The function's name in logs.
        handle: Processes one message. If it raises an exception, the message is delivered again.

    Example:
        >>> def ship(message: QueueMessage) -> None: ...
        >>> handler = QueueConsumer("shipping", ship).handler
    """

    def __init__(self, name: str, handle: Callable[[QueueMessage], object]) -> None:
        self._handle = handle
        self._log = InvocationLog(name)

    def handler(self, event: object, context: object) -> BatchAnswer:
        """The Lambda entry point.

        Args:
            event: The batch.
            context: Lambda's context.

        Returns:
            The messages that were not handled, each once, in the order they came.

        Raises:
            InvalidRequest: The event is not a batch of SQS; nothing was handled.
        """
        line = self._log.begin(str(getattr(context, "aws_request_id", "local")))
        line.operation = "batch"
        records = _records(event)
        deadline = Deadline.of_context(context)
        failed: dict[str, Failure] = {}
        handled: set[str] = set()
        stopped: set[str] = set()
        for identifier, record in records:
            if identifier in handled or identifier in failed:
                continue
            group = _ordered_group(record)
            late = bool(handled or failed) and deadline.seconds_left() <= 0
            if late or group in stopped:
                failed[identifier] = {"itemIdentifier": identifier}
            else:
                try:
                    self._handle(_message(identifier, record))
                except Exception as error:  # noqa: BLE001 - the other messages are still processed
                    failed[identifier] = {"itemIdentifier": identifier}
                    line.message_failure(identifier, _receive_count(record), error)
                else:
                    handled.add(identifier)
            if group is not None and identifier in failed:
                stopped.add(group)
        line.batch(handled=len(handled), failed=len(failed))
        return {"batchItemFailures": list(failed.values())}


def _records(event: object) -> list[tuple[str, Mapping[str, object]]]:
    records = event.get("Records") if isinstance(event, Mapping) else None
    found: list[tuple[str, Mapping[str, object]]] = []
    for record in records if isinstance(records, list) else [None]:
        identifier = record.get("messageId") if isinstance(record, Mapping) else None
        if not isinstance(record, Mapping) or not isinstance(identifier, str) or not identifier:
            raise InvalidRequest("The event is not a batch of messages. Send it by way of an SQS queue.")
        found.append((identifier, record))
    return found


def _message(identifier: str, record: Mapping[str, object]) -> QueueMessage:
    body = record.get("body")
    if not isinstance(body, str):
        raise InvalidRequest("The message has no body. Send text.")
    given = record.get("messageAttributes")
    attributes = given if isinstance(given, Mapping) else {}
    return QueueMessage(
        message_id=identifier,
        body=body,
        receive_count=_receive_count(record),
        group_id=_attribute(record, "MessageGroupId"),
        attributes={
            str(name): value["stringValue"]
            for name, value in attributes.items()
            if isinstance(value, Mapping) and isinstance(value.get("stringValue"), str)
        },
    )


def _ordered_group(record: Mapping[str, object]) -> str | None:
    """The group whose order counts; standard queues know groups too, and no order."""
    if not str(record.get("eventSourceARN")).endswith(_FIFO):
        return None
    return _attribute(record, "MessageGroupId") or ""


def _receive_count(record: Mapping[str, object]) -> int:
    count = _attribute(record, "ApproximateReceiveCount") or ""
    return int(count) if count.isascii() and count.isdigit() else 1


def _attribute(record: Mapping[str, object], name: str) -> str | None:
    attributes = record.get("attributes")
    value = attributes.get(name) if isinstance(attributes, Mapping) else None
    return value if isinstance(value, str) else None
