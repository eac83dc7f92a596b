"""AlarmTopic, Alarms and Dashboard: metrics, thresholds and recipients."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    Alarms,
    AlarmTopic,
    AwsStack,
    Budget,
    ConflictError,
    ConstructError,
    Dashboard,
    Deployment,
    EncryptionKey,
    ExistingApiGatewayAccount,
    Function,
    InvalidArgumentError,
    LimitExceededError,
    PaidCalls,
    RestApi,
    Stage,
    Succeed,
    Thresholds,
    Wait,
    Workflow,
)
from tests.support.synthesis import (
    Configuration,
    FakeArchive,
    children,
    public_method,
    refused,
    statements,
)


@pytest.fixture
def key(stack: AwsStack) -> EncryptionKey:
    return EncryptionKey(stack, "key")


@pytest.fixture
def topic(stack: AwsStack, key: EncryptionKey) -> AlarmTopic:
    return AlarmTopic(stack, "topic", encryption_key=key)


@pytest.fixture
def stage(stack: AwsStack, api: RestApi, function: Function) -> Stage:
    public_method(api, function)
    deployment = Deployment(stack, "deployment", api=api)
    return Stage(
        stack, "stage", deployment=deployment, stage_name="prod", account=ExistingApiGatewayAccount()
    )


def test_cloudwatch_can_publish_to_the_encrypted_topic(stack: AwsStack, topic: AlarmTopic) -> None:
    configuration = Configuration(stack)
    address = configuration.address("sns_topic")
    assert configuration.only("sns_topic") == {
        "kms_master_key_id": f"${{{configuration.address('kms_key')}.arn}}",
        "name": "shop-topic",
    }
    alarms = statements(configuration.only("kms_key")["policy"])[1]
    assert alarms == {
        "Sid": "Alarms",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
    }
    policy = configuration.only("sns_topic_policy")
    assert policy["arn"] == f"${{{address}.arn}}"
    publish, tls = statements(policy["policy"])
    assert (publish["Action"], publish["Resource"]) == ("sns:Publish", f"${{{address}.arn}}")
    assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(publish["Condition"]) == {"StringEquals", "ArnLike"}
    assert publish["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":alarm:*")
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_people_are_told_by_mail(stack: AwsStack, topic: AlarmTopic) -> None:
    topic.add_email("ops@shop.example")
    topic.add_email("boss@shop.example")
    configuration = Configuration(stack)
    subscriptions = configuration.all("sns_topic_subscription").values()
    assert [(one["protocol"], one["endpoint"]) for one in subscriptions] == [
        ("email", "boss@shop.example"),
        ("email", "ops@shop.example"),
    ]
    assert topic.emails == ("ops@shop.example", "boss@shop.example")
    assert refused(lambda: topic.add_email("ops@shop.example")) == (
        ConflictError,
        "shop/topic: ops@shop.example is subscribed already; remove one of the two",
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {},
            ConflictError,
            (
                "has no key, and CloudWatch cannot publish to a topic that AWS's own key encrypts; pass "
                "encryption_key=EncryptionKey(...), or call stack.encrypt_with"
            ),
        ),
        (
            {"name": "a b"},
            InvalidArgumentError,
            "name 'a b' is not valid; use 1 to 256 letters, digits, '-' and '_'",
        ),
        (
            {"emails": "ops@shop.example"},
            InvalidArgumentError,
            "emails 'ops@shop.example' is not a list of strings; pass ['ops@shop.example']",
        ),
        (
            {"emails": ["ops"]},
            InvalidArgumentError,
            "emails 'ops' is not valid; use addresses, such as 'ops@shop.example'",
        ),
    ],
)
def test_topics_that_are_refused(
    stack: AwsStack, arguments: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    before = children(stack)
    assert refused(lambda: AlarmTopic(stack, "topic", **arguments)) == (kind, f"shop/topic: {problem}")
    assert children(stack) == before


def test_every_alarm_tells_somebody(
    stack: AwsStack, topic: AlarmTopic, stage: Stage, archive: FakeArchive, function: Function
) -> None:
    limited = Function(stack, "limited", archive=archive, timeout_seconds=20, reserved_concurrency=10)
    alarms = Alarms(stack, "alarms", topic=topic, stages=[stage], functions=[function, limited])
    configuration = Configuration(stack)
    by_name = {one["alarm_name"]: one for one in configuration.all("cloudwatch_metric_alarm").values()}
    topics = [f"${{{configuration.address('sns_topic')}.arn}}"]
    assert set(by_name) == set(alarms.resources)
    assert {
        name: (
            one["metric_name"],
            one.get("statistic", one.get("extended_statistic")),
            one["threshold"],
            f"{one['datapoints_to_alarm']} of {one['evaluation_periods']}",
        )
        for name, one in by_name.items()
    } == {
        "shop-prod-server-errors": ("5XXError", "Average", 0.05, "2 of 3"),
        "shop-prod-client-errors": ("4XXError", "Average", 0.5, "2 of 3"),
        "shop-prod-latency": ("Latency", "p95", 10_000, "2 of 3"),
        "shop-chat-errors": ("Errors", "Sum", 1, "1 of 1"),
        "shop-chat-throttles": ("Throttles", "Sum", 1, "1 of 1"),
        "shop-chat-duration": ("Duration", "Maximum", 8_000, "2 of 3"),
        "shop-limited-errors": ("Errors", "Sum", 1, "1 of 1"),
        "shop-limited-throttles": ("Throttles", "Sum", 1, "1 of 1"),
        "shop-limited-duration": ("Duration", "Maximum", 16_000, "2 of 3"),
        "shop-limited-concurrency": ("ConcurrentExecutions", "Maximum", 8, "2 of 3"),
    }
    for name, one in by_name.items():
        assert (one["alarm_actions"], one["ok_actions"]) == (topics, topics), name
        assert one["treat_missing_data"] == "notBreaching"
        of_stage = name.startswith("shop-prod")
        assert one["namespace"] == ("AWS/ApiGateway" if of_stage else "AWS/Lambda")
        assert set(one["dimensions"]) == ({"ApiName", "Stage"} if of_stage else {"FunctionName"})


@pytest.fixture
def workflows(stack: AwsStack) -> list[Workflow]:
    quick = Workflow(stack, "quick", definition=Wait("a while", seconds=15) >> Succeed("done"))
    slow = Workflow(stack, "slow", definition=Wait("long", seconds=900) >> Succeed("done"), kind="STANDARD")
    return [quick, slow]


def test_workflows_that_fail_time_out_wait_or_are_slow_wake_somebody_up(
    stack: AwsStack, topic: AlarmTopic, workflows: list[Workflow]
) -> None:
    Alarms(stack, "alarms", topic=topic, workflows=workflows)
    configuration = Configuration(stack)
    by_name = {one["alarm_name"]: one for one in configuration.all("cloudwatch_metric_alarm").values()}
    assert {
        name: (
            one["metric_name"],
            one.get("statistic", one.get("extended_statistic")),
            one["threshold"],
            f"{one['datapoints_to_alarm']} of {one['evaluation_periods']}",
        )
        for name, one in by_name.items()
    } == {
        "shop-quick-executions-failed": ("ExecutionsFailed", "Sum", 5, "1 of 1"),
        "shop-quick-executions-timed-out": ("ExecutionsTimedOut", "Sum", 1, "1 of 1"),
        "shop-quick-executions-throttled": ("ExecutionThrottled", "Sum", 1, "1 of 1"),
        "shop-quick-executions-slow": ("ExecutionTime", "p95", 12_000, "2 of 3"),
        "shop-slow-executions-failed": ("ExecutionsFailed", "Sum", 5, "1 of 1"),
        "shop-slow-executions-timed-out": ("ExecutionsTimedOut", "Sum", 1, "1 of 1"),
        "shop-slow-executions-throttled": ("ExecutionThrottled", "Sum", 1, "1 of 1"),
        "shop-slow-executions-started": ("ExecutionsStarted", "Sum", 100, "1 of 1"),
    }
    topics = [f"${{{configuration.address('sns_topic')}.arn}}"]
    arns = {
        body["name"]: f"${{{address}.arn}}"
        for address, body in configuration.all("sfn_state_machine").items()
    }
    for name, one in by_name.items():
        assert (one["namespace"], one["alarm_actions"], one["ok_actions"]) == ("AWS/States", topics, topics)
        assert one["dimensions"] == {"StateMachineArn": arns[name.partition("-executions")[0]]}
        assert one["treat_missing_data"] == "notBreaching"


def test_calls_that_cost_money_wake_somebody_up(
    stack: AwsStack, topic: AlarmTopic, function: Function
) -> None:
    paid = {
        "shop-text": PaidCalls.of_rekognition("DetectText"),
        "shop-nova": PaidCalls.of_bedrock("amazon.nova-lite-v1:0"),
        "shop-guardrails": PaidCalls.of_guardrails(),
        "shop-comprehend": PaidCalls.of_function(function, "comprehend"),
    }
    Alarms(stack, "alarms", topic=topic, paid_calls=paid, thresholds=Thresholds(paid_calls=50))
    alarms = Configuration(stack).all("cloudwatch_metric_alarm").values()
    assert {
        one["alarm_name"]: (one["namespace"], one["metric_name"], one["dimensions"]) for one in alarms
    } == {
        "shop-text": ("AWS/Rekognition", "SuccessfulRequestCount", {"Operation": "DetectText"}),
        "shop-nova": ("AWS/Bedrock", "Invocations", {"ModelId": "amazon.nova-lite-v1:0"}),
        "shop-guardrails": ("AWS/Bedrock/Guardrails", "Invocations", {"Operation": "ApplyGuardrail"}),
        "shop-comprehend": ("AWS/Lambda", "Invocations", {"FunctionName": "shop-chat"}),
    }
    assert {(one["statistic"], one["threshold"], one["period"]) for one in alarms} == {("Sum", 50, 300)}
    assert {one["alarm_description"] for one in alarms} == {
        "50 or more calls of Rekognition's DetectText, which AWS bills by the call",
        "50 or more calls of Bedrock's amazon.nova-lite-v1:0, which AWS bills by the call",
        "50 or more calls of Bedrock's ApplyGuardrail, which AWS bills by the call",
        "50 or more calls of shop-chat, which calls comprehend, which AWS bills by the call",
    }


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (
            lambda: PaidCalls.of_rekognition("detect text"),
            "operation 'detect text' is not valid; use a name such as 'DetectText'",
        ),
        (
            lambda: PaidCalls.of_bedrock("Nova"),
            "model 'Nova' is not valid; use a model id such as 'amazon.nova-lite-v1:0'",
        ),
    ],
)
def test_calls_that_no_metric_counts(act: Callable[[], object], problem: str) -> None:
    assert refused(act) == (InvalidArgumentError, f"PaidCalls: {problem}")


def test_a_budget_notifies_the_topic_before_the_money_is_spent(stack: AwsStack, topic: AlarmTopic) -> None:
    Budget(stack, "budget", topic=topic, monthly_usd=250)
    Budget(stack, "more", topic=topic, monthly_usd=1000)
    configuration = Configuration(stack)
    budgets = {body["name"]: body for body in configuration.all("budgets_budget").values()}
    assert set(budgets) == {"shop-budget", "shop-more"}
    budget = budgets["shop-budget"]
    assert (budget["budget_type"], budget["time_unit"]) == ("COST", "MONTHLY")
    assert (budget["limit_amount"], budget["limit_unit"]) == ("250.0", "USD")
    assert budget["depends_on"] == [configuration.address("sns_topic_policy")]
    topics = [f"${{{configuration.address('sns_topic')}.arn}}"]
    assert [
        (one["notification_type"], one["comparison_operator"], one["threshold"], one["threshold_type"])
        for one in budget["notification"]
    ] == [
        ("ACTUAL", "GREATER_THAN", 80, "PERCENTAGE"),
        ("FORECASTED", "GREATER_THAN", 100, "PERCENTAGE"),
        ("ACTUAL", "GREATER_THAN", 100, "PERCENTAGE"),
    ]
    assert all(one["subscriber_sns_topic_arns"] == topics for one in budget["notification"])
    publishers = {one["Sid"]: one for one in statements(configuration.only("sns_topic_policy")["policy"])}
    assert list(publishers) == ["Alarms", "Budgets", "TlsOnly"]
    assert publishers["Budgets"]["Principal"] == {"Service": "budgets.amazonaws.com"}
    condition = publishers["Budgets"]["Condition"]
    assert condition["ArnLike"]["aws:SourceArn"].startswith("arn:${data.aws_partition.")
    decrypts = [one for one in statements(configuration.only("kms_key")["policy"]) if one["Sid"] == "Budgets"]
    assert [(one["Principal"], one["Condition"]) for one in decrypts] == [
        ({"Service": "budgets.amazonaws.com"}, condition)
    ]


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        ({"monthly_usd": 0}, LimitExceededError, "monthly_usd is 0; use 1 to 1000000"),
        (
            {"name": "a:b"},
            InvalidArgumentError,
            "name 'a:b' is not valid; use 1 to 100 characters without ':', '/' and '\\'",
        ),
        ({"topic": None}, InvalidArgumentError, "topic is of type NoneType; pass AlarmTopic(...)"),
    ],
)
def test_budgets_that_are_refused(
    stack: AwsStack, topic: AlarmTopic, arguments: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    before = children(stack)
    given = {"topic": topic, "monthly_usd": 100, **arguments}
    assert refused(lambda: Budget(stack, "budget", **given)) == (kind, f"shop/budget: {problem}")
    assert children(stack) == before


def test_the_thresholds_can_be_chosen(stack: AwsStack, topic: AlarmTopic, stage: Stage) -> None:
    chosen = Thresholds(server_error_percent=1, client_error_percent=20, latency_ms=500)
    Alarms(stack, "alarms", topic=topic, stages=[stage], thresholds=chosen)
    alarms = Configuration(stack).all("cloudwatch_metric_alarm").values()
    assert {one["metric_name"]: one["threshold"] for one in alarms} == {
        "5XXError": 0.01,
        "4XXError": 0.2,
        "Latency": 500,
    }


def test_alarms_that_are_refused(stack: AwsStack, topic: AlarmTopic, function: Function, app: App) -> None:
    before = children(stack)
    assert refused(lambda: Alarms(stack, "alarms", topic=topic)) == (
        InvalidArgumentError,
        "shop/alarms: watches nothing; pass stages=[...], functions=[...], workflows=[...] or paid_calls={...}",
    )
    assert refused(lambda: Alarms(stack, "alarms", topic=None, functions=[function])) == (  # type: ignore[arg-type]
        InvalidArgumentError,
        "shop/alarms: topic is of type NoneType; pass AlarmTopic(...), which notifies the operators",
    )
    assert refused(lambda: Alarms(stack, "alarms", topic=topic, functions=[function, function])) == (
        ConflictError,
        "shop/alarms: functions has a function twice; remove one of the two",
    )
    elsewhere = AwsStack(app, "elsewhere", region="us-east-1")
    assert refused(lambda: Alarms(elsewhere, "alarms", topic=topic, functions=[function]))[0] is ConflictError
    assert children(stack) == before
    Alarms(stack, "alarms", topic=topic, functions=[function])
    assert refused(lambda: Alarms(stack, "again", topic=topic, functions=[function])) == (
        ConflictError,
        ("shop/again: alarm 'shop-chat-errors' is taken by shop/alarms; pass it to one Alarms only"),
    )


def test_thresholds_that_are_refused() -> None:
    assert refused(lambda: Thresholds(workflow_failures=0)) == (
        LimitExceededError,
        "Thresholds: workflow_failures is 0; use 1 to 1000000",
    )
    assert refused(lambda: Thresholds(server_error_percent=0)) == (
        LimitExceededError,
        "Thresholds: server_error_percent is 0; use 1 to 100",
    )


def test_the_dashboard_shows_the_stage_and_each_function(
    stack: AwsStack, stage: Stage, function: Function, archive: FakeArchive
) -> None:
    other = Function(stack, "other", archive=archive)
    Dashboard(stack, "dashboard", stages=[stage], functions=[function, other])
    dashboard = Configuration(stack).only("cloudwatch_dashboard")
    assert dashboard["dashboard_name"] == "shop-dashboard"
    widgets = json.loads(dashboard["dashboard_body"])["widgets"]
    assert [(one["x"], one["y"], one["properties"]["title"]) for one in widgets] == [
        (0, 0, "shop prod: requests"),
        (8, 0, "shop prod: errors"),
        (16, 0, "shop prod: latency"),
        (0, 6, "shop-chat: calls"),
        (8, 6, "shop-chat: duration"),
        (16, 6, "shop-chat: concurrency"),
        (0, 12, "shop-other: calls"),
        (8, 12, "shop-other: duration"),
        (16, 12, "shop-other: concurrency"),
    ]
    assert widgets[0]["properties"] == {
        "metrics": [
            [
                "AWS/ApiGateway",
                "Count",
                "ApiName",
                "shop",
                "Stage",
                "prod",
                {"label": "requests", "stat": "Sum"},
            ]
        ],
        "period": 60,
        "region": "us-east-1",
        "title": "shop prod: requests",
        "view": "timeSeries",
    }


def test_the_dashboard_shows_each_workflow(stack: AwsStack, stage: Stage, workflows: list[Workflow]) -> None:
    Dashboard(stack, "dashboard", stages=[stage], workflows=workflows)
    configuration = Configuration(stack)
    widgets = json.loads(configuration.only("cloudwatch_dashboard")["dashboard_body"])["widgets"]
    assert [(one["x"], one["y"], one["properties"]["title"]) for one in widgets[3:6]] == [
        (0, 6, "shop-quick: executions"),
        (8, 6, "shop-quick: failures"),
        (16, 6, "shop-quick: duration"),
    ]
    shown = {
        (namespace, dimension, arn)
        for one in widgets[3:6]
        for namespace, _, dimension, arn, _ in one["properties"]["metrics"]
    }
    (quick,) = (
        address
        for address, body in configuration.all("sfn_state_machine").items()
        if body["name"] == "shop-quick"
    )
    assert shown == {("AWS/States", "StateMachineArn", f"${{{quick}.arn}}")}


def test_dashboards_that_are_refused(stack: AwsStack, stage: Stage, function: Function) -> None:
    assert (
        refused(lambda: Dashboard(stack, "dashboard", stages=[stage], name="a b"))[0] is InvalidArgumentError
    )
    assert refused(lambda: Dashboard(stack, "dashboard", stages=[stage], functions=[function] * 101)) == (
        LimitExceededError,
        "shop/dashboard: has 102 stages, functions and workflows and can show 100; make two dashboards",
    )
    Dashboard(stack, "dashboard", stages=[stage], name="shop")
    assert refused(lambda: Dashboard(stack, "again", stages=[stage], name="shop"))[0] is ConflictError
