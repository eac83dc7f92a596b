"""Delivers events to the targets of rules, as EventBridge does.

moto keeps buses, rules and targets, and knows what matches a pattern. As of 5.2.5 it delivers events that were put
(`PutEvents`, S3's) to log groups, queues, archives and other buses, from the thread that puts them, whatever policies
say and whether or not a rule is switched on; a function as a target is an error. Here functions and queues are
delivered to:

- `rules`: which targets an event goes to, one after the other on a thread of its own.
- `inputs`: what a target is given of an event.
- `targets`: functions and queues, if their policies let the rule; else the target's dead-letter queue.

State machines say what becomes of their executions (`local_cloud/states/status_events.py`). What is never tried again
here is what fails: a function that is not there, or may not be called. Whatever AWS tries again does not happen here.
Schedules are not followed; what else a rule asks for and nobody does is said in the log, once.
"""

from __future__ import annotations

from local_cloud.events.rules import install, publish, stop

__all__ = ["install", "publish", "stop"]
