"""EncryptionKey: what its policy lets in, and what a stack encrypts with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    ArchiveBucket,
    AwsStack,
    ConflictError,
    ConstructError,
    EncryptionKey,
    Function,
    InvalidArgumentError,
    LimitExceededError,
    LogGroup,
    Role,
    UnsafeSettingError,
)
from tests.support.synthesis import Configuration, FakeArchive, children, refused, statements

ACCOUNT = r"${data.aws_caller_identity.current_caller_identity_64FE2A6C.account_id}"
PARTITION = r"${data.aws_partition.current_partition_8EB29CA4.partition}"
ROOT = {
    "Sid": "Account",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:{PARTITION}:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}


@pytest.fixture
def key(stack: AwsStack) -> EncryptionKey:
    return EncryptionKey(stack, "key")


def test_a_key_is_turned_over_and_can_be_had_back(stack: AwsStack, key: EncryptionKey) -> None:
    configuration = Configuration(stack)
    resource = configuration.only("kms_key")
    assert statements(resource.pop("policy")) == [ROOT]
    assert resource == {
        "deletion_window_in_days": 30,
        "description": "Encrypts the data of shop",
        "enable_key_rotation": True,
    }
    assert configuration.only("kms_alias") == {
        "name": "alias/shop-key",
        "target_key_id": f"${{{configuration.address('kms_key')}.key_id}}",
    }
    assert key.alias == "shop-key"


def test_every_argument_arrives(stack: AwsStack) -> None:
    EncryptionKey(stack, "key", alias="shop/data", description="Orders", deletion_window_days=7)
    configuration = Configuration(stack)
    assert configuration.only("kms_alias")["name"] == "alias/shop/data"
    key = configuration.only("kms_key")
    assert (key["description"], key["deletion_window_in_days"]) == ("Orders", 7)


@pytest.mark.parametrize(
    ("region", "service"),
    [("us-east-1", "logs.us-east-1.amazonaws.com"), ("cn-north-1", "logs.cn-north-1.amazonaws.com.cn")],
)
def test_log_groups_let_in_cloudwatch_logs_for_this_account_and_region(
    app: App, region: str, service: str
) -> None:
    stack = AwsStack(app, "shop", region=region)
    key = EncryptionKey(stack, "key")
    LogGroup(stack, "a", name="/shop/a", encryption_key=key)
    LogGroup(stack, "b", name="/shop/b", encryption_key=key)
    configuration = Configuration(stack)
    assert statements(configuration.only("kms_key")["policy"]) == [
        ROOT,
        {
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            "Resource": "*",
            "Condition": {
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": f"arn:{PARTITION}:logs:{region}:{ACCOUNT}:log-group:*"
                }
            },
        },
    ]
    reference = f"${{{configuration.address('kms_key')}.arn}}"
    assert {group["kms_key_id"] for group in configuration.all("cloudwatch_log_group").values()} == {
        reference
    }


def test_a_service_is_let_in_once_and_for_somebody(stack: AwsStack, key: EncryptionKey) -> None:
    queues: dict[str, Any] = {
        "service": "events.amazonaws.com",
        "actions": ["kms:Decrypt", "kms:GenerateDataKey"],
        "conditions": {"StringEquals": {"aws:SourceAccount": stack.account_id}},
    }
    key.allow_service("Events", **queues)
    key.allow_service("Events", **queues)
    assert [one["Sid"] for one in statements(Configuration(stack).only("kms_key")["policy"])] == [
        "Account",
        "Events",
    ]
    assert refused(lambda: key.allow_service("Events", **queues | {"actions": ["kms:Decrypt"]})) == (
        ConflictError,
        "shop/key: sid 'Events' exists with another service, action or condition; choose another sid",
    )
    assert refused(lambda: key.allow_service("Other", **queues | {"conditions": {}})) == (
        UnsafeSettingError,
        (
            "shop/key: Other: events.amazonaws.com could use the key on behalf of any account; pass conditions, such as "
            "{'StringEquals': {'aws:SourceAccount': stack.account_id}}"
        ),
    )
    assert refused(lambda: key.allow_service("Other", **queues | {"actions": ["kms:*"]})) == (
        InvalidArgumentError,
        "shop/key: Other: action 'kms:*' is not an action of KMS; write it as 'kms:Decrypt'",
    )
    assert refused(lambda: key.allow_service("a b", **queues)) == (
        InvalidArgumentError,
        "shop/key: sid 'a b' is not valid; use 1 to 64 letters and digits",
    )


def test_a_role_may_decrypt_or_use_it(stack: AwsStack, key: EncryptionKey) -> None:
    role = Role(stack, "reader", service="lambda.amazonaws.com")
    for _ in range(2):
        key.grant_decrypt(role)
        key.grant_use(role)
    configuration = Configuration(stack)
    arn = f"${{{configuration.address('kms_key')}.arn}}"
    assert {
        policy["name"]: statements(policy["policy"])
        for policy in configuration.all("iam_role_policy").values()
    } == {
        "decrypt-shop-key": [{"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [arn]}],
        "use-shop-key": [
            {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": [arn]}
        ],
    }


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {"alias": "alias"},
            None,
            "",
        ),
        (
            {"alias": "aws/shop"},
            InvalidArgumentError,
            (
                "alias 'aws/shop' is not valid; use 1 to 250 letters, digits and '/_-', without 'aws/' or 'alias/' in "
                "front"
            ),
        ),
        ({"deletion_window_days": 6}, LimitExceededError, "deletion_window_days is 6; use 7 to 30"),
        ({"deletion_window_days": 31}, LimitExceededError, "deletion_window_days is 31; use 7 to 30"),
    ],
)
def test_keys_that_are_refused(
    stack: AwsStack, arguments: dict[str, Any], kind: type[ConstructError] | None, problem: str
) -> None:
    before = children(stack)
    if kind is None:
        EncryptionKey(stack, "key", **arguments)
        return
    assert refused(lambda: EncryptionKey(stack, "key", **arguments)) == (kind, f"shop/key: {problem}")
    assert children(stack) == before


def test_a_stack_is_encrypted_with_its_key(stack: AwsStack, key: EncryptionKey, archive: FakeArchive) -> None:
    stack.encrypt_with(key)
    stack.encrypt_with(key)
    bucket = ArchiveBucket(stack, "archives")
    Function(stack, "chat", archive=archive, environment={"TABLE": "orders"}, code_bucket=bucket)
    Function(stack, "plain", archive=archive)
    LogGroup(stack, "audit", name="/shop/audit")
    configuration = Configuration(stack)
    arn = f"${{{configuration.address('kms_key')}.arn}}"
    functions = {
        body["function_name"]: body.get("kms_key_arn")
        for body in configuration.all("lambda_function").values()
    }
    assert functions == {"shop-chat": arn, "shop-plain": None}, "without variables AWS keeps no key"
    assert {group["kms_key_id"] for group in configuration.all("cloudwatch_log_group").values()} == {arn}
    (rule,) = configuration.only("s3_bucket_server_side_encryption_configuration")["rule"]
    assert rule == {
        "apply_server_side_encryption_by_default": {"kms_master_key_id": arn, "sse_algorithm": "aws:kms"},
        "bucket_key_enabled": True,
    }
    decrypting = [
        address
        for address, policy in configuration.all("iam_role_policy").items()
        if policy["name"] == "decrypt-shop-key"
    ]
    assert len(decrypting) == 1
    chat = next(address for address in configuration.all("lambda_function") if "chat" in address)
    assert decrypting[0] in configuration.all("lambda_function")[chat]["depends_on"]


def test_a_key_of_its_own_comes_before_that_of_the_stack(stack: AwsStack, key: EncryptionKey) -> None:
    stack.encrypt_with(key)
    assert stack.encryption_key is key
    other = EncryptionKey(stack, "other")
    LogGroup(stack, "audit", name="/shop/audit", encryption_key=other)
    configuration = Configuration(stack)
    address = next(one for one in configuration.all("kms_key") if "other" in one)
    assert configuration.only("cloudwatch_log_group")["kms_key_id"] == f"${{{address}.arn}}"


@pytest.mark.parametrize(
    "make",
    [
        lambda stack, archive: LogGroup(stack, "early", name="/shop/early"),
        lambda stack, archive: Function(stack, "early", archive=archive),
        lambda stack, archive: ArchiveBucket(stack, "early"),
    ],
    ids=["LogGroup", "Function", "ArchiveBucket"],
)
def test_nothing_is_left_unencrypted_by_order(
    stack: AwsStack, archive: FakeArchive, make: Callable[[AwsStack, FakeArchive], object]
) -> None:
    make(stack, archive)
    key = EncryptionKey(stack, "key")
    assert refused(lambda: stack.encrypt_with(key)) == (
        ConflictError,
        (
            "shop: shop/early was created before, without a key; call encrypt_with right after creating the stack and its key"
        ),
    )


def test_a_stack_has_one_key(app: App, stack: AwsStack, key: EncryptionKey) -> None:
    stack.encrypt_with(key)
    other = EncryptionKey(stack, "other")
    assert refused(lambda: stack.encrypt_with(other)) == (
        ConflictError,
        "shop: is encrypted with shop/key already; pass encryption_key=... to constructs that need another key",
    )
    elsewhere = AwsStack(app, "elsewhere", region="us-east-1")
    problem = "is in stack 'elsewhere' and shop/key in stack 'shop'; create both in the same stack"
    assert refused(lambda: elsewhere.encrypt_with(key)) == (ConflictError, f"elsewhere: {problem}")
    assert refused(lambda: LogGroup(elsewhere, "audit", name="/a", encryption_key=key)) == (
        ConflictError,
        f"elsewhere/audit: {problem}",
    )


def test_the_policy_is_readable(stack: AwsStack, key: EncryptionKey) -> None:
    key.allow_alarms()
    assert [one["Sid"] for one in key.policy["Statement"]] == ["Account", "Alarms"]
    assert json.loads(json.dumps(key.policy)) == key.policy
