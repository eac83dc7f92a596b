"""Rules for stage variables: API Gateway's, and no secrets."""

from __future__ import annotations

from collections.abc import Mapping

from constructs_lib.checks import check_pattern
from constructs_lib.errors import UnsafeSettingError
from constructs_lib.functions.plaintext_secrets import find_secret


def check_stage_variables(where: str, variables: Mapping[str, str]) -> None:
    """Check the variables of a stage or a canary.

    Raises:
        ConstructError: if API Gateway would reject them, or a value looks like a secret.
    """
    for name, value in variables.items():
        check_pattern(
            where, "the name of a stage variable", name, r"[A-Za-z0-9_]{1,64}", "use letters, digits and '_'"
        )
        check_pattern(
            where,
            f"stage variable {name}:",
            value,
            r"[A-Za-z0-9._~:/?#&=,-]{1,512}",
            "use 1 to 512 letters, digits and '-._~:/?#&=,'",
        )
        if (secret := find_secret(value)) is not None:
            raise UnsafeSettingError(
                where,
                f"stage variable {name} holds {secret} in plain text",
                "store it in Secrets Manager or the Parameter Store, and pass its name",
            )
