"""Retention of log groups in days: one of the values of CloudWatch Logs."""

from __future__ import annotations

from typing import Final, Literal

from constructs_lib.checks import check_choice

RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
"""Retentions that CloudWatch Logs supports, in days."""

DEFAULT_RETENTION_DAYS: Final[RetentionDays] = 365


def check_retention(where: str, argument: str, value: object) -> None:
    """Check a retention in days; None is the stack's.

    Raises:
        InvalidArgumentError: if CloudWatch Logs does not support it.
    """
    if value is not None:
        check_choice(where, argument, value, RetentionDays)
