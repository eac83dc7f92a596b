"""CloudWatch alarm on one metric, as data, and the resource that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from constructs import Construct

from constructs_lib.notifications.alarm_topic import AlarmTopic
from constructs_lib.references import attribute, make

PERIOD_SECONDS: Final = 300

Namespace = Literal["AWS/ApiGateway", "AWS/Bedrock", "AWS/Lambda", "AWS/Rekognition", "AWS/States"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAlarm:
    """CloudWatch alarm on one metric, as data.

    Attributes:
        name: Name in AWS.
        description: What has happened, for the engineer on call.
        namespace: The service whose number it looks at.
        metric: The number.
        dimensions: Of what.
        statistic: How the numbers of a period become one.
        threshold: From where on it is wrong.
        periods: How many of as many and one periods must be over the threshold.
    """

    name: str
    description: str
    namespace: Namespace
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    threshold: float
    periods: int

    def made(self, scope: Construct, topic: AlarmTopic) -> CloudwatchMetricAlarm:
        """Make it, for a topic to tell."""
        told = [attribute(topic.resource, "arn")]
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
            # A single slow request is not 95 of 100.
            evaluate_low_sample_count_percentiles="ignore" if is_percentile else None,
            period=PERIOD_SECONDS,
            evaluation_periods=self.periods + (self.periods > 1),
            datapoints_to_alarm=self.periods,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=self.threshold,
            treat_missing_data="notBreaching",
            alarm_actions=told,
            ok_actions=told,
        )
