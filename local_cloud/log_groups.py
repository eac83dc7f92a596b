"""Log groups of moto's CloudWatch Logs, as functions, state machines and stages write into them."""

from __future__ import annotations

from typing import Any

_MOST_EVENTS = 10_000
"""Events that one log stream keeps: the local cloud holds everything in memory."""


def put_events(
    place: tuple[str, str, str], stream: str, events: list[dict[str, Any]], *, create: bool = False
) -> bool:
    """Append events to a log stream, which is created with the first; False if there is no such log group.

    Args:
        place: Account, Region and name of the log group.
        stream: The name of the log stream.
        events: Each with `timestamp`, in milliseconds, and `message`.
        create: Whether a log group that does not exist is created. Default: False.
    """
    from moto.logs.models import logs_backends

    account_id, region, group = place
    backend = logs_backends[account_id][region]
    if group not in backend.groups:
        if not create:
            return False
        backend.create_log_group(group, {})
    backend.ensure_log_stream(group, stream)
    backend.put_log_events(group, stream, events)
    kept = backend.groups[group].streams[stream].events
    del kept[:-_MOST_EVENTS]
    return True
