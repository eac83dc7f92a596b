"""Rotation of KMS keys.

moto 5.2.5 keeps that a key is rotated and forgets after how many days, so that Terraform plans the same change for
ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.kms.models import Key
from moto.kms.responses import KmsResponse

from local_cloud.patches import extends

Key.rotation_period_days = 365


@extends(KmsResponse)
def _enable_key_rotation(original: Callable[[Any], Any], response: Any) -> Any:
    answer = original(response)
    if days := response._get_param("RotationPeriodInDays"):
        _key(response).rotation_period_days = int(days)
    return answer


@extends(KmsResponse)
def _get_key_rotation_status(original: Callable[[Any], str], response: Any) -> str:
    answer: dict[str, Any] = json.loads(original(response))
    key = _key(response)
    answer["KeyId"] = key.arn
    if answer["KeyRotationEnabled"]:
        next_rotation = datetime.fromtimestamp(key.creation_date, UTC) + timedelta(
            days=key.rotation_period_days
        )
        answer["RotationPeriodInDays"] = key.rotation_period_days
        answer["NextRotationDate"] = next_rotation.timestamp()
    return json.dumps(answer)


def _key(response: Any) -> Any:
    backend = response.kms_backend
    return backend.keys[backend.get_key_id(response._get_param("KeyId"))]
