"""Role: who may assume it, and the policies it is given."""

from __future__ import annotations

import pytest

from constructs_lib import (
    AwsStack,
    ConflictError,
    InvalidArgumentError,
    PolicyStatement,
    Role,
)
from tests.support.synthesis import Configuration, children, refused, statements


def test_a_role_starts_with_nothing(stack: AwsStack) -> None:
    role = Role(stack, "states", service="states.amazonaws.com", description="Runs workflows")
    configuration = Configuration(stack)
    assert configuration.types() == {"iam_role"}
    assert configuration.only("iam_role")["description"] == "Runs workflows"
    assert dict(role.policies) == {}


def test_the_prefix_of_a_role_leaves_room_for_the_suffix(stack: AwsStack) -> None:
    Role(stack, "a-role-with-a-very-long-name-indeed", service="states.amazonaws.com")
    prefix = Configuration(stack).only("iam_role")["name_prefix"]
    assert prefix == "shop-a-role-with-a-very-long-name-ind-"
    assert len(prefix) == 38


def test_role_policies_that_are_refused(stack: AwsStack) -> None:
    role = Role(stack, "states", service="states.amazonaws.com")
    statement = PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::talks/*"])
    role.add_policy("read", statement)
    before = children(stack)
    assert refused(lambda: role.add_policy("read", statement)) == (
        ConflictError,
        "shop/states/read: exists already; give the policy another name",
    )
    assert refused(lambda: role.add_policy("none")) == (
        InvalidArgumentError,
        "shop/states/none: has no statements; pass at least one PolicyStatement",
    )
    assert refused(lambda: role.add_policy("a b", statement)) == (
        InvalidArgumentError,
        "shop/states/a b: name 'a b' is not valid; use 1 to 128 letters, digits and '+=,.@_-'",
    )
    assert refused(lambda: Role(stack, "more", service="lambda")) == (
        InvalidArgumentError,
        "shop/more: service 'lambda' is not valid; use the service's principal, such as 'lambda.amazonaws.com'",
    )
    assert children(stack) == before


ACCOUNT = "${data.aws_caller_identity.current_caller_identity_64FE2A6C.account_id}"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({}, {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}),
        (
            {"StringEquals": {"s3:x": "y"}, "Bool": {"aws:SecureTransport": "true"}},
            {
                "StringEquals": {"s3:x": "y", "aws:ResourceAccount": ACCOUNT},
                "Bool": {"aws:SecureTransport": "true"},
            },
        ),
        (
            {"StringEquals": {"aws:resourceaccount": "123456789012"}},
            {"StringEquals": {"aws:resourceaccount": "123456789012"}},
        ),
    ],
)
def test_what_a_role_may_do_in_s3_ends_at_buckets_of_other_accounts(
    stack: AwsStack, given: dict[str, dict[str, str]], written: dict[str, dict[str, str]]
) -> None:
    role = Role(stack, "states", service="states.amazonaws.com")
    role.add_policy(
        "read",
        PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::talks/*"], conditions=given),
        PolicyStatement(actions=["lambda:InvokeFunction"], resources=["arn:aws:lambda:::f"]),
    )
    read, invoke = statements(Configuration(stack).only("iam_role_policy")["policy"])
    assert read["Condition"] == written
    assert "Condition" not in invoke
