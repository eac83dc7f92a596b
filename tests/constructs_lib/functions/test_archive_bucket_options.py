"""ArchiveBucket: what a company may ask of every bucket, and a bucket that exists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from constructs_lib import (
    ArchiveBucket,
    AwsStack,
    ConflictError,
    ConstructError,
    EncryptionKey,
    Function,
    InvalidArgumentError,
    LimitExceededError,
    Replica,
)
from tests.support.synthesis import Configuration, FakeArchive, children, refused, statements

COPIES = Replica(
    bucket_arn="arn:aws:s3:::shop-copies",
    key_arn="arn:aws:kms:eu-west-1:123456789012:key/0f8a2b1c-1111-4222-8333-123456789abc",
)


def test_everything_that_may_be_asked_of_a_bucket(stack: AwsStack, archive: FakeArchive) -> None:
    key = EncryptionKey(stack, "key")
    ArchiveBucket(
        stack,
        "archives",
        encryption_key=key,
        versioning=True,
        old_versions_days=90,
        access_log_bucket="company-logs",
        events=True,
        replica=COPIES,
    )
    configuration = Configuration(stack)
    bucket = {"bucket": f"${{{configuration.address('s3_bucket')}.id}}"}
    versions = configuration.address("s3_bucket_versioning")
    assert configuration.only("s3_bucket_versioning") == {
        "versioning_configuration": {"status": "Enabled"},
        **bucket,
    }
    assert configuration.only("s3_bucket_logging") == {
        "target_bucket": "company-logs",
        "target_prefix": "shop/archives/",
        **bucket,
    }
    assert configuration.only("s3_bucket_notification") == {"eventbridge": True, **bucket}
    lifecycle = configuration.only("s3_bucket_lifecycle_configuration")
    assert lifecycle["depends_on"] == [versions]
    (rule,) = lifecycle["rule"]
    assert rule["noncurrent_version_expiration"] == [{"noncurrent_days": 90}]
    assert (rule["status"], rule["filter"]) == ("Enabled", [{"prefix": ""}])
    replication = configuration.only("s3_bucket_replication_configuration")
    assert versions in replication["depends_on"]
    assert replication["rule"][0]["destination"] == {
        "bucket": COPIES.bucket_arn,
        "encryption_configuration": {"replica_kms_key_id": COPIES.key_arn},
    }
    (policy,) = configuration.all("iam_role_policy").values()
    assert {
        action: tuple(one["Resource"]) for one in statements(policy["policy"]) for action in one["Action"]
    } == {
        "s3:GetReplicationConfiguration": (f"${{{configuration.address('s3_bucket')}.arn}}",),
        "s3:ListBucket": (f"${{{configuration.address('s3_bucket')}.arn}}",),
        "s3:GetObjectVersionAcl": (f"${{{configuration.address('s3_bucket')}.arn}}/*",),
        "s3:GetObjectVersionForReplication": (f"${{{configuration.address('s3_bucket')}.arn}}/*",),
        "s3:GetObjectVersionTagging": (f"${{{configuration.address('s3_bucket')}.arn}}/*",),
        "s3:ReplicateDelete": ("arn:aws:s3:::shop-copies/*",),
        "s3:ReplicateObject": ("arn:aws:s3:::shop-copies/*",),
        "s3:ReplicateTags": ("arn:aws:s3:::shop-copies/*",),
        "kms:Decrypt": (f"${{{configuration.address('kms_key')}.arn}}",),
        "kms:Encrypt": (COPIES.key_arn,),
        "kms:GenerateDataKey": (COPIES.key_arn,),
    }


def test_copies_may_go_to_a_bucket_of_another_account(stack: AwsStack) -> None:
    copies = replace(COPIES, account_id="999999999999")
    key = EncryptionKey(stack, "key")
    ArchiveBucket(stack, "archives", encryption_key=key, versioning=True, replica=copies)
    configuration = Configuration(stack)
    (rule,) = configuration.only("s3_bucket_replication_configuration")["rule"]
    assert rule["destination"]["account"] == "999999999999"
    (policy,) = configuration.all("iam_role_policy").values()
    owners = {
        action: one["Condition"]["StringEquals"]["aws:ResourceAccount"]
        for one in statements(policy["policy"])
        for action in one["Action"]
        if action.startswith("s3:")
    }
    assert owners["s3:ReplicateObject"] == "999999999999"
    assert owners["s3:ListBucket"].startswith("${data.aws_caller_identity.")


def test_none_of_it_is_there_unasked(stack: AwsStack) -> None:
    ArchiveBucket(stack, "archives")
    assert (
        not {
            "iam_role",
            "s3_bucket_lifecycle_configuration",
            "s3_bucket_logging",
            "s3_bucket_notification",
            "s3_bucket_replication_configuration",
            "s3_bucket_versioning",
        }
        & Configuration(stack).types()
    )


@pytest.mark.parametrize("with_key", [False, True])
def test_a_bucket_that_exists_is_only_uploaded_to(
    stack: AwsStack, archive: FakeArchive, with_key: bool
) -> None:
    key = EncryptionKey(stack, "key") if with_key else None
    bucket = ArchiveBucket.from_bucket_name(stack, "archives", "company-archives", encryption_key=key)
    large = FakeArchive.make(archive.zip_path.parent, zip_bytes=60_000_000)
    Function(stack, "vision", archive=large, code_bucket=bucket)
    configuration = Configuration(stack)
    assert not {kind for kind in configuration.types() if kind.startswith("s3_bucket")}
    uploaded = configuration.only("s3_object")
    assert uploaded["bucket"] == "company-archives"
    assert list(configuration.json["data"]["aws_s3_bucket_policy"].values()) == [
        {"bucket": "company-archives"}
    ]
    assert uploaded.get("kms_key_id") == (
        f"${{{configuration.address('kms_key')}.arn}}" if with_key else None
    )
    function = configuration.only("lambda_function")
    assert function["s3_bucket"] == f"${{{configuration.address('s3_object')}.bucket}}"
    assert (bucket.name, bucket.resource) == ("company-archives", None)


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {"old_versions_days": 30},
            ConflictError,
            "old_versions_days needs versions; pass versioning=True",
        ),
        ({"replica": COPIES}, ConflictError, "replica needs versions; pass versioning=True"),
        (
            {"replica": COPIES, "versioning": True},
            ConflictError,
            (
                "replica has a key for the copies, and the bucket has no key; pass "
                "encryption_key=EncryptionKey(...), or call stack.encrypt_with"
            ),
        ),
        (
            {"old_versions_days": 0, "versioning": True},
            LimitExceededError,
            "old_versions_days is 0; use 1 to 3650",
        ),
        (
            {"access_log_bucket": "Logs"},
            InvalidArgumentError,
            (
                "access_log_bucket 'Logs' is not valid; use the bucket's name: 3 to 63 lower case letters, digits, '-' "
                "and '.'"
            ),
        ),
    ],
)
def test_buckets_that_are_refused(
    stack: AwsStack, arguments: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    before = children(stack)
    assert refused(lambda: ArchiveBucket(stack, "archives", **arguments)) == (
        kind,
        f"shop/archives: {problem}",
    )
    assert children(stack) == before


def test_the_name_of_a_bucket_that_exists_is_checked(stack: AwsStack) -> None:
    assert refused(lambda: ArchiveBucket.from_bucket_name(stack, "archives", "s3://company")) == (
        InvalidArgumentError,
        (
            "shop/archives: bucket_name 's3://company' is not valid; use the bucket's name: 3 to 63 lower case letters, "
            "digits, '-' and '.'"
        ),
    )
