"""Copies the lines of the functions' logs into moto's CloudWatch Logs.

Lines are gathered and delivered a few times a second from a thread, because moto may in turn invoke functions that
subscribe to a log group. A flood of lines is cut down: the files hold everything, CloudWatch the newest of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from local_cloud.log_groups import put_events

_logger = logging.getLogger("local_cloud.functions")

_DELAY_SECONDS = 0.25
_MOST_EVENTS_A_DELIVERY = 1000


@dataclass(frozen=True, slots=True)
class LogStream:
    """Log stream of a worker.

    Attributes:
        creates_group: Whether a group that does not exist is created, as the role of the function allows it.
    """

    account_id: str
    region: str
    group: str
    name: str
    creates_group: bool = False


class CloudWatchSink:
    """Gathers log events and delivers them; lives on the server's asyncio loop."""

    def __init__(self) -> None:
        self._events: deque[tuple[LogStream, int, str]] = deque(maxlen=_MOST_EVENTS_A_DELIVERY)
        self._dropped = 0
        self._timer: asyncio.TimerHandle | None = None
        self._delivery: asyncio.Future[None] | None = None
        self._complained: set[str] = set()

    def put(self, stream: LogStream, message: str) -> None:
        """Take one line over; it is delivered soon, if there is a group for it then."""
        if len(self._events) == _MOST_EVENTS_A_DELIVERY:
            self._dropped += 1
        self._events.append((stream, int(time.time() * 1000), message))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY_SECONDS, self._start_delivery)

    async def close(self) -> None:
        """Deliver what is left."""
        if self._timer is not None:
            self._timer.cancel()
        if self._delivery is not None:
            await self._delivery
        if self._events:
            self._start_delivery()
            if self._delivery is not None:
                await self._delivery

    def _start_delivery(self) -> None:
        self._timer = None
        events, self._events = self._events, deque(maxlen=_MOST_EVENTS_A_DELIVERY)
        dropped, self._dropped = self._dropped, 0
        loop = asyncio.get_running_loop()
        before = self._delivery
        self._delivery = loop.create_task(self._deliver_after(before, list(events), dropped))

    async def _deliver_after(
        self, before: asyncio.Future[None] | None, events: list[tuple[LogStream, int, str]], dropped: int
    ) -> None:
        if before is not None and not before.done():
            await before
        await asyncio.to_thread(self._deliver, events, dropped)

    def _deliver(self, events: list[tuple[LogStream, int, str]], dropped: int) -> None:
        by_stream: dict[LogStream, list[dict[str, Any]]] = {}
        for stream, timestamp, message in events:
            by_stream.setdefault(stream, []).append({"timestamp": timestamp, "message": message})
        if dropped:
            _logger.info("%d log lines were too many for CloudWatch; the log files have them", dropped)
        for stream, batch in by_stream.items():
            try:
                place = (stream.account_id, stream.region, stream.group)
                put_events(place, stream.name, batch, create=stream.creates_group)
            except Exception as error:  # noqa: BLE001 - moto's errors have no common base
                self._complain(stream.group, error)

    def _complain(self, group: str, error: Exception) -> None:
        if group not in self._complained:
            self._complained.add(group)
            _logger.warning(
                "Log group %s did not take the lines of its function (%s: %s); the log file has them. "
                "Further errors of this group are not shown.",
                group,
                type(error).__name__,
                error,
            )
