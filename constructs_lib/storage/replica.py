"""Replica: destination bucket in another region."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """Bucket in another region that gets a copy of every object.

    Attributes:
        bucket_arn: ARN of the bucket, which must have versioning.
        key_arn: ARN of the key in its region that encrypts the copies.
        account_id: Account that owns the bucket. Default: the stack's.

    Example:
        >>> copies = Replica(
        ...     bucket_arn="arn:aws:s3:::shop-archives-copy",
        ...     key_arn="arn:aws:kms:eu-west-1:123456789012:key/0f8a2b1c-1111-4222-8333-123456789abc",
        ... )
        >>> key = EncryptionKey(stack, "key")
        >>> bucket = ArchiveBucket(stack, "archives", encryption_key=key, versioning=True, replica=copies)
    """

    bucket_arn: str
    key_arn: str
    account_id: str | None = None
