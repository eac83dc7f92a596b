"""Gaps of moto's Budgets that Terraform needs closed: updates, subscribers, tags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud_in_thread import ACCOUNT, CloudInThread

BUDGET = {
    "BudgetName": "monthly",
    "BudgetType": "COST",
    "TimeUnit": "MONTHLY",
    "BudgetLimit": {"Amount": "100", "Unit": "USD"},
}
NOTIFICATION = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
SUBSCRIBER = {"SubscriptionType": "SNS", "Address": "arn:aws:sns:us-east-1:123456789012:alarms"}
ARN = f"arn:aws:budgets::{ACCOUNT}:budget/monthly"


@pytest.fixture(scope="module")
def budgets(cloud: CloudInThread) -> Any:
    client = cloud.client("budgets")
    client.create_budget(AccountId=ACCOUNT, Budget=BUDGET, ResourceTags=[{"Key": "a", "Value": "1"}])
    return client


def test_limit_is_updated(budgets: Any) -> None:
    changed = {**BUDGET, "BudgetLimit": {"Amount": "200", "Unit": "USD"}}
    before = budgets.describe_budget(AccountId=ACCOUNT, BudgetName="monthly")["Budget"]
    budgets.update_budget(AccountId=ACCOUNT, NewBudget=changed)
    after = budgets.describe_budget(AccountId=ACCOUNT, BudgetName="monthly")["Budget"]
    assert after["BudgetLimit"] == changed["BudgetLimit"]
    assert after["TimePeriod"] == before["TimePeriod"]
    with pytest.raises(budgets.exceptions.NotFoundException):
        budgets.update_budget(AccountId=ACCOUNT, NewBudget={**BUDGET, "BudgetName": "other"})


def test_subscribers_of_a_notification(budgets: Any) -> None:
    named = {"AccountId": ACCOUNT, "BudgetName": "monthly"}
    budgets.create_notification(**named, Notification=NOTIFICATION, Subscribers=[SUBSCRIBER])
    found = budgets.describe_subscribers_for_notification(**named, Notification=NOTIFICATION)
    assert found["Subscribers"] == [SUBSCRIBER]
    with pytest.raises(budgets.exceptions.NotFoundException):
        budgets.describe_subscribers_for_notification(
            **named, Notification={**NOTIFICATION, "Threshold": 90.0}
        )


def test_tags(budgets: Any) -> None:
    budgets.tag_resource(ResourceARN=ARN, ResourceTags=[{"Key": "b", "Value": "2"}])
    budgets.untag_resource(ResourceARN=ARN, ResourceTagKeys=["a"])
    assert budgets.list_tags_for_resource(ResourceARN=ARN)["ResourceTags"] == [{"Key": "b", "Value": "2"}]
