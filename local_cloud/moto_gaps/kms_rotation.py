"""Rotation of KMS keys.

moto 5.2.5 keeps that a key is rotated and forgets after how many days, so that Terraform plans the same change for
ever.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.kms.responses import KmsResponse

DEFAULT_PERIOD_DAYS = 365


def apply() -> None:
    """Keep the period, and describe the rotation as AWS does."""
    original_enable = KmsResponse.enable_key_rotation
    original_status = KmsResponse.get_key_rotation_status

    def enable_key_rotation(response: Any) -> Any:
        given = response._get_param("RotationPeriodInDays")
        answer = original_enable(response)
        key = _key(response)
        key.rotation_period_days = int(given or getattr(key, "rotation_period_days", DEFAULT_PERIOD_DAYS))
        return answer

    def get_key_rotation_status(response: Any) -> str:
        answer: dict[str, Any] = json.loads(original_status(response))
        key = _key(response)
        answer["KeyId"] = key.arn
        if answer["KeyRotationEnabled"]:
            days = getattr(key, "rotation_period_days", DEFAULT_PERIOD_DAYS)
            next_rotation = datetime.fromtimestamp(key.creation_date, UTC) + timedelta(days=days)
            answer["RotationPeriodInDays"] = days
            answer["NextRotationDate"] = next_rotation.timestamp()
        return json.dumps(answer)

    KmsResponse.enable_key_rotation = enable_key_rotation
    KmsResponse.get_key_rotation_status = get_key_rotation_status


def _key(response: Any) -> Any:
    backend = response.kms_backend
    return backend.keys[backend.get_key_id(response._get_param("KeyId"))]
