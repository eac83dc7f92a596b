"""Rules for a function's environment variables: Lambda's, and no secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from constructs_lib.checks import check_text
from constructs_lib.errors import InvalidArgumentError, LimitExceededError, UnsafeSettingError
from constructs_lib.functions.plaintext_secrets import find_secret
from constructs_lib.templates import has_reference, without_references

MAX_BYTES: Final = 4096
"""Lambda's quota for all names and values of one function together."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+", re.ASCII)
_RESERVED: Final = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)


def check_environment(where: str, environment: Mapping[str, str]) -> None:
    """Check the environment variables of a function.

    References in values count with the length of their known parts only.

    Raises:
        ConstructError: if AWS would reject them, or a value looks like a secret.
    """
    if not isinstance(environment, Mapping):
        raise InvalidArgumentError(
            where,
            f"environment is of type {type(environment).__name__}",
            "pass values by the names of the variables, such as {'LOG_LEVEL': 'INFO'}",
        )
    for name, value in environment.items():
        if isinstance(name, str) and has_reference(name):
            raise InvalidArgumentError(
                where,
                "environment is a reference to a map, which only Terraform can resolve",
                "name each variable, such as {'TABLE': table.table_name}; its value may be a reference",
            )
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise InvalidArgumentError(
                where,
                f"environment variable {name!r} is not valid",
                "start with a letter and use two or more letters, digits and '_'",
            )
        if name in _RESERVED:
            raise InvalidArgumentError(
                where, f"environment variable {name} belongs to Lambda", "choose another name"
            )
        if not isinstance(value, str):
            raise InvalidArgumentError(
                where,
                f"environment variable {name} is of type {type(value).__name__}",
                "pass a string, such as str(value) or json.dumps(value)",
            )
        check_text(where, f"environment variable {name}", value)
        if (secret := find_secret(value)) is not None:
            raise UnsafeSettingError(
                where,
                f"environment variable {name} holds {secret} in plain text",
                "store it in Secrets Manager or the Parameter Store, and pass its name",
            )
    size = sum(
        len(name.encode()) + len(without_references(value).encode()) for name, value in environment.items()
    )
    if size > MAX_BYTES:
        raise LimitExceededError(
            where,
            f"the environment variables take {size} bytes and Lambda allows {MAX_BYTES}",
            "ship the larger values as files in the archive",
        )
