"""Composite alarms of CloudWatch: moto 5.2.5 answers with them and cannot make them."""

from __future__ import annotations

from moto.cloudwatch.models import Alarm
from moto.cloudwatch.responses import CloudWatchResponse

CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm
Alarm.alarm_rule = property(lambda alarm: alarm.rule)
