"""Schedules of rules: `rate(…)` is followed from the moment at which the rule is first seen; `cron(…)` is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_RATE: Final = re.compile(r"rate\((?P<count>[1-9][0-9]*) (?P<unit>minute|hour|day)s?\)")
_SECONDS: Final[Mapping[str, int]] = {"minute": 60, "hour": 3_600, "day": 86_400}


@dataclass(slots=True)
class Schedules:
    """Rules with a schedule, and when each is due.

    Attributes:
        clock: Returns the time in seconds; a monotonic one.
        skipped: Called with the name and the expression of a rule whose schedule is not followed, once.
    """

    clock: Callable[[], float]
    skipped: Callable[[str, str], None]
    _due: dict[str, tuple[str, float]] = field(default_factory=dict)

    def due(self, rules: Iterable[Any]) -> list[Any]:
        """Return the rules that are due now, and note when they are due again.

        Args:
            rules: moto's rules, all that exist; rules that are gone are forgotten.
        """
        now, before, due = self.clock(), self._due, []
        self._due = {}
        for rule in rules:
            expression = rule.scheduled_expression
            if not expression:
                continue
            previous, at = before.get(rule.arn, ("", 0.0))
            seconds = rate_seconds(expression)
            if previous != expression:
                at = now + (seconds or 0)
                if seconds is None:
                    self.skipped(rule.name, expression)
            elif seconds is not None and at <= now:
                at = now + seconds
                if rule.state != "DISABLED":
                    due.append(rule)
            self._due[rule.arn] = (expression, at)
        return due


def rate_seconds(expression: str) -> int | None:
    """Return the period of `rate(…)` in seconds; None for any other expression."""
    found = _RATE.fullmatch(expression)
    return None if found is None else int(found["count"]) * _SECONDS[found["unit"]]
