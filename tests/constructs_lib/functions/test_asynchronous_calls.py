"""AsynchronousCalls, DeadLetterQueue and VpcAccess: failed calls are kept, and what the role may do for it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from constructs_lib import (
    AsynchronousCalls,
    AwsStack,
    ConflictError,
    ConstructError,
    DeadLetterQueue,
    EncryptionKey,
    Function,
    InvalidArgumentError,
    LimitExceededError,
    VpcAccess,
)
from tests.support.synthesis import Configuration, FakeArchive, refused, statements


def permissions(configuration: Configuration) -> dict[str, list[tuple[list[str], list[str]]]]:
    """The actions and resources of the roles' policies, by the policies' names."""
    return {
        policy["name"]: [(one["Action"], one["Resource"]) for one in statements(policy["policy"])]
        for policy in configuration.all("iam_role_policy").values()
    }


def test_a_queue_keeps_what_failed_for_two_weeks(stack: AwsStack) -> None:
    DeadLetterQueue(stack, "failed")
    configuration = Configuration(stack)
    queue = configuration.only("sqs_queue")
    (statement,) = statements(queue.pop("policy"))
    assert queue == {
        "message_retention_seconds": 1_209_600,
        "name": "shop-failed",
        "sqs_managed_sse_enabled": True,
    }
    arn = re.sub(r"\$\{data\.aws_(\w+)\.[^}]*\}", r"(\1)", statement.pop("Resource"))
    assert arn == "arn:(partition):sqs:us-east-1:(caller_identity):shop-failed"
    assert statement == {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_failed_calls_go_to_the_queue(stack: AwsStack, archive: FakeArchive) -> None:
    key = EncryptionKey(stack, "key")
    failed = DeadLetterQueue(stack, "failed", name="lost", retention_days=1, encryption_key=key)
    Function(
        stack,
        "worker",
        archive=archive,
        asynchronous_calls=AsynchronousCalls(on_failure=failed, retries=0, max_age_seconds=60),
    )
    configuration = Configuration(stack)
    queue, function, alias = (
        configuration.address(kind) for kind in ("sqs_queue", "lambda_function", "lambda_alias")
    )
    send, use = (
        next(one for one in configuration.all("iam_role_policy") if name in one)
        for name in ("send-lost", "use-shop-key")
    )
    config = configuration.only("lambda_function_event_invoke_config")
    assert {send, use} <= set(config.pop("depends_on"))
    assert config == {
        "destination_config": {"on_failure": {"destination": f"${{{queue}.arn}}"}},
        "function_name": f"${{{function}.function_name}}",
        "lifecycle": {"replace_triggered_by": [f"{alias}.id"]},
        "maximum_event_age_in_seconds": 60,
        "maximum_retry_attempts": 0,
        "qualifier": f"${{{alias}.name}}",
    }
    found = permissions(configuration)
    ((actions, (resource,)),) = found["send-lost"]
    assert actions == ["sqs:SendMessage"]
    # Not a reference: the function would wait for the queue.
    assert re.fullmatch(r"arn:\$\{data[^}]+}:sqs:us-east-1:\$\{data[^}]+}:lost", resource)
    assert found["use-shop-key"] == [
        (["kms:Decrypt", "kms:GenerateDataKey"], [f"${{{configuration.address('kms_key')}.arn}}"])
    ]
    assert configuration.only("sqs_queue")["kms_master_key_id"].endswith(".arn}")
    assert "dead_letter_config" not in configuration.only("lambda_function")


def test_dead_letters_are_for_those_who_read_them(stack: AwsStack, archive: FakeArchive) -> None:
    failed, letters = DeadLetterQueue(stack, "failed"), DeadLetterQueue(stack, "letters")
    Function(
        stack,
        "worker",
        archive=archive,
        asynchronous_calls=AsynchronousCalls(on_failure=failed, dead_letters=letters),
    )
    configuration = Configuration(stack)
    target = configuration.only("lambda_function")["dead_letter_config"]["target_arn"]
    assert "letters" in target
    assert {"send-shop-failed", "send-shop-letters"} <= set(permissions(configuration))


def test_nobody_waits_for_what_is_not_asked_for(stack: AwsStack, function: Function) -> None:
    assert not {"lambda_function_event_invoke_config", "sqs_queue"} & Configuration(stack).types()


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda queue: AsynchronousCalls(on_failure=queue, retries=3),
            LimitExceededError,
            "AsynchronousCalls: retries is 3; use 0 to 2",
        ),
        (
            lambda queue: AsynchronousCalls(on_failure=queue, max_age_seconds=59),
            LimitExceededError,
            "AsynchronousCalls: max_age_seconds is 59; use 60 to 21600",
        ),
        (
            lambda queue: AsynchronousCalls(on_failure=queue, dead_letters=queue),
            InvalidArgumentError,
            (
                "AsynchronousCalls: dead_letters and on_failure are the same, which would get each failed call twice; leave "
                "dead_letters out, or pass another queue"
            ),
        ),
        (
            lambda queue: VpcAccess(subnet_ids=["subnet-a"], security_group_ids=["sg-a"]),
            InvalidArgumentError,
            "VpcAccess: subnet_ids ['subnet-a'] is not a list of 2 or more ids; pass at least 2",
        ),
        (
            lambda queue: VpcAccess(subnet_ids=["subnet-a", "subnet-b"], security_group_ids="sg-a"),
            InvalidArgumentError,
            "VpcAccess: security_group_ids 'sg-a' is not a list of 1 or more ids; pass at least 1",
        ),
        (
            lambda queue: VpcAccess(subnet_ids=["subnet-a", "subnet-a"], security_group_ids=["sg-a"]),
            ConflictError,
            "VpcAccess: subnet_ids has an id twice; remove one of the two",
        ),
        (
            lambda queue: DeadLetterQueue(AwsStack.of(queue), "other", retention_days=15),
            LimitExceededError,
            "shop/other: retention_days is 15; use 1 to 14",
        ),
        (
            lambda queue: DeadLetterQueue(AwsStack.of(queue), "other", name="shop-failed"),
            ConflictError,
            "shop/other: queue name 'shop-failed' is taken by shop/failed; choose another name",
        ),
    ],
)
def test_what_is_refused(
    stack: AwsStack,
    make: Callable[[DeadLetterQueue], object],
    kind: type[ConstructError],
    message: str,
) -> None:
    queue = DeadLetterQueue(stack, "failed")
    assert refused(lambda: make(queue)) == (kind, message)


def test_a_function_in_a_vpc_may_make_its_interfaces_there_only(
    stack: AwsStack, archive: FakeArchive
) -> None:
    access = VpcAccess(subnet_ids=["subnet-a", "subnet-b"], security_group_ids=["sg-a"])
    arn = "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-0123456789abcdef0"
    Function(stack, "private", archive=archive, vpc=access, code_signing_config_arn=arn)
    configuration = Configuration(stack)
    function = configuration.only("lambda_function")
    assert function["vpc_config"] == {"security_group_ids": ["sg-a"], "subnet_ids": ["subnet-a", "subnet-b"]}
    assert function["code_signing_config_arn"] == arn
    create, change, describe = permissions(configuration)["vpc"]
    assert create[0] == ["ec2:CreateNetworkInterface"]
    assert [one.rpartition(":")[2] for one in create[1]] == [
        "network-interface/*",
        "subnet/subnet-a",
        "subnet/subnet-b",
        "security-group/sg-a",
    ]
    assert [one.rpartition(":")[2] for one in change[1]] == ["network-interface/*"]
    assert describe == (["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], ["*"])
