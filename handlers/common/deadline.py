"""Deadline of an invocation, so that a slow backend leads to an error response and not to a timeout of the function."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

_SECONDS_TO_ANSWER = 0.5
_SECONDS_WITHOUT_LAMBDA = 25.0


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which a backend must have answered.

    Args:
        at_seconds: The moment, on the clock.
        clock: The clock, in seconds; a monotonic one.
    """

    at_seconds: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """The deadline that many seconds from now."""
        return cls(clock() + seconds, clock)

    @classmethod
    def of_context(cls, context: object) -> Deadline:
        """The deadline of a Lambda invocation, half a second early so that there is time to answer.

        Without a Lambda context (a direct call in Python) there are 25 seconds.
        """
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        if not callable(remaining):
            return cls.after(_SECONDS_WITHOUT_LAMBDA)
        return cls.after(max(0.0, float(remaining()) / 1000 - _SECONDS_TO_ANSWER))

    def seconds_left(self) -> float:
        """The time that is left, in seconds; zero when there is none."""
        return max(0.0, self.at_seconds - self.clock())

    def earlier(self, seconds: float) -> Deadline:
        """Return the deadline that many seconds before this one."""
        return replace(self, at_seconds=self.at_seconds - seconds)

    def at_most(self, seconds: float) -> Deadline:
        """Return the deadline that many seconds from now, or this one if it is earlier."""
        return replace(self, at_seconds=min(self.at_seconds, self.clock() + seconds))
