"""Lambda's rules for the scalar arguments of a function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from constructs_lib.archive import Archive
from constructs_lib.checks import check_choice, check_pattern, check_range
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.functions.function_environment import check_environment
from constructs_lib.log_retention import RetentionDays, check_retention

LogFormat = Literal["JSON", "Text"]
"""Format of a function's log."""

LogLevel = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
"""Lowest level of the lines that Lambda keeps of a JSON log."""


def check_arguments(
    where: str,
    *,
    function_name: str,
    archive: Archive,
    handler: str | None,
    memory_mb: int,
    timeout_seconds: int,
    ephemeral_storage_mb: int,
    reserved_concurrency: int | None,
    log_format: LogFormat,
    log_level: LogLevel | None,
    log_retention_days: RetentionDays | None,
    environment: Mapping[str, str],
) -> None:
    """Check the arguments of `Function`; see there.

    Raises:
        ConstructError: if AWS would reject an argument, or an environment variable looks like a secret.
    """
    check_pattern(
        where,
        "function_name",
        function_name,
        r"[A-Za-z0-9_-]{1,64}",
        "pass function_name with 1 to 64 letters, digits, '-' and '_'",
    )
    if handler is None:
        raise InvalidArgumentError(
            where,
            f"archive '{archive.name}' has no handler in its package file",
            "pass handler='package.module.function', or set it in the package file",
        )
    check_pattern(
        where,
        "handler",
        handler,
        r"[\w-]+([./][\w-]+)+(?<!\.py)",
        "write it as 'package.module.function', without '.py'",
    )
    check_range(where, "memory_mb", memory_mb, 128, 10_240)
    check_range(where, "timeout_seconds", timeout_seconds, 1, 900)
    check_range(where, "ephemeral_storage_mb", ephemeral_storage_mb, 512, 10_240)
    if reserved_concurrency is not None:
        check_range(where, "reserved_concurrency", reserved_concurrency, 0, 100_000)
    _check_log(where, log_format, log_level)
    check_retention(where, "log_retention_days", log_retention_days)
    check_environment(where, environment)


def _check_log(where: str, log_format: LogFormat, log_level: LogLevel | None) -> None:
    check_choice(where, "log_format", log_format, LogFormat)
    if log_level is None:
        return
    check_choice(where, "log_level", log_level, LogLevel)
    if log_format != "JSON":
        raise ConflictError(
            where,
            f"log_level '{log_level}' has no effect on a log in the format {log_format}",
            "leave log_level out and filter in the code, or use log_format='JSON'",
        )
