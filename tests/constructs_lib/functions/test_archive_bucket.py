"""ArchiveBucket: private, encrypted, TLS only, and used for archives that are too large for a request."""

from __future__ import annotations

from pathlib import Path

from cdktf import App

from constructs_lib import (
    ArchiveBucket,
    AwsStack,
    ConflictError,
    Function,
    InvalidArgumentError,
    StackDefaults,
)
from tests.support.synthesis import Configuration, FakeArchive, refused, statements


def test_a_large_archive_goes_by_way_of_the_bucket(stack: AwsStack, tmp_path: Path) -> None:
    archive = FakeArchive.make(tmp_path, zip_bytes=50_000_001)
    Function(stack, "chat", archive=archive, code_bucket=ArchiveBucket(stack, "archives"))
    configuration = Configuration(stack)
    upload = configuration.address("s3_object")
    function = configuration.only("lambda_function")
    assert "filename" not in function
    assert (function["s3_bucket"], function["s3_key"]) == (f"${{{upload}.bucket}}", f"${{{upload}.key}}")
    assert function["source_code_hash"] == archive.source_code_hash
    placed = configuration.only("s3_object")
    assert placed["key"] == f"shop-chat/chat-{archive.digest}.zip"
    assert placed["source"] == f"assets/chat-{archive.digest[:12]}.zip"
    assert "lifecycle" not in placed
    assert set(placed["depends_on"]) == {
        configuration.address("s3_bucket_policy"),
        configuration.address("s3_bucket_server_side_encryption_configuration"),
    }


def test_two_functions_of_one_archive_share_an_upload(stack: AwsStack, tmp_path: Path) -> None:
    archive = FakeArchive.make(tmp_path, zip_bytes=50_000_001)
    for name in ("chat", "stream"):
        Function(stack, name, archive=archive)
    configuration = Configuration(stack)
    upload = configuration.address("s3_object")
    keys = {one["s3_key"] for one in configuration.all("lambda_function").values()}
    assert keys == {f"${{{upload}.key}}"}


def test_an_archive_that_fits_is_uploaded_directly(stack: AwsStack, tmp_path: Path) -> None:
    archive = FakeArchive.make(tmp_path, zip_bytes=50_000_000)
    Function(stack, "chat", archive=archive, code_bucket=ArchiveBucket(stack, "archives"))
    configuration = Configuration(stack)
    assert configuration.only("lambda_function")["filename"] == f"assets/chat-{archive.digest[:12]}.zip"
    assert configuration.all("s3_object") == {}


def test_all_archives_go_by_way_of_the_bucket_where_the_defaults_say_so(app: App, tmp_path: Path) -> None:
    stack = AwsStack(app, "many", region="us-east-1", defaults=StackDefaults(direct_upload=False))
    Function(stack, "chat", archive=FakeArchive.make(tmp_path))
    configuration = Configuration(stack)
    function = configuration.only("lambda_function")
    assert "filename" not in function
    assert function["s3_key"] == f"${{{configuration.address('s3_object')}.key}}"
    assert configuration.only("s3_object")["bucket"] == f"${{{configuration.address('s3_bucket')}.id}}"


def test_the_bucket_is_private_encrypted_and_takes_tls_only(stack: AwsStack) -> None:
    ArchiveBucket(stack, "archives")
    configuration = Configuration(stack)
    address = configuration.address("s3_bucket")
    assert configuration.only("s3_bucket") == {"bucket_prefix": "shop-archives-", "force_destroy": False}
    assert configuration.only("s3_bucket_ownership_controls")["rule"] == {
        "object_ownership": "BucketOwnerEnforced"
    }
    access = configuration.only("s3_bucket_public_access_block")
    assert {name for name, value in access.items() if value is True} == {
        "block_public_acls",
        "block_public_policy",
        "ignore_public_acls",
        "restrict_public_buckets",
    }
    assert configuration.only("s3_bucket_server_side_encryption_configuration")["rule"] == [
        {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    ]
    policy = configuration.only("s3_bucket_policy")
    assert statements(policy["policy"]) == [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"${{{address}.arn}}", f"${{{address}.arn}}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]
    assert policy["depends_on"] == [configuration.address("s3_bucket_public_access_block")]
    assert access["depends_on"] == [configuration.address("s3_bucket_ownership_controls")]


def test_a_bucket_may_be_named_and_emptied(stack: AwsStack) -> None:
    ArchiveBucket(stack, "archives", name_prefix="shop-code", force_destroy=True)
    assert Configuration(stack).only("s3_bucket") == {"bucket_prefix": "shop-code", "force_destroy": True}
    assert refused(lambda: ArchiveBucket(stack, "more", name_prefix="Shop")) == (
        InvalidArgumentError,
        (
            "shop/more: name_prefix 'Shop' is not valid; use 1 to 37 lower case letters, digits and '-', not '-' first"
        ),
    )


def test_an_archive_bucket_of_another_stack_is_refused(
    app: App, stack: AwsStack, archive: FakeArchive
) -> None:
    bucket = ArchiveBucket(AwsStack(app, "other", region="us-east-1"), "archives")
    assert refused(lambda: Function(stack, "chat", archive=archive, code_bucket=bucket)) == (
        ConflictError,
        "shop/chat: is in stack 'shop' and other/archives in stack 'other'; create both in the same stack",
    )
