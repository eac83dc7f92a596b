"""Mapped responses of integrations that are not proxies: a status for each pattern, with CORS headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from constructs import Construct

from constructs_lib.api.cors import Cors
from constructs_lib.api.resource import Resource
from constructs_lib.checks import check_mapping, check_range
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.routes.definitions import ResponseDefinition

DEFAULT_STATUSES: Final[Mapping[int, str | None]] = {200: None, 400: r"4\d{2}", 502: r"5\d{2}"}
"""Default status, and statuses for patterns of the backend's statuses."""


def check_statuses(where: str, statuses: Mapping[int, str | None]) -> None:
    """Check the statuses of an integration's answers.

    Raises:
        ConstructError: A status or a pattern is not valid, or there is no default.
    """
    check_mapping(where, "statuses", statuses)
    for status, pattern in statuses.items():
        check_range(where, "a status", status, 200, 599)
        if pattern is not None and (not isinstance(pattern, str) or not pattern):
            raise InvalidArgumentError(
                where,
                f"the pattern {pattern!r} of status {status} is not valid",
                r"use a regular expression, such as '4\d{2}'",
            )
    others = [status for status, pattern in statuses.items() if pattern is None]
    if len(others) != 1:
        raise InvalidArgumentError(
            where,
            f"statuses has {len(others)} statuses without a pattern",
            "give one the pattern None: it is the answer where no pattern matches",
        )


def mapped_responses(
    scope: Construct, statuses: Mapping[int, str | None], templates: Mapping[int, str]
) -> tuple[ResponseDefinition, tuple[ResponseDefinition, ...]]:
    """Return the answer where no pattern matches, and the others.

    Args:
        scope: Resource of the method.
        statuses: Patterns by status.
        templates: Mapping templates by status. Answers without one keep the backend's body.
    """
    cors = scope.cors if isinstance(scope, Resource) else None
    answers = {
        status: ResponseDefinition(
            status_code=status,
            headers=tuple({} if cors is None else cors.response_headers.items()),
            template=_template(cors, templates.get(status)),
            selection_pattern=pattern,
        )
        for status, pattern in statuses.items()
    }
    (default,) = (status for status, pattern in statuses.items() if pattern is None)
    return answers[default], tuple(answer for status, answer in answers.items() if status != default)


def _template(cors: Cors | None, template: str | None) -> str | None:
    first = None if cors is None else cors.response_template
    return template if first is None else f"{first}{'$input.body' if template is None else template}"
