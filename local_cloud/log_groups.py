"""Log events on their way into the log groups of moto's CloudWatch Logs."""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from dataclasses import dataclass
from operator import itemgetter
from threading import Lock, Timer
from typing import Any

_logger = logging.getLogger(__name__)

_DELAY_SECONDS = 0.25
_MOST_EVENTS_A_DELIVERY = 1000
# The local cloud holds everything in memory.
_MOST_EVENTS_A_STREAM = 10_000

Event = dict[str, Any]
"""A log event: `timestamp`, in milliseconds, and `message`."""


@dataclass(frozen=True, slots=True)
class LogStream:
    """A log stream; it is created with its first event.

    Attributes:
        creates_group: Whether a log group that does not exist is created. Default: no; the events are dropped.
    """

    account_id: str
    region: str
    group: str
    name: str
    creates_group: bool = False

    def put(self, events: list[Event]) -> bool:
        """Append events; False if there is no such log group."""
        from moto.logs.models import logs_backends

        backend = logs_backends[self.account_id][self.region]
        if self.group not in backend.groups:
            if not self.creates_group:
                return False
            backend.create_log_group(self.group, {})
        backend.ensure_log_stream(self.group, self.name)
        backend.put_log_events(self.group, self.name, events)
        events_of_stream = backend.groups[self.group].streams[self.name].events
        del events_of_stream[:-_MOST_EVENTS_A_STREAM]
        return True


class LogDelivery:
    """Gathers events and delivers them a few times a second, on a thread: moto may invoke functions that subscribe to a group.

    Of a flood of events, the newest are delivered.
    """

    def __init__(self) -> None:
        self._events: deque[tuple[LogStream, Event]] = deque(maxlen=_MOST_EVENTS_A_DELIVERY)
        self._dropped = 0
        self._timer: Timer | None = None
        self._complained: set[str] = set()
        self._waiting, self._delivering = Lock(), Lock()

    def put(self, stream: LogStream, event: Event) -> None:
        """Take over an event, on any thread."""
        with self._waiting:
            self._dropped += len(self._events) == _MOST_EVENTS_A_DELIVERY
            self._events.append((stream, event))
            if self._timer is None:
                self._timer = Timer(_DELAY_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Deliver what waits."""
        with self._delivering:
            with self._waiting:
                events, dropped = list(self._events), self._dropped
                self._events.clear()
                if self._timer is not None:
                    self._timer.cancel()
                self._dropped, self._timer = 0, None
            if dropped:
                _logger.info("%d log events were too many for CloudWatch; the log files have them", dropped)
            batches: defaultdict[LogStream, list[Event]] = defaultdict(list)
            for stream, event in events:
                batches[stream].append(event)
            for stream, batch in batches.items():
                try:
                    if not stream.put(sorted(batch, key=itemgetter("timestamp"))):
                        self._complain(stream.group, "it does not exist")
                except Exception as error:  # noqa: BLE001 - moto's errors have no common base
                    self._complain(stream.group, f"{type(error).__name__}: {error}")

    def _complain(self, group: str, reason: str) -> None:
        if group not in self._complained:
            self._complained.add(group)
            _logger.warning(
                "log group %s did not take its events: %s; further errors of the group are not shown",
                group,
                reason,
            )
