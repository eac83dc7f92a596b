"""CloudWatch alarms of a stage, its functions and its workflows, each with a topic to notify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from constructs import Construct

from constructs_lib.api.stage import Stage
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_list, check_mapping, check_range, check_type, path_below
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.functions.function import Function
from constructs_lib.monitoring.metric_alarm import MetricAlarm
from constructs_lib.monitoring.paid_calls import PaidCalls
from constructs_lib.notifications.alarm_topic import AlarmTopic
from constructs_lib.references import attribute
from constructs_lib.stacks import check_same_stack
from constructs_lib.workflows.workflow import Workflow

_PERCENT_OF_LIMIT = 80
"""Share of a function's or workflow's limit, in percent, that triggers an alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Thresholds of alarms.

    Attributes:
        server_error_percent: Share of requests with 5xx in percent, 1-100. Default: 5.
        client_error_percent: Share of requests with 4xx in percent, 429 for limits included, 1-100. Default: 50.
        latency_ms: 95th percentile of the latency in milliseconds. Default: 10000.
        function_errors: Invocations of a function that fail in five minutes. Default: 1.
        workflow_failures: Executions of a workflow that fail in five minutes. Input of callers can cause some. Default: 5.
        jobs_started: Executions of a Standard workflow that start in five minutes. Default: 100.
        paid_calls: Calls of a paid service in five minutes. Default: 1000.

    Raises:
        ConstructError: if a threshold is not valid.

    Example:
        >>> Thresholds(latency_ms=2000).server_error_percent
        5
    """

    server_error_percent: int = 5
    client_error_percent: int = 50
    latency_ms: int = 10_000
    function_errors: int = 1
    workflow_failures: int = 5
    jobs_started: int = 100
    paid_calls: int = 1000

    def __post_init__(self) -> None:
        check_range("Thresholds", "server_error_percent", self.server_error_percent, 1, 100)
        check_range("Thresholds", "client_error_percent", self.client_error_percent, 1, 100)
        check_range("Thresholds", "latency_ms", self.latency_ms, 1, 900_000)
        check_range("Thresholds", "function_errors", self.function_errors, 1, 1_000_000)
        check_range("Thresholds", "workflow_failures", self.workflow_failures, 1, 1_000_000)
        check_range("Thresholds", "jobs_started", self.jobs_started, 1, 1_000_000)
        check_range("Thresholds", "paid_calls", self.paid_calls, 1, 1_000_000_000)


class Alarms(AwsConstruct):
    """Alarms of stages, functions and workflows (`aws_cloudwatch_metric_alarm`), which notify a topic.

    - Each stage: share of 5xx, share of 4xx (API Gateway counts throttled requests there), latency unless a route streams.
    - Each function: failures, throttles, invocations that take 80 % of the timeout, and 80 % of a reserved concurrency.
    - Each workflow: executions that fail, time out or are throttled. `EXPRESS`: more than 5 % of the executions take 80 %
      of the longest duration. `STANDARD`: executions that start.
    - Paid services: calls.

    Alarms also notify when they end. Periods without requests are fine. Queues have `DeadLetterQueue.alarm`.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        topic: Topic to notify.
        stages: Stages. Default: none.
        functions: Functions. Default: none.
        workflows: Workflows. Default: none.
        paid_calls: Calls of paid services by the name of the alarm, such as `shop-detect-text`. Default: none.
        thresholds: Thresholds. Default: `Thresholds()`.

    Raises:
        ConstructError: if there is nothing to watch, or an argument is in another stack.

    Example:
        >>> topic = AlarmTopic(stack, "alarm-topic", encryption_key=EncryptionKey(stack, "key"))
        >>> stage = Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
        >>> alarms = Alarms(stack, "alarms", topic=topic, stages=[stage], functions=[function])
        >>> sorted(alarms.resources)[:3]
        ['given-prod-client-errors', 'given-prod-latency', 'given-prod-server-errors']
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: AlarmTopic,
        stages: Sequence[Stage] = (),
        functions: Sequence[Function] = (),
        workflows: Sequence[Workflow] = (),
        paid_calls: Mapping[str, PaidCalls] | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        if not isinstance(topic, AlarmTopic):
            raise InvalidArgumentError(
                where,
                f"topic is of type {type(topic).__name__}",
                "pass AlarmTopic(...), which notifies the operators",
            )
        check_type(where, "thresholds", thresholds, Thresholds)
        check_mapping(where, "paid_calls", paid_calls)
        check_list(where, "stages", stages)
        check_list(where, "functions", functions)
        check_list(where, "workflows", workflows)
        if not stages and not functions and not workflows and not paid_calls:
            raise InvalidArgumentError(
                where,
                "watches nothing",
                "pass stages=[...], functions=[...], workflows=[...] or paid_calls={...}",
            )
        kinds: dict[str, Sequence[Construct]] = {
            "stage": stages,
            "function": functions,
            "workflow": workflows,
        }
        for kind, many in kinds.items():
            if len(set(many)) < len(many):
                raise ConflictError(where, f"{kind}s has a {kind} twice", "remove one of the two")
        for watched in (topic, *stages, *functions, *workflows):
            check_same_stack(where, scope, watched)
        limits = thresholds or Thresholds()
        wanted = [
            *(alarm for stage in stages for alarm in _of_stage(stage, limits)),
            *(alarm for function in functions for alarm in _of_function(function, limits)),
            *(alarm for workflow in workflows for alarm in _of_workflow(workflow, limits)),
            *(calls.alarm(name, limits.paid_calls) for name, calls in (paid_calls or {}).items()),
        ]
        stack = AwsStack.of(scope)
        for alarm in wanted:
            stack.claim(where, "alarm", alarm.name, "pass it to one Alarms only")
        super().__init__(scope, construct_id)
        self._resources = {alarm.name: alarm.made(self, topic) for alarm in wanted}

    @property
    def resources(self) -> Mapping[str, CloudwatchMetricAlarm]:
        """The `aws_cloudwatch_metric_alarm`s by their names in AWS."""
        return MappingProxyType(self._resources)


def _of_stage(stage: Stage, limits: Thresholds) -> list[MetricAlarm]:
    api, name = stage.deployment.api.name, stage.stage_name
    prefix = f"{api.replace(' ', '-')}-{name}"
    dimensions = {"ApiName": api, "Stage": name}
    alarms = [
        MetricAlarm(
            name=f"{prefix}-server-errors",
            description=f"{limits.server_error_percent} % of the requests to {api} are answered with 5xx",
            namespace="AWS/ApiGateway",
            metric="5XXError",
            dimensions=dimensions,
            statistic="Average",
            threshold=limits.server_error_percent / 100,
            periods=2,
        ),
        MetricAlarm(
            name=f"{prefix}-client-errors",
            description=f"{limits.client_error_percent} % of the requests to {api} are throttled or refused (4xx)",
            namespace="AWS/ApiGateway",
            metric="4XXError",
            dimensions=dimensions,
            statistic="Average",
            threshold=limits.client_error_percent / 100,
            periods=2,
        ),
    ]
    if not any(route.integration.streamed for route in stage.deployment.api.definition.routes):
        alarms.append(
            MetricAlarm(
                name=f"{prefix}-latency",
                description=f"5 % of the requests to {api} take {limits.latency_ms} ms or more",
                namespace="AWS/ApiGateway",
                metric="Latency",
                dimensions=dimensions,
                statistic="p95",
                threshold=limits.latency_ms,
                periods=2,
            )
        )
    return alarms


def _of_function(function: Function, limits: Thresholds) -> list[MetricAlarm]:
    name = function.function_name
    dimensions = {"FunctionName": name}
    alarms = [
        MetricAlarm(
            name=f"{name}-errors",
            description=f"{limits.function_errors} or more calls of {name} ended in an exception",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions=dimensions,
            statistic="Sum",
            threshold=limits.function_errors,
            periods=1,
        ),
        MetricAlarm(
            name=f"{name}-throttles",
            description=f"Calls of {name} are refused, because too many run at once",
            namespace="AWS/Lambda",
            metric="Throttles",
            dimensions=dimensions,
            statistic="Sum",
            threshold=1,
            periods=1,
        ),
        MetricAlarm(
            name=f"{name}-duration",
            description=f"A call of {name} took {_PERCENT_OF_LIMIT} % of its timeout of {function.timeout_seconds} s",
            namespace="AWS/Lambda",
            metric="Duration",
            dimensions=dimensions,
            statistic="Maximum",
            threshold=function.timeout_seconds * 10 * _PERCENT_OF_LIMIT,
            periods=2,
        ),
    ]
    reserved = function.reserved_concurrency
    if reserved:
        alarms.append(
            MetricAlarm(
                name=f"{name}-concurrency",
                description=f"{_PERCENT_OF_LIMIT} % of the {reserved} calls of {name} that may run at once do",
                namespace="AWS/Lambda",
                metric="ConcurrentExecutions",
                dimensions=dimensions,
                statistic="Maximum",
                threshold=max(1, reserved * _PERCENT_OF_LIMIT // 100),
                periods=2,
            )
        )
    return alarms


def _of_workflow(workflow: Workflow, limits: Thresholds) -> list[MetricAlarm]:
    name = workflow.workflow_name

    def alarm(
        kind: str,
        description: str,
        metric: str,
        threshold: float,
        *,
        statistic: str = "Sum",
        periods: int = 1,
    ) -> MetricAlarm:
        return MetricAlarm(
            name=f"{name}-executions-{kind}",
            description=description,
            namespace="AWS/States",
            metric=metric,
            # Express workflows have the same metric for all ways of starting them.
            dimensions={"StateMachineArn": attribute(workflow.resource, "arn")},
            statistic=statistic,
            threshold=threshold,
            periods=periods,
        )

    failures = limits.workflow_failures
    alarms = [
        alarm("failed", f"{failures} or more executions of {name} failed", "ExecutionsFailed", failures),
        alarm("timed-out", f"An execution of {name} took too long and was ended", "ExecutionsTimedOut", 1),
        alarm("throttled", f"States of {name} had to wait, too many run at once", "ExecutionThrottled", 1),
    ]
    if workflow.kind == "EXPRESS":
        longest = workflow.longest_seconds
        alarms.append(
            alarm(
                "slow",
                f"5 % of the executions of {name} take {_PERCENT_OF_LIMIT} % of the {longest:g} s they may",
                "ExecutionTime",
                longest * 10 * _PERCENT_OF_LIMIT,
                statistic="p95",
                periods=2,
            )
        )
    else:
        started = limits.jobs_started
        alarms.append(
            alarm("started", f"{started} or more executions of {name} started", "ExecutionsStarted", started)
        )
    return alarms
