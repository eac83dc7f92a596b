"""Result of an invocation, for all callers of functions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """The outcome of one finished invocation.

    Attributes:
        payload: What the handler returned, as JSON; or the error object, as JSON, when `function_error` is set.
        function_error: None, or `Unhandled` when the handler raised, crashed, ran out of time or of memory.
        executed_version: The version that ran: `$LATEST` or a number.
        log_tail: The last 4 KB of the invocation's log.
        duration_ms: How long the handler ran, in milliseconds, without the start of its process.
        init_ms: How long the start of its process took, in milliseconds; None for a warm invocation.
        used_mb: The most memory that the process has used so far, in MB.
    """

    payload: bytes
    function_error: str | None
    executed_version: str
    log_tail: str
    duration_ms: float
    init_ms: float | None = None
    used_mb: int = 0
