"""EventBridge: delivery of events to the targets of rules.

moto keeps buses, rules and targets, and knows what matches a pattern. As of 5.2.5 it delivers events that were put
(`PutEvents`, S3's) to log groups, queues, archives and other buses, from the thread that puts them. It checks neither
policies nor the rule's state; a function as a target is an error. Here functions and queues are delivered to:

- `rules`: which targets an event goes to, one after the other on a thread of its own.
- `inputs`: what a target is given of an event.
- `targets`: functions and queues, if their policies let the rule; else the target's dead-letter queue.

State machines say what becomes of their executions (`local_cloud/states/status_events.py`). Failed deliveries
are not retried: a function that does not exist, or may not be invoked. The failures that AWS retries do not
occur here. Schedules at a rate are followed (`schedules`), cron expressions are not. Other features of a rule
that are missing here are logged once.
"""

from __future__ import annotations

from local_cloud.events.rules import install, publish, stop

__all__ = ["install", "publish", "stop"]
