"""Atomic and isolated operations of S3.

moto 5.2.5 has no lock: conditional writes succeed twice, versions are lost, and objects are read before they have their
metadata. Here one request for a bucket or an object runs at a time. Notifications are sent after the request has ended,
because the function that gets one may call S3 itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from moto.s3 import notifications
from moto.s3.responses import S3Response

from local_cloud.patches import extends, replaces


class _Request(threading.local):
    """The request that runs on this thread.

    Attributes:
        notifications: Those that it has caused; None if no request runs.
    """

    notifications: list[tuple[Any, ...]] | None = None


_lock = threading.Lock()
_request = _Request()


_send: Callable[..., None] = notifications.send_event


@extends(S3Response, "bucket_response", "key_response")
def _answer_alone(original: Callable[..., Any], *arguments: Any) -> Any:
    _request.notifications = []
    try:
        with _lock:
            return original(*arguments)
    finally:
        caused, _request.notifications = _request.notifications, None
        for notification in caused:
            _send(*notification)


@replaces(notifications)
def _send_event(*notification: Any) -> None:
    if _request.notifications is None:
        _send(*notification)
    else:
        _request.notifications.append(notification)
