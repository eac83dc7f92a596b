"""Composite alarms of CloudWatch.

moto 5.2.5 answers with them and cannot make them.
"""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.models import Alarm
from moto.cloudwatch.responses import CloudWatchResponse


def apply() -> None:
    """Add PutCompositeAlarm."""
    CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm
    Alarm.alarm_rule = property(_rule)


def _rule(alarm: Any) -> Any:
    return alarm.rule
