"""CloudWatch dashboard of an API, its functions and its workflows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from cdktf_cdktf_provider_aws.cloudwatch_dashboard import CloudwatchDashboard
from constructs import Construct

from constructs_lib.api.stage import Stage
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_list, check_pattern, path_below
from constructs_lib.errors import LimitExceededError
from constructs_lib.functions.function import Function
from constructs_lib.references import attribute
from constructs_lib.stacks import check_same_stack
from constructs_lib.workflows.workflow import Workflow

_WIDTH: Final = 8
_HEIGHT: Final = 6
_MAX_ROWS: Final = 100

_Metrics = list[tuple[str, str, str]]
"""Metric, statistic, and label of the line."""


class Dashboard(AwsConstruct):
    """CloudWatch dashboard (`aws_cloudwatch_dashboard`) with a row for each stage, function and workflow.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        stages: Stages. Default: none.
        functions: Functions. Default: none.
        workflows: Workflows. Default: none.
        meters: Namespaces of the metrics of a `Meter`. Default: none.
        name: Name in AWS. Default: the stack's prefix and the path below the stack.

    Raises:
        ConstructError: if an argument is not valid, or an argument is in another stack.

    Example:
        >>> stage = Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
        >>> dashboard = Dashboard(stack, "dashboard", stages=[stage], functions=[function])
        >>> dashboard.name
        'shop-dashboard'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stages: Sequence[Stage] = (),
        functions: Sequence[Function] = (),
        workflows: Sequence[Workflow] = (),
        meters: Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        check_list(where, "stages", stages)
        check_list(where, "functions", functions)
        check_list(where, "workflows", workflows)
        title = AwsStack.of(scope).physical_name(where) if name is None else name
        check_pattern(
            where, "name", title, r"[A-Za-z0-9_-]{1,255}", "use 1 to 255 letters, digits, '-' and '_'"
        )
        check_list(where, "meters", meters)
        rows_shown = len(stages) + len(functions) + len(workflows) + 2 * len(meters)
        if rows_shown > _MAX_ROWS:
            raise LimitExceededError(
                where,
                f"has {rows_shown} stages, functions and workflows and can show {_MAX_ROWS}",
                "make two dashboards",
            )
        for shown in (*stages, *functions, *workflows):
            check_same_stack(where, scope, shown)
        stack = AwsStack.of(scope)
        stack.claim(where, "dashboard name", title, scope="account")
        super().__init__(scope, construct_id)
        self._name = title
        rows = [
            *map(_stage_row, stages),
            *(row for namespace in meters for row in _meter_rows(namespace)),
            *map(_function_row, functions),
            *map(_workflow_row, workflows),
        ]
        widgets = [
            {
                "type": "metric",
                "x": column * _WIDTH,
                "y": row * _HEIGHT,
                "width": _WIDTH,
                "height": _HEIGHT,
                "properties": {**properties, "region": stack.region, "view": "timeSeries", "period": 60},
            }
            for row, widgets_of_row in enumerate(rows)
            for column, properties in enumerate(widgets_of_row)
        ]
        self._resource = self._create(
            CloudwatchDashboard,
            "Resource",
            dashboard_name=title,
            dashboard_body=json.dumps({"widgets": widgets}, separators=(",", ":"), sort_keys=True),
        )

    @property
    def name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def resource(self) -> CloudwatchDashboard:
        """The `aws_cloudwatch_dashboard`."""
        return self._resource


def _stage_row(stage: Stage) -> list[dict[str, Any]]:
    api, name = stage.deployment.api.name, stage.stage_name

    def widget(title: str, metrics: _Metrics) -> dict[str, Any]:
        return _widget(f"{api} {name}: {title}", "AWS/ApiGateway", {"ApiName": api, "Stage": name}, metrics)

    return [
        widget("requests", [("Count", "Sum", "requests")]),
        widget("errors", [("4XXError", "Sum", "4xx"), ("5XXError", "Sum", "5xx")]),
        widget(
            "latency",
            [
                ("Latency", "p50", "p50"),
                ("Latency", "p95", "p95"),
                ("Latency", "p99", "p99"),
                ("IntegrationLatency", "p95", "p95 of the function"),
            ],
        ),
    ]


def _meter_rows(namespace: str) -> list[list[dict[str, Any]]]:
    """Return the rows of what calls use, by tenant and by model, as the log lines of the meter have it."""

    def widget(title: str, metric: str, dimension: str, statistic: str = "Sum") -> dict[str, Any]:
        search = f'{{{namespace},"{dimension}"}} MetricName="{metric}"'
        expression = {"expression": f"SEARCH('{search}', '{statistic}', 300)", "id": "e1"}
        return {"title": title, "metrics": [[expression]]}

    tenant, model = "tenant", "gen_ai.request.model"
    return [
        [
            widget("spend in US dollars, by tenant", "spend.usd", tenant),
            widget("spend in US dollars, by model", "spend.usd", model),
            widget("calls that budgets refused, by tenant", "refusals", tenant),
        ],
        [
            widget("tokens written, by model", "gen_ai.client.token.usage.output", model),
            widget("fallbacks, by the model that answered", "fallbacks", model),
            widget("time to the first token in s, p95", "gen_ai.server.time_to_first_token", model, "p95"),
        ],
        [
            widget("guardrail interventions, by action", "guardrail.interventions", "action"),
            widget("guardrail interventions, by route or service", "guardrail.interventions", "guarded"),
        ],
    ]


def _function_row(function: Function) -> list[dict[str, Any]]:
    name = function.function_name

    def widget(title: str, metrics: _Metrics) -> dict[str, Any]:
        return _widget(f"{name}: {title}", "AWS/Lambda", {"FunctionName": name}, metrics)

    return [
        widget(
            "calls",
            [
                ("Invocations", "Sum", "calls"),
                ("Errors", "Sum", "exceptions"),
                ("Throttles", "Sum", "throttled"),
            ],
        ),
        widget(
            "duration",
            [("Duration", "p50", "p50"), ("Duration", "p95", "p95"), ("Duration", "Maximum", "max")],
        ),
        widget("concurrency", [("ConcurrentExecutions", "Maximum", "at once")]),
    ]


def _workflow_row(workflow: Workflow) -> list[dict[str, Any]]:
    name = workflow.workflow_name

    def widget(title: str, metrics: _Metrics) -> dict[str, Any]:
        return _widget(
            f"{name}: {title}",
            "AWS/States",
            {"StateMachineArn": attribute(workflow.resource, "arn")},
            metrics,
        )

    return [
        widget(
            "executions",
            [("ExecutionsStarted", "Sum", "started"), ("ExecutionsSucceeded", "Sum", "succeeded")],
        ),
        widget(
            "failures",
            [
                ("ExecutionsFailed", "Sum", "failed"),
                ("ExecutionsTimedOut", "Sum", "timed out"),
                ("ExecutionsAborted", "Sum", "stopped"),
                ("ExecutionThrottled", "Sum", "throttled"),
            ],
        ),
        widget(
            "duration",
            [
                ("ExecutionTime", "p50", "p50"),
                ("ExecutionTime", "p95", "p95"),
                ("ExecutionTime", "Maximum", "max"),
            ],
        ),
    ]


def _widget(title: str, namespace: str, dimensions: dict[str, str], metrics: _Metrics) -> dict[str, Any]:
    of = [part for pair in dimensions.items() for part in pair]
    return {
        "title": title,
        "metrics": [
            [namespace, metric, *of, {"stat": statistic, "label": label}]
            for metric, statistic, label in metrics
        ],
    }
