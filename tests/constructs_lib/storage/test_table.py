"""Table: found by keys, encrypted, recoverable, and kept."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_lib import (
    AwsStack,
    ConflictError,
    EncryptionKey,
    InvalidArgumentError,
    LimitExceededError,
    Role,
    Table,
)
from tests.support.synthesis import Configuration, children, refused, statements


def test_a_table_of_records_that_expire(stack: AwsStack) -> None:
    Table(
        stack,
        "jobs",
        partition_key="owner",
        sort_key="job_id",
        ttl_attribute="expires_at",
        table_name="shop-jobs",
    )
    table = Configuration(stack).only("dynamodb_table")
    assert table | {"//": None} == {
        "//": None,
        "name": "shop-jobs",
        "billing_mode": "PAY_PER_REQUEST",
        "hash_key": "owner",
        "range_key": "job_id",
        "attribute": [{"name": "owner", "type": "S"}, {"name": "job_id", "type": "S"}],
        "ttl": {"attribute_name": "expires_at", "enabled": True},
        "point_in_time_recovery": {"enabled": True, "recovery_period_in_days": 35},
        "deletion_protection_enabled": True,
    }


def test_the_key_of_the_stack_encrypts_it_and_comes_with_every_grant(stack: AwsStack) -> None:
    stack.encrypt_with(EncryptionKey(stack, "key"))
    table = Table(stack, "orders", partition_key="order")
    table.grant(Role(stack, "role", service="lambda.amazonaws.com"), "PutItem", "GetItem", "PutItem")
    synthesized = Configuration(stack)
    key, address = synthesized.address("kms_key"), synthesized.address("dynamodb_table")
    assert synthesized.only("dynamodb_table")["server_side_encryption"] == {
        "enabled": True,
        "kms_key_arn": f"${{{key}.arn}}",
    }
    policies = {
        body["name"]: statements(body["policy"]) for body in synthesized.all("iam_role_policy").values()
    }
    assert policies["table-shop-orders"] == [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:PutItem"],
            "Resource": [f"${{{address}.arn}}"],
        }
    ]
    assert policies["use-shop-key"][0]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"partition_key": "a b"},
            InvalidArgumentError,
            "partition_key 'a b' is not valid; use letters, digits and '_', a letter first",
        ),
        (
            {"partition_key": "order", "sort_key": "order"},
            ConflictError,
            "sort_key is 'order' like partition_key; name another attribute",
        ),
        (
            {"partition_key": "order", "ttl_attribute": "order"},
            ConflictError,
            "ttl_attribute 'order' is a key; name another one",
        ),
        (
            {"partition_key": "order", "table_name": "a b c"},
            InvalidArgumentError,
            "table_name 'a b c' is not valid; use 3 to 255 letters, digits and '_.-'",
        ),
        (
            {"partition_key": "order", "recovery_days": 36},
            LimitExceededError,
            "recovery_days is 36; use 1 to 35",
        ),
    ],
)
def test_what_dynamodb_would_refuse(
    stack: AwsStack, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = children(stack)
    assert refused(lambda: Table(stack, "orders", **arguments)) == (error, f"shop/orders: {message}")
    assert children(stack) == before


def test_a_name_is_taken_once(stack: AwsStack) -> None:
    Table(stack, "one", partition_key="order", table_name="orders")
    assert refused(lambda: Table(stack, "two", partition_key="order", table_name="orders")) == (
        ConflictError,
        "shop/two: table_name 'orders' is taken by shop/one; choose another name",
    )


def test_a_grant_says_what_is_allowed(stack: AwsStack) -> None:
    table = Table(stack, "orders", partition_key="order")
    role = Role(stack, "role", service="lambda.amazonaws.com")
    assert refused(lambda: table.grant(role)) == (
        InvalidArgumentError,
        "shop/orders: grant has no actions; name one of DeleteItem, GetItem, PutItem, Query, Scan, UpdateItem",
    )
    _, message = refused(lambda: table.grant(role, "BatchGetItem"))  # type: ignore[arg-type]
    assert message.startswith("shop/orders: action 'BatchGetItem' is unknown; choose 'DeleteItem'")
    assert role.policies == {}
