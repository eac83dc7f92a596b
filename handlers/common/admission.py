"""Admission of a caller to an operation: the one place where an operation over HTTP begins and ends.

Inputs of the orchestrator and of workflows are not admitted again: their request was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from handlers.common.caller_limit import CallerLimit
from handlers.common.invocation import Invocation


class Admission:
    """Checks before an operation begins whether its caller may use it now.

    Args:
        limit: The requests a minute of each user; None for no limit.
    """

    def __init__(self, limit: CallerLimit | None) -> None:
        self._limit = limit

    @classmethod
    def from_environment(cls) -> Admission:
        """Return the admission with the limit of the environment; see `CallerLimit.from_environment`."""
        return cls(CallerLimit.from_environment())

    @contextmanager
    def around(self, invocation: Invocation) -> Iterator[None]:
        """Admit the caller before the block, which is the operation.

        Raises:
            TooManyRequests: The caller has reached a limit.
            BackendUnavailable: The limit cannot be checked.
        """
        caller = invocation.caller
        if self._limit is not None and caller is not None:
            self._limit.count(caller.principal, deadline=invocation.deadline)
        yield
