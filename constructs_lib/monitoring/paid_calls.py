"""Calls of AWS services that AWS bills by the call, and the CloudWatch metrics that count them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from constructs_lib.checks import check_pattern
from constructs_lib.functions.function import Function
from constructs_lib.monitoring.metric_alarm import MetricAlarm, Namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidCalls:
    """Metric of billed calls. The metrics of Rekognition and Bedrock cover the whole account.

    Attributes:
        what: Name of the calls, for the alarm's description.
        namespace: Namespace of the metric.
        metric: Name of the metric.
        dimensions: Dimensions of the metric.

    Example:
        >>> PaidCalls.of_rekognition("DetectText").dimensions
        {'Operation': 'DetectText'}
    """

    what: str
    namespace: Namespace
    metric: str
    dimensions: Mapping[str, str]

    @classmethod
    def of_rekognition(cls, operation: str) -> PaidCalls:
        """Return the successful calls of an operation of Rekognition, such as `DetectText`.

        Raises:
            InvalidArgumentError: if the name is not valid.
        """
        check_pattern(
            "PaidCalls", "operation", operation, r"[A-Z][A-Za-z]+", "use a name such as 'DetectText'"
        )
        return cls(
            what=f"Rekognition's {operation}",
            namespace="AWS/Rekognition",
            metric="SuccessfulRequestCount",
            dimensions={"Operation": operation},
        )

    @classmethod
    def of_bedrock(cls, model: str) -> PaidCalls:
        """Return the invocations of a model of Bedrock, such as `amazon.nova-lite-v1:0`.

        Raises:
            InvalidArgumentError: if the id is not valid.
        """
        check_pattern(
            "PaidCalls", "model", model, r"[a-z0-9.:-]+", "use a model id such as 'amazon.nova-lite-v1:0'"
        )
        return cls(
            what=f"Bedrock's {model}",
            namespace="AWS/Bedrock",
            metric="Invocations",
            dimensions={"ModelId": model},
        )

    @classmethod
    def of_guardrails(cls) -> PaidCalls:
        """Return the judgements of all guardrails of Bedrock."""
        return cls(
            what="Bedrock's ApplyGuardrail",
            namespace="AWS/Bedrock/Guardrails",
            metric="Invocations",
            dimensions={"Operation": "ApplyGuardrail"},
        )

    @classmethod
    def of_function(cls, function: Function, service: str) -> PaidCalls:
        """Return the calls of a function, for a service without a metric of its own, such as Comprehend.

        Args:
            function: The function that calls the service.
            service: Name of the service.
        """
        return cls(
            what=f"{function.function_name}, which calls {service}",
            namespace="AWS/Lambda",
            metric="Invocations",
            dimensions={"FunctionName": function.function_name},
        )

    def alarm(self, name: str, threshold: int) -> MetricAlarm:
        """Return the alarm on more than a number of calls in five minutes.

        Args:
            name: Name of the alarm in AWS.
            threshold: Number of calls.
        """
        return MetricAlarm(
            name=name,
            description=f"{threshold} or more calls of {self.what}, which AWS bills by the call",
            namespace=self.namespace,
            metric=self.metric,
            dimensions=self.dimensions,
            statistic="Sum",
            threshold=threshold,
            periods=1,
        )
