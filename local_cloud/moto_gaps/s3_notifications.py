"""Notifications of a bucket to EventBridge.

moto 5.2.5 sends them, and does not say so when it is asked, so that Terraform plans to switch them on for ever.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Say that notifications go to EventBridge where they do."""
    from moto.core.responses import ActionResult
    from moto.s3.responses import S3Response

    original = S3Response.get_bucket_notification

    def get_bucket_notification(response: Any) -> Any:
        configuration = response.backend.get_bucket_notification_configuration(response.bucket_name)
        if configuration is None or configuration.event_bridge is None:
            return original(response)
        serialized = response.serialized
        response.serialized = lambda answer: serialized(
            ActionResult({**answer.result, "EventBridgeConfiguration": {}})
        )
        try:
            return original(response)
        finally:
            del response.serialized

    S3Response.get_bucket_notification = get_bucket_notification
