"""SQS: operations on messages that are atomic and isolated, and attributes of queues.

moto 5.2.5 sends, receives and deletes messages without a lock: a message is delivered to several receivers, moved to the
dead-letter queue twice, or lost. Here one operation on the messages of all queues runs at a time, because a queue moves
messages to another. A receiver that waits releases the lock. It takes a message without a body.

moto takes `RedriveAllowPolicy` and does not show it; Terraform waits for it in vain. It removes the policy of a queue when
another attribute is set, and shows SQS's own key for a queue with a key of KMS. It writes redrive policies with spaces, in
the order in which they came. AWS writes them compact and sorted.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from moto.sqs.exceptions import MissingParameter
from moto.sqs.models import Queue, SQSBackend

from local_cloud.patches import checks, extends

_LONGEST_WAIT_SECONDS = 0.5
_lock = threading.RLock()
_OPERATIONS = (
    "change_message_visibility", "delete_message", "delete_queue", "get_queue_attributes", "purge_queue",
    "send_message", "send_message_batch",
)  # fmt: skip


_original_attributes = Queue.attributes.fget

Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
Queue.redrive_allow_policy = None


@extends(Queue, "__init__")
def _share_lock(original: Callable[..., None], queue: Any, *arguments: Any, **options: Any) -> None:
    original(queue, *arguments, **options)
    queue._messages_lock = threading.Condition(_lock)


@extends(SQSBackend)
def _receive_message(
    original: Callable[..., Any],
    backend: Any,
    queue_name: str,
    count: int,
    wait_seconds: int,
    *arguments: Any,
    **options: Any,
) -> Any:
    until = time.monotonic() + wait_seconds
    with _lock:
        while True:
            received = original(backend, queue_name, count, 0, *arguments, **options)
            left = until - time.monotonic()
            if received or left <= 0:
                return received
            # A message that becomes visible again does not notify the condition.
            backend.get_queue(queue_name)._messages_lock.wait(min(left, _LONGEST_WAIT_SECONDS))


@extends(SQSBackend, *_OPERATIONS)
def _run_alone(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with _lock:
        return original(*arguments, **options)


@checks(SQSBackend, "_validate_message")
def _require_body(_backend: Any, _queue: Any, message_body: str, *_: Any, **__: Any) -> None:
    if not message_body:
        raise MissingParameter("MessageBody")


@extends(Queue, "_set_attributes")
def _set_attributes(
    original: Callable[..., None], queue: Any, attributes: dict[str, Any], now: float | None = None
) -> None:
    unchanged = {"Policy": getattr(queue, "policy", None)} | attributes
    if attributes.get("KmsMasterKeyId"):
        unchanged["SqsManagedSseEnabled"] = False
    elif str(attributes.get("SqsManagedSseEnabled")).lower() == "true":
        unchanged["KmsMasterKeyId"] = None
    original(queue, unchanged, now)


def _attributes(queue: Any) -> dict[str, Any]:
    result: dict[str, Any] = _original_attributes(queue)
    if queue.redrive_policy:
        result["RedrivePolicy"] = _compact(queue.redrive_policy)
    if queue.redrive_allow_policy:
        result["RedriveAllowPolicy"] = _compact(json.loads(queue.redrive_allow_policy))
    return {name: value for name, value in result.items() if value not in (None, "")}


Queue.attributes = property(_attributes)


def _compact(policy: dict[str, Any]) -> str:
    return json.dumps(policy, sort_keys=True, separators=(",", ":"))
