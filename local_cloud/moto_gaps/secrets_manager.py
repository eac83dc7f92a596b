"""Names of secrets: moto 5.2.5 accepts any."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from moto.secretsmanager.exceptions import ValidationException
from moto.secretsmanager.models import SecretsManagerBackend

from local_cloud.patches import extends

_NAME = re.compile(r"[\w/+=.@!-]{1,512}", re.ASCII)


@extends(SecretsManagerBackend)
def _create_secret(
    original: Callable[..., Any], backend: Any, name: str, *arguments: Any, **options: Any
) -> Any:
    if not _NAME.fullmatch(name):
        raise ValidationException(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )
    return original(backend, name, *arguments, **options)
