"""CloudWatch alarm on one metric, as data and as a resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from constructs import Construct

from constructs_lib.notifications.alarm_topic import AlarmTopic
from constructs_lib.references import attribute, make

PERIOD_SECONDS: Final = 300

Namespace = Literal[
    "AWS/ApiGateway", "AWS/Bedrock", "AWS/Bedrock/Guardrails", "AWS/Lambda", "AWS/Rekognition", "AWS/States"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAlarm:
    """CloudWatch alarm on one metric, as data.

    Attributes:
        name: Name in AWS.
        description: Explanation for the engineer on call.
        namespace: Namespace of the metric.
        metric: Name of the metric.
        dimensions: Dimensions of the metric.
        statistic: Statistic of a period.
        threshold: Threshold.
        periods: Number n of periods above the threshold, out of n + 1, that trigger the alarm.
    """

    name: str
    description: str
    namespace: Namespace | str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    threshold: float
    periods: int

    def made(self, scope: Construct, topic: AlarmTopic) -> CloudwatchMetricAlarm:
        """Create the alarm, which notifies a topic."""
        topics = [attribute(topic.resource, "arn")]
        is_percentile = self.statistic.startswith("p")
        return make(
            CloudwatchMetricAlarm,
            scope,
            self.name,
            alarm_name=self.name,
            alarm_description=self.description,
            namespace=self.namespace,
            metric_name=self.metric,
            dimensions=dict(self.dimensions),
            statistic=None if is_percentile else self.statistic,
            extended_statistic=self.statistic if is_percentile else None,
            # A single slow request is not the 95th percentile.
            evaluate_low_sample_count_percentiles="ignore" if is_percentile else None,
            period=PERIOD_SECONDS,
            evaluation_periods=self.periods + (self.periods > 1),
            datapoints_to_alarm=self.periods,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=self.threshold,
            treat_missing_data="notBreaching",
            alarm_actions=topics,
            ok_actions=topics,
        )
