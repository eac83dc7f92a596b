"""Names of secrets: moto 5.2.5 accepts any."""

from __future__ import annotations

import re
from typing import Any

from moto.secretsmanager.exceptions import ValidationException
from moto.secretsmanager.models import SecretsManagerBackend

_NAME = re.compile(r"[\w/+=.@!-]{1,512}", re.ASCII)


def apply() -> None:
    """Check the name of a new secret."""
    original = SecretsManagerBackend.create_secret

    def create_secret(backend: Any, name: str, *arguments: Any, **options: Any) -> Any:
        if not _NAME.fullmatch(name):
            raise ValidationException(
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
            )
        return original(backend, name, *arguments, **options)

    SecretsManagerBackend.create_secret = create_secret
