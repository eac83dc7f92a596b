"""AWS Budgets: updates, subscribers of notifications, and tags, which moto 5.2.5 does not have."""

from __future__ import annotations

import json
from typing import Any

from moto.budgets.exceptions import NotFoundException
from moto.budgets.models import Budget
from moto.budgets.responses import BudgetsResponse

from local_cloud.patches import replaces


@replaces(BudgetsResponse)
def _update_budget(response: Any) -> str:
    settings = response._get_param("NewBudget")
    stored = _budget(response, settings["BudgetName"])
    stored.budget = Budget({"TimePeriod": stored.budget["TimePeriod"], **settings}, []).budget
    return "{}"


@replaces(BudgetsResponse)
def _describe_subscribers_for_notification(response: Any) -> str:
    wanted = response._get_param("Notification")
    for notification in _budget(response, response._get_param("BudgetName")).notifications:
        if notification.details.items() >= wanted.items():
            return json.dumps({"Subscribers": notification.subscribers})
    raise NotFoundException("Unable to get subscribers - the notification doesn't exist.")


@replaces(BudgetsResponse)
def _tag_resource(response: Any) -> str:
    _tags(response).update({tag["Key"]: tag["Value"] for tag in response._get_param("ResourceTags")})
    return "{}"


@replaces(BudgetsResponse)
def _untag_resource(response: Any) -> str:
    for name in response._get_param("ResourceTagKeys"):
        _tags(response).pop(name, None)
    return "{}"


@replaces(BudgetsResponse)
def _list_tags_for_resource(response: Any) -> str:
    tags = [{"Key": name, "Value": value} for name, value in _tags(response).items()]
    return json.dumps({"ResourceTags": tags})


@replaces(BudgetsResponse)
def _create_budget(response: Any) -> str:
    response.backend.create_budget(
        account_id=response._get_param("AccountId"),
        budget=response._get_param("Budget"),
        notifications=response._get_param("NotificationsWithSubscribers") or [],
    )
    stored = _budget(response, response._get_param("Budget")["BudgetName"])
    stored.tags = {tag["Key"]: tag["Value"] for tag in response._get_param("ResourceTags") or []}
    return "{}"


def _tags(response: Any) -> dict[str, str]:
    """Return the tags of the budget that a request names by its ARN."""
    tags: dict[str, str] = _budget(response, response._get_param("ResourceARN").partition(":budget/")[2]).tags
    return tags


def _budget(response: Any, name: str) -> Any:
    account_id = response._get_param("AccountId") or response.current_account
    stored = response.backend.budgets[account_id].get(name)
    if stored is None:
        raise NotFoundException(f"Unable to get budget: {name} - the budget doesn't exist.")
    return stored
