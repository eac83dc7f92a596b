"""Outcomes of an invocation, in Lambda's words."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from datetime import UTC, datetime

from local_cloud.functions.runtime_api import LARGEST_RESPONSE_BYTES


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an invocation.

    Attributes:
        status: What the REPORT line says: None, `error` or `timeout`.
        error_type: What the REPORT line says about an error; None for errors that the handler raised.
        note: A line for the log, before END; None for no line.
    """

    payload: bytes
    failed: bool = False
    status: str | None = None
    error_type: str | None = None
    note: str | None = None


def answered(body: bytes | None, *, failed: bool) -> Outcome:
    """The runtime client sent an answer; the body is None if it was too large."""
    if body is None:
        message = (
            f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE_BYTES} bytes)."
        )
        return _failure("Function.ResponseSizeTooLarge", message)
    return Outcome(body, failed=failed)


def streamed(body: bytes | None, error: bytes | None) -> Outcome:
    """The runtime client has streamed an answer, too large if None, or the function failed after its start."""
    if error is None:
        return answered(body, failed=False)
    return Outcome(error, failed=True, status="error", error_type=_error_type(error))


def cut_off(*, caller_gone: bool) -> Outcome:
    """The runtime client asked for the next event before the stream of the last one was complete."""
    if caller_gone:
        return Outcome(b"", note="The caller has disconnected; its response was cut off.")
    return _failure("Runtime.TruncatedResponse", "The connection was closed before the response was complete")


def init_failed(body: bytes) -> Outcome:
    """The runtime client could not load the handler."""
    return Outcome(body, failed=True, status="error", error_type=_error_type(body))


def exited(request_id: str, returncode: int) -> Outcome:
    """Return the outcome of a process that exited, or was ended by a signal from outside (a negative number)."""
    if returncode < 0:
        reason = f"Error: Runtime exited with error: signal: {_signal_name(-returncode)}"
    elif returncode > 0:
        reason = f"Error: Runtime exited with error: exit status {returncode}"
    else:
        reason = "Error: Runtime exited without providing a reason"
    message = f"RequestId: {request_id} {reason}"
    return _failure("Runtime.ExitError", message, note=f"{message}\nRuntime.ExitError")


def out_of_memory(request_id: str) -> Outcome:
    """The worker was killed because it used more memory than the function has."""
    message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
    return _failure("Runtime.OutOfMemory", message, note=f"{message}\nRuntime.OutOfMemory")


def timed_out(request_id: str, timeout_seconds: float) -> Outcome:
    """The worker was killed because the time was up."""
    text = f"Task timed out after {timeout_seconds:.2f} seconds"
    now = datetime.now(UTC)
    return Outcome(
        _error("Sandbox.Timedout", f"RequestId: {request_id} Error: {text}"),
        failed=True,
        status="timeout",
        note=f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z {request_id} {text}",
    )


def _failure(error_type: str, message: str, note: str | None = None) -> Outcome:
    payload = _error(error_type, message)
    return Outcome(payload, failed=True, status="error", error_type=error_type, note=note)


def _error(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()


def _error_type(body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    error_type = value.get("errorType") if isinstance(value, dict) else None
    return error_type if isinstance(error_type, str) else None


def _signal_name(number: int) -> str:
    text = signal.strsignal(number) or f"signal {number}"
    return text.partition(":")[0].lower()  # macOS adds the number
