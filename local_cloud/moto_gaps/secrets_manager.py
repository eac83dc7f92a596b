"""Names of secrets: moto 5.2.5 accepts any."""

from __future__ import annotations

import re
from typing import Any

from moto.secretsmanager.exceptions import ValidationException
from moto.secretsmanager.models import SecretsManagerBackend

from local_cloud.patches import checks

_NAME = re.compile(r"[\w/+=.@!-]{1,512}", re.ASCII)


@checks(SecretsManagerBackend, "create_secret")
def _check_name(_backend: Any, name: str, *_: Any, **__: Any) -> None:
    if not _NAME.fullmatch(name):
        raise ValidationException(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )
