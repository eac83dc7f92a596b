"""Concurrency: the number of running invocations, and Lambda's limits for it."""

from __future__ import annotations

from collections import Counter

from local_cloud.functions.definition import FunctionDirectory, Target
from local_cloud.functions.errors import TooManyRequests

_LEAST_UNRESERVED = 100
"""AWS leaves at least this much to the functions that reserve nothing."""


class Concurrency:
    """The running invocations of every account, region and function."""

    def __init__(self, *, limit: int, directory: FunctionDirectory) -> None:
        self._limit = limit
        self._directory = directory
        self._by_function: Counter[tuple[str, str, str]] = Counter()
        self._unreserved: Counter[tuple[str, str]] = Counter()

    def enter(self, target: Target) -> tuple[tuple[str, str, str], bool]:
        """Count an invocation in; returns what `leave` needs."""
        function = target.definition.key[:3]
        account = function[:2]
        reserved = target.reserved_concurrency
        if reserved is not None:
            if self._by_function[function] >= int(reserved):
                raise TooManyRequests(
                    "Rate Exceeded.", reason="ReservedFunctionConcurrentInvocationLimitExceeded"
                )
        else:
            left = self._limit - self._directory.reserved_total(*account)
            if self._unreserved[account] >= max(left, min(self._limit, _LEAST_UNRESERVED)):
                raise TooManyRequests("Rate Exceeded.", reason="ConcurrentInvocationLimitExceeded")
            self._unreserved[account] += 1
        self._by_function[function] += 1
        return function, reserved is None

    def leave(self, entry: tuple[tuple[str, str, str], bool]) -> None:
        """Count an invocation out."""
        function, unreserved = entry
        self._by_function[function] -= 1
        if unreserved:
            self._unreserved[function[:2]] -= 1
