"""Atomic and isolated operations of S3.

moto 5.2.5 checks the condition of a write before it writes, adds a version to a copy of the list of versions, and makes an
object visible before it has its metadata, all without a lock: conditional writes succeed twice, versions are lost, and
objects are read without their metadata. Here one request for a bucket or an object runs at a time. Notifications are sent
after the request has ended, because the function that gets one may call S3 itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.s3 import notifications
from moto.s3.responses import S3Response


class _Request(threading.local):
    """The request that runs on this thread.

    Attributes:
        notifications: Those that it has caused; None if no request runs.
    """

    notifications: list[tuple[Any, ...]] | None = None


_lock = threading.Lock()
_request = _Request()


def apply() -> None:
    """Run one request at a time, and send its notifications then."""
    send: Callable[..., None] = notifications.send_event

    def isolated(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def answer(*arguments: Any) -> Any:
            _request.notifications = []
            try:
                with _lock:
                    return original(*arguments)
            finally:
                caused, _request.notifications = _request.notifications, None
                for notification in caused:
                    send(*notification)

        return answer

    def send_event(*notification: Any) -> None:
        if _request.notifications is None:
            send(*notification)
        else:
            _request.notifications.append(notification)

    S3Response.bucket_response = isolated(S3Response.bucket_response)
    S3Response.key_response = isolated(S3Response.key_response)
    notifications.send_event = send_event
