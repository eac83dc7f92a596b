"""A circuit breaker: its table, what a workflow with it may do, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from constructs_lib import (
    AwsStack,
    CircuitBreaker,
    ConflictError,
    ConstructError,
    EncryptionKey,
    Function,
    InvalidArgumentError,
    LambdaTask,
    LimitExceededError,
    Pass,
    Step,
    Succeed,
    Table,
    Workflow,
)
from tests.support.synthesis import Configuration, FakeArchive, children, refused, statements


def guarded(breaker: CircuitBreaker, function: Function, name: str = "call") -> Step:
    return breaker.around(LambdaTask(name, function), instead=Pass(f"no {name}")) >> Succeed("done")


def allowed(synthesized: Configuration, workflow: str) -> list[dict[str, object]]:
    """Return the permissions of the states of a workflow."""
    (found,) = (
        statements(body["policy"])
        for address, body in synthesized.all("iam_role_policy").items()
        if f".{workflow}_role_" in address and body["name"] == "tasks"
    )
    return found


def test_it_has_a_table_whose_items_go(stack: AwsStack) -> None:
    breaker = CircuitBreaker(stack, "model")
    assert (breaker.name, breaker.table.table_name) == ("shop-model", "shop-model")
    table = Configuration(stack).only("dynamodb_table")
    assert table["hash_key"] == "circuit"
    assert "range_key" not in table
    assert table["ttl"] == {"attribute_name": "expires_at", "enabled": True}
    assert table["point_in_time_recovery"] == {"enabled": True, "recovery_period_in_days": 35}
    assert table["deletion_protection_enabled"] is True


def test_its_table_can_be_deleted_where_that_is_said(stack: AwsStack) -> None:
    CircuitBreaker(stack, "model", name="prod-model", deletion_protection=False)
    table = Configuration(stack).only("dynamodb_table")
    assert (table["name"], table["deletion_protection_enabled"]) == ("prod-model", False)


def test_several_share_a_table_and_touch_their_own_items(stack: AwsStack, function: Function) -> None:
    table = Table(stack, "circuits", partition_key="id", ttl_attribute="ttl")
    for name in ("one", "two"):
        breaker = CircuitBreaker(stack, f"{name}-model", table=table, failures=5, open_seconds=60)
        Workflow(stack, name, definition=guarded(breaker, function))
    synthesized = Configuration(stack)
    arn = f"${{{synthesized.address('dynamodb_table')}.arn}}"
    for name in ("one", "two"):
        assert allowed(synthesized, name) == [
            {
                "Effect": "Allow",
                "Action": [f"dynamodb:{action}Item"],
                "Resource": [arn],
                "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"shop-{name}-model"]}},
            }
            for action in ("Get", "Update", "Delete")
        ]
    (one,) = (
        json.loads(body["definition"])["States"]
        for body in synthesized.all("sfn_state_machine").values()
        if body["name"] == "shop-one"
    )
    count = one["call: count"]["Arguments"]
    assert count["TableName"] == f"${{{synthesized.address('dynamodb_table')}.name}}"
    assert count["Key"] == {"id": {"S": "shop-one-model"}}
    assert count["ExpressionAttributeNames"] == {"#expiry": "ttl"}
    assert " + 60)" in count["ExpressionAttributeValues"][":later"]["N"]
    assert " < 5 " in one["call: circuit"]["Assign"]["call_circuit"]


def test_with_a_key_the_workflow_may_decrypt_the_item(stack: AwsStack, archive: FakeArchive) -> None:
    stack.encrypt_with(EncryptionKey(stack, "key"))
    function = Function(stack, "chat", archive=archive)
    Workflow(stack, "flow", definition=guarded(CircuitBreaker(stack, "model"), function))
    synthesized = Configuration(stack)
    arn = f"${{{synthesized.address('kms_key')}.arn}}"
    assert synthesized.only("dynamodb_table")["server_side_encryption"]["kms_key_arn"] == arn
    assert {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [arn]} in allowed(synthesized, "flow")


def test_one_stands_around_tasks_of_several_workflows(stack: AwsStack, function: Function) -> None:
    breaker = CircuitBreaker(stack, "model")
    for name in ("one", "two"):
        Workflow(stack, name, definition=guarded(breaker, function), kind="STANDARD")
    synthesized = Configuration(stack)
    assert allowed(synthesized, "one") == allowed(synthesized, "two")


REFUSED: dict[str, tuple[Callable[[AwsStack], object], type[ConstructError], str]] = {
    "no failures": (
        lambda stack: CircuitBreaker(stack, "model", failures=0),
        LimitExceededError,
        "failures is 0; use 1 to 100",
    ),
    "open for more than a day": (
        lambda stack: CircuitBreaker(stack, "model", open_seconds=86_401),
        LimitExceededError,
        "open_seconds is 86401; use 1 to 86400",
    ),
    "a name with blanks": (
        lambda stack: CircuitBreaker(stack, "model", name="a model"),
        InvalidArgumentError,
        "name 'a model' is not valid; use 3 to 255 letters, digits and '_.-'",
    ),
}


@pytest.mark.parametrize(("make", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_it_refuses(
    stack: AwsStack, make: Callable[[AwsStack], object], error: type[ConstructError], message: str
) -> None:
    before = children(stack)
    assert refused(lambda: make(stack)) == (error, f"shop/model: {message}")
    assert children(stack) == before


@pytest.mark.parametrize(
    ("options", "lacks"),
    [
        ({"ttl_attribute": "expires_at", "sort_key": "job"}, "a sort_key"),
        ({}, "no ttl_attribute"),
    ],
)
def test_a_table_to_share_has_one_key_and_expiry(
    stack: AwsStack, options: dict[str, str], lacks: str
) -> None:
    table = Table(stack, "jobs", partition_key="owner", **options)  # type: ignore[arg-type]
    assert refused(lambda: CircuitBreaker(stack, "model", table=table)) == (
        ConflictError,
        (
            f"shop/model: table 'shop-jobs' has {lacks}; share a table with a partition_key and a ttl_attribute only, or "
            "leave table out"
        ),
    )


def test_two_are_not_one_by_mistake(stack: AwsStack) -> None:
    table = Table(stack, "circuits", partition_key="id", ttl_attribute="ttl")
    CircuitBreaker(stack, "one", name="model", table=table)
    assert refused(lambda: CircuitBreaker(stack, "two", name="model", table=table)) == (
        ConflictError,
        "shop/two: circuit breaker of table 'shop-circuits' 'model' is taken by shop/one; choose another name",
    )
