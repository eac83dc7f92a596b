"""The requests a minute of each user: the table, who may count in it, and the states in front of a workflow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constructs_lib import (
    AwsStack,
    CallerLimit,
    EncryptionKey,
    Function,
    LambdaTask,
    LimitExceededError,
    Workflow,
)
from tests.support.synthesis import Configuration, FakeArchive, statements


def policies(synthesized: Configuration, name: str) -> list[dict[str, Any]]:
    return [
        statement
        for body in synthesized.all("iam_role_policy").values()
        for statement in statements(body["policy"])
        if f"dynamodb:{name}" in statement["Action"]
    ]


def test_it_has_a_table_whose_items_expire(stack: AwsStack) -> None:
    limit = CallerLimit(stack, "callers")
    table = Configuration(stack).only("dynamodb_table")
    assert (table["name"], table["hash_key"]) == ("shop-callers", "id")
    assert table["ttl"] == {"attribute_name": "expires_at", "enabled": True}
    assert table["point_in_time_recovery"] == {"enabled": True, "recovery_period_in_days": 1}
    assert table["deletion_protection_enabled"] is True
    assert dict(limit.environment) == {"CALLER_TABLE": "shop-callers", "CALLER_REQUESTS_PER_MINUTE": "300"}


def test_a_function_may_count_and_nothing_else(stack: AwsStack, function: Function) -> None:
    limit = CallerLimit(stack, "callers", table_name="counts", deletion_protection=False)
    limit.grant_count(function)
    synthesized = Configuration(stack)
    assert synthesized.only("dynamodb_table")["deletion_protection_enabled"] is False
    arn = f"${{{synthesized.address('dynamodb_table')}.arn}}"
    assert policies(synthesized, "") == []
    assert policies(synthesized, "UpdateItem") == [
        {"Effect": "Allow", "Action": ["dynamodb:UpdateItem"], "Resource": [arn]}
    ]


def test_a_workflow_counts_the_requests_of_users_first(stack: AwsStack, archive: FakeArchive) -> None:
    stack.encrypt_with(EncryptionKey(stack, "key"))
    function = Function(stack, "chat", archive=archive)
    limit = CallerLimit(stack, "callers", requests_per_minute=7)
    Workflow(stack, "flow", definition=limit.before(LambdaTask("call", function)))
    synthesized = Configuration(stack)
    definition = json.loads(synthesized.only("sfn_state_machine")["definition"])
    states = definition["States"]
    assert definition["StartAt"] == "from a user?"
    assert states["from a user?"]["Default"] == "call"
    count = states["count the request"]
    assert (count["Next"], count["Output"]) == ("call", "{% $states.input %}")
    assert count["Arguments"]["TableName"] == f"${{{synthesized.address('dynamodb_table')}.name}}"
    assert count["Arguments"]["ExpressionAttributeValues"][":limit"] == {"N": "7"}
    assert count["TimeoutSeconds"] == 2
    first, second = count["Catch"]
    assert "DynamoDB.ConditionalCheckFailedException" in first["ErrorEquals"]
    assert "DynamoDb.ThrottlingException" in first["ErrorEquals"]
    assert states[first["Next"]]["Error"] == "CallerLimitReached"
    assert second["ErrorEquals"] == ["States.ALL"]
    assert states[second["Next"]]["Error"] == "BackendUnavailable"
    assert [statement["Action"] for statement in policies(synthesized, "UpdateItem")] == [
        ["dynamodb:UpdateItem"]
    ]


@pytest.mark.parametrize("requests_per_minute", [0, 60_001])
def test_a_limit_that_dynamodb_cannot_count_is_rejected(stack: AwsStack, requests_per_minute: int) -> None:
    with pytest.raises(LimitExceededError) as raised:
        CallerLimit(stack, "callers", requests_per_minute=requests_per_minute)
    assert str(raised.value) == (
        f"shop/callers: requests_per_minute is {requests_per_minute}; use 1 to 60000"
    )
