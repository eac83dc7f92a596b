"""Private bucket with a name of its own."""

from __future__ import annotations

from constructs_lib import AwsStack, ConflictError, InvalidArgumentError, PrivateBucket
from tests.support.synthesis import Configuration, refused


def test_name_is_exact_and_may_have_the_account(stack: AwsStack) -> None:
    PrivateBucket(stack, "files", bucket_name="shop-files-{account}")
    bucket = Configuration(stack).only("s3_bucket")
    assert "bucket_prefix" not in bucket
    assert bucket["bucket"].startswith("shop-files-${data.aws_caller_identity.")


def test_second_bucket_with_the_name_is_an_error(stack: AwsStack) -> None:
    PrivateBucket(stack, "files", bucket_name="shop-files")
    assert refused(lambda: PrivateBucket(stack, "more", bucket_name="shop-files")) == (
        ConflictError,
        "shop/more: bucket_name 'shop-files' is taken by shop/files; pass another bucket_name",
    )


def test_name_that_s3_rejects_is_an_error(stack: AwsStack) -> None:
    assert (
        refused(lambda: PrivateBucket(stack, "files", bucket_name="Files {account}"))[0]
        is InvalidArgumentError
    )
