"""Protection: it watches everything in its stack, created before it or after it."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_lib import (
    AwsStack,
    DeadLetterQueue,
    EncryptionKey,
    Function,
    LambdaIntegration,
    Pass,
    Protection,
    Public,
    RestApi,
    Stage,
    UserPool,
    Workflow,
)
from tests.support.synthesis import Configuration, FakeArchive


@pytest.fixture
def stage(stack: AwsStack, function: Function) -> Stage:
    api = RestApi(stack, "api", name="shop")
    api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
    return api.deploy("prod")


def alarms(stack: AwsStack) -> dict[str, Any]:
    return {body["alarm_name"]: body for body in Configuration(stack).all("cloudwatch_metric_alarm").values()}


def test_it_finds_what_is_created_after_it(stack: AwsStack, stage: Stage, archive: FakeArchive) -> None:
    protection = Protection(stack, "protection", monthly_usd=50, emails=["ops@shop.example"])
    Function(stack, "later", archive=archive)
    Workflow(stack, "flow", definition=Pass("done"))
    UserPool(stack, "users")
    watched, quiet = DeadLetterQueue(stack, "failed"), DeadLetterQueue(stack, "quiet")
    quiet.alarm(protection.topic, description="Mine")
    found = alarms(stack)
    assert {
        "shop-chat-errors",
        "shop-later-errors",
        "shop-flow-executions-failed",
        "shop-prod-latency",
    } <= set(found)
    assert found[watched.name]["alarm_description"].startswith("Messages could not be processed")
    assert found[quiet.name]["alarm_description"] == "Mine"
    configuration = Configuration(stack)
    assert len(configuration.all("wafv2_web_acl_association")) == 2
    assert configuration.only("budgets_budget")["limit_amount"] == "50.0"
    topic = configuration.address("sns_topic")
    assert {tuple(alarm["alarm_actions"]) for alarm in found.values()} == {(f"${{{topic}.arn}}",)}
    assert "shop-later: calls" in configuration.only("cloudwatch_dashboard")["dashboard_body"]


def test_its_topic_has_the_key_of_the_stack_or_one_of_its_own(app: Any, archive: FakeArchive) -> None:
    for name, encrypted in (("one", True), ("two", False)):
        stack = AwsStack(app, name, region="us-east-1")
        if encrypted:
            stack.encrypt_with(EncryptionKey(stack, "key"))
        api = RestApi(stack, "api", name=name)
        function = Function(stack, "chat", archive=archive)
        api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
        api.deploy("prod", cloudwatch_role="existing")
        Protection(stack, "protection", monthly_usd=50)
        (key,) = Configuration(stack).all("kms_key")
        assert key.split(".")[1].startswith("key_" if encrypted else "protection_key_")
