"""Atomic and isolated operations of SQS.

moto 5.2.5 sends, receives and deletes messages without a lock: a message is delivered to several receivers, moved to the
dead-letter queue twice, or lost. Here one operation on the messages of all queues runs at a time, because a queue moves
messages to another. A receiver that waits releases the lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

_LONGEST_WAIT_SECONDS = 0.5

_lock = threading.RLock()

_OPERATIONS = (
    "change_message_visibility",
    "delete_message",
    "delete_queue",
    "get_queue_attributes",
    "purge_queue",
    "send_message",
    "send_message_batch",
)


def apply() -> None:
    """Run one operation at a time."""
    from moto.sqs.models import Queue, SQSBackend

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
                # A message that becomes visible again notifies nobody.
                backend.get_queue(queue_name)._messages_lock.wait(min(left, _LONGEST_WAIT_SECONDS))

    Queue.__init__ = __init__
    SQSBackend.receive_message = receive_message
    for name in _OPERATIONS:
        setattr(SQSBackend, name, _exclusive(getattr(SQSBackend, name)))


def _exclusive(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def operation(backend: Any, *arguments: Any, **options: Any) -> Any:
        with _lock:
            return original(backend, *arguments, **options)

    return operation
