"""SQS: operations on messages that are atomic and isolated, and attributes of queues.

moto 5.2.5 sends, receives and deletes messages without a lock: a message is delivered to several receivers, moved to the
dead-letter queue twice, or lost. Here one operation on the messages of all queues runs at a time, because a queue moves
messages to another. A receiver that waits releases the lock.

moto takes `RedriveAllowPolicy` and does not show it; Terraform waits for it in vain. It removes the policy of a queue
when another attribute is set, shows SQS's own key for a queue with a key of KMS, and writes redrive policies with spaces and
in the order in which they came. AWS writes them compact and sorted.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.sqs.models import Queue, SQSBackend

_LONGEST_WAIT_SECONDS = 0.5
_lock = threading.RLock()
_OPERATIONS = (
    "change_message_visibility", "delete_message", "delete_queue", "get_queue_attributes", "purge_queue",
    "send_message", "send_message_batch",
)  # fmt: skip


def apply() -> None:
    """Run one operation at a time, and store and show every attribute."""
    create: Callable[..., None] = Queue.__init__
    receive: Callable[..., list[Any]] = SQSBackend.receive_message

    @wraps(create)
    def __init__(queue: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807 - that of moto's class
        create(queue, *arguments, **options)
        queue._messages_lock = threading.Condition(_lock)

    @wraps(receive)
    def receive_message(
        backend: Any, queue_name: str, count: int, wait_seconds: int, *arguments: Any, **options: Any
    ) -> list[Any]:
        until = time.monotonic() + wait_seconds
        with _lock:
            while True:
                received = receive(backend, queue_name, count, 0, *arguments, **options)
                left = until - time.monotonic()
                if received or left <= 0:
                    return received
                # A message that becomes visible again does not notify the condition.
                backend.get_queue(queue_name)._messages_lock.wait(min(left, _LONGEST_WAIT_SECONDS))

    Queue.__init__ = __init__
    SQSBackend.receive_message = receive_message
    for name in _OPERATIONS:
        setattr(SQSBackend, name, _exclusive(getattr(SQSBackend, name)))
    _apply_to_attributes()


def _apply_to_attributes() -> None:
    """Store every attribute that is not set, and show all of them."""
    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    Queue.redrive_allow_policy = None
    original_set = Queue._set_attributes
    original_attributes = Queue.attributes.fget

    def set_attributes(queue: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        unchanged = {"Policy": getattr(queue, "policy", None)} | attributes
        if attributes.get("KmsMasterKeyId"):
            unchanged["SqsManagedSseEnabled"] = False
        elif str(attributes.get("SqsManagedSseEnabled")).lower() == "true":
            unchanged["KmsMasterKeyId"] = None
        original_set(queue, unchanged, now)

    def attributes(queue: Any) -> dict[str, Any]:
        result: dict[str, Any] = original_attributes(queue)
        if queue.redrive_policy:
            result["RedrivePolicy"] = _compact(queue.redrive_policy)
        if queue.redrive_allow_policy:
            result["RedriveAllowPolicy"] = _compact(json.loads(queue.redrive_allow_policy))
        return {name: value for name, value in result.items() if value not in (None, "")}

    Queue._set_attributes = set_attributes
    Queue.attributes = property(attributes)


def _exclusive(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def operation(backend: Any, *arguments: Any, **options: Any) -> Any:
        with _lock:
            return original(backend, *arguments, **options)

    return operation


def _compact(policy: dict[str, Any]) -> str:
    return json.dumps(policy, sort_keys=True, separators=(",", ":"))
