"""Logs of executions: events in CloudWatch Logs, and readable lines for the developer.

moto has code for the log events but never uses it, and it would not work: it takes the time of an event for a date,
and hands the wrong things to its own CloudWatch Logs.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from local_cloud.bounded_file import BoundedFolder
from local_cloud.log_groups import LogDelivery, LogStream

_logger = logging.getLogger(__name__)

_EXECUTION_DATA = (
    "assignedVariables", "assignedVariablesDetails", "input", "inputDetails", "output", "outputDetails",
    "parameters",
)  # fmt: skip
_FAILED = ("Failed", "TimedOut", "Aborted")
_LONGEST_CAUSE = 300


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Log settings of a state machine.

    Attributes:
        stream: The log stream; None for no logs.
    """

    level: str = "OFF"
    include_execution_data: bool = False
    stream: LogStream | None = None

    @classmethod
    def read(cls, configuration: Mapping[str, Any] | None, machine: str) -> LogSettings:
        """Read the `loggingConfiguration` of a state machine."""
        configuration = configuration or {}
        level = configuration.get("level", "OFF")
        destinations = configuration.get("destinations") or []
        if level == "OFF" or not destinations:
            return cls()
        group_arn = destinations[0].get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        include = bool(configuration.get("includeExecutionData"))
        return cls(level, include, _stream(group_arn, machine))


@lru_cache(maxsize=1024)
def _stream(group_arn: str, machine: str) -> LogStream:
    """Return the log stream of a state machine; its executions share one, as on AWS."""
    _, _, _, region, account_id, _, group, *_ = group_arn.split(":")
    name = f"states/{machine}/{datetime.now(UTC):%Y-%m-%d-%H-%M}/{uuid.uuid4().hex[:8]}"
    return LogStream(account_id, region, group, name)


class Records:
    """Receiver of the events of one execution, in the place of moto's CloudWatch session."""

    # Data that must not be in the log events is left out here.
    configuration = SimpleNamespace(include_execution_data=True)

    def __init__(
        self,
        *,
        execution_arn: str,
        machine: str,
        settings: LogSettings,
        delivery: LogDelivery,
        lines: BoundedFolder,
        trace_header: str = "",
        on_event: Callable[[str], None] | None = None,
    ) -> None:
        from moto.stepfunctions.parser.asl.eval.event.logging import is_logging_enabled_for

        self.execution_arn = execution_arn
        self.trace_header = trace_header
        self._machine = machine
        self._on_event = on_event
        self._settings = settings
        self._delivery = delivery
        self._lines = lines
        self._is_logged: Callable[..., bool] = is_logging_enabled_for
        parts = execution_arn.split(":")
        self._name = parts[7]
        self._previous: dict[int, int] = {}
        self._entered: dict[int, tuple[str, datetime]] = {}
        self._started: datetime | None = None

    def log_level_filter(self, history_event_type: str) -> bool:
        """Return whether an event is wanted; the readable lines are made from all of them."""
        del history_event_type
        return True

    def publish_history_log(self, history_log: dict[str, Any]) -> None:
        """Take one event of the history; never fails."""
        try:
            self._write_line(history_log)
            if self._on_event is not None:
                self._on_event(self.execution_arn)
            stream = self._settings.stream
            if stream is not None and self._is_logged(self._settings.level, history_log["type"]):
                self._delivery.put(stream, self._log_event(history_log))
        except Exception:
            _logger.exception("event %s of %s was not logged", history_log.get("id"), self.execution_arn)

    def _log_event(self, event: dict[str, Any]) -> dict[str, Any]:
        milliseconds = int(_time(event["event_timestamp"]).timestamp() * 1000)
        details = event.get("details") or {}
        if not self._settings.include_execution_data:
            details = {key: value for key, value in details.items() if key not in _EXECUTION_DATA}
        message = {
            "id": event["id"],
            "type": str(getattr(event["type"], "value", event["type"])),
            "details": details,
            "previous_event_id": event["previous_event_id"],
            "event_timestamp": str(milliseconds),
            "execution_arn": self.execution_arn,
            "redrive_count": "0",
        }
        return {"timestamp": milliseconds, "message": json.dumps(message, default=str)}

    def _write_line(self, event: dict[str, Any]) -> None:
        number, previous = int(event["id"]), int(event["previous_event_id"])
        kind = str(getattr(event["type"], "value", event["type"]))
        details = event.get("details") or {}
        when = _time(event["event_timestamp"])
        self._previous[number] = previous
        if kind == "ExecutionStarted":
            self._started = when
            self._line(when, "started")
        elif kind.endswith("StateEntered"):
            self._entered[number] = (details["name"], when)
            if kind == "FailStateEntered":
                self._line(when, f"{details['name']}: entered (Fail)")
        elif kind.endswith("StateExited"):
            entry = self._entry_of(previous, details["name"])
            taken = f" {_milliseconds(self._entered.pop(entry)[1], when)}" if entry else ""
            self._line(when, f"{details['name']}: done{taken}")
        elif kind.startswith("Execution"):
            since = self._started or when
            word = {"ExecutionTimedOut": "timed out"}.get(kind, kind.removeprefix("Execution").lower())
            self._line(when, f"{word} after {_milliseconds(since, when)}{_reason(details)}")
        elif kind.endswith(_FAILED):
            entry = self._entry_of(previous)
            state = self._entered[entry][0] if entry else "?"
            self._line(when, f"{state}: {kind}{_reason(details)}")

    def _entry_of(self, event: int, name: str | None = None) -> int:
        """Return the event by which the state of an event was entered, or the one of a name around it; 0 for none."""
        while event and (event not in self._entered or name not in (None, self._entered[event][0])):
            event = self._previous.get(event, 0)
        return event

    def _line(self, when: datetime, text: str) -> None:
        stamp = when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        self._lines.write(self._machine, f"{stamp} {self._name[:8]} {text}\n".encode())


def _reason(details: Mapping[str, Any]) -> str:
    """Return the reason on one line; the cause of a function's error is its message."""
    error = details.get("error")
    cause = str(details.get("cause") or "")
    with suppress(ValueError, KeyError, TypeError):
        cause = str(json.loads(cause)["errorMessage"])
    cause = " ".join(cause.split())
    if len(cause) > _LONGEST_CAUSE:
        cause = cause[:_LONGEST_CAUSE] + "…"
    return "".join(f" {part}" for part in (error, f"({cause})" if cause else "") if part)


def _milliseconds(since: datetime, when: datetime) -> str:
    return f"{(when - since).total_seconds() * 1000:.0f} ms"


def _time(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)
