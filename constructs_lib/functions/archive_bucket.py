"""Bucket for Lambda archives that are too large for a direct upload."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from cdktf_cdktf_provider_aws.s3_object import S3Object
from constructs import Construct

from constructs_lib.archive import Archive
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import path_below, path_of
from constructs_lib.references import attribute, make, wait_for
from constructs_lib.storage.private_bucket import PrivateBucket

if TYPE_CHECKING:
    from constructs_lib.kms.encryption_key import EncryptionKey

_DEFAULT_ID: Final = "archives"


class ArchiveBucket(PrivateBucket):
    """A private bucket for Lambda archives (`aws_s3_bucket` and what closes it).

    It encrypts every object, blocks ACLs and public access, and rejects requests without TLS. Terraform
    appends a unique suffix to the bucket's name. `from_bucket_name` uses an existing bucket instead.

    The key of an archive has the hash of its content, so no object is ever overwritten. Use `versioning` and
    `replica` only if your rules require them for every bucket.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name_prefix: Prefix of its name in AWS, at most 37 characters. Default: the path of the construct.
        force_destroy: Whether destroying the bucket deletes objects that Terraform did not create. Default:
            False; destroying a bucket with such objects fails.
        encryption_key: Key for encryption. Default: the stack's, or else S3's own.
        versioning: Whether it keeps old versions of objects. Default: False.
        old_versions_days: Days after which old versions expire, 1-3650. Default: never.
        access_log_bucket: Name of an existing bucket for its access log. Default: none.
        events: Whether S3 sends events to EventBridge. Default: False.
        replica: Bucket in another region that gets a copy of every object. Default: none.

    Raises:
        ConstructError: if an argument is not valid, `replica` or `old_versions_days` is set without
            `versioning`, or `replica` without a key.

    Example:
        >>> bucket = ArchiveBucket(stack, "archives")
        >>> function = Function(stack, "chat", archive=archive, handler="chat.handler", code_bucket=bucket)
    """

    @cached_property
    def _uploads(self) -> dict[str, S3Object]:
        return {}

    @classmethod
    def of(cls, construct: Construct) -> ArchiveBucket:
        """Return the stack's default bucket for archives; create it on first use.

        It is `archive_bucket` of the stack's defaults, or a bucket that is destroyed with the stack.
        """
        stack = AwsStack.of(construct)
        for bucket in stack.find_all(cls):
            if path_of(bucket) == path_below(stack, _DEFAULT_ID):
                return bucket
        existing = stack.defaults.archive_bucket
        if existing is not None:
            return cls.from_bucket_name(stack, _DEFAULT_ID, existing)
        return cls(stack, _DEFAULT_ID, force_destroy=True)

    @staticmethod
    def from_bucket_name(
        scope: Construct, construct_id: str, bucket_name: str, *, encryption_key: EncryptionKey | None = None
    ) -> ArchiveBucket:
        """Return an existing bucket that this stack does not manage; it only uploads archives.

        Each plan checks that the stack's account owns the bucket; see `PrivateBucket`. It must have a bucket
        policy.

        Args:
            scope: Parent construct.
            construct_id: Id in the parent construct.
            bucket_name: Name in AWS. `{account}` stands for the account's ID.
            encryption_key: Key for the archives. Default: the stack's, or else the bucket's default.

        Raises:
            ConstructError: if the name is not valid.

        Example:
            >>> bucket = ArchiveBucket.from_bucket_name(stack, "archives", "company-lambda-archives")
            >>> bucket.name
            'company-lambda-archives'
        """
        return ArchiveBucket(scope, construct_id, existing=bucket_name, encryption_key=encryption_key)

    def upload(self, scope: Construct, construct_id: str, *, archive: Archive, folder: str) -> S3Object:
        """Upload an archive under a key with the hash of its content.

        Args:
            scope: Parent construct.
            construct_id: Id in the parent construct.
            archive: Archive to upload.
            folder: Prefix of the key.

        Returns:
            The `aws_s3_object`; for an archive that was uploaded before, the first one.
        """
        if archive.digest in self._uploads:
            return self._uploads[archive.digest]
        place = AwsStack.of(self).place_archive(archive)
        uploaded = make(
            S3Object,
            scope,
            construct_id,
            bucket=self.name if self._resource is None else attribute(self._resource, "id", scope),
            key=f"{folder}/{archive.name}-{archive.digest}.zip",
            source=place,
            content_type="application/zip",
            kms_key_id=None if self._key is None else attribute(self._key.resource, "arn", scope),
        )
        wait_for(uploaded, *self._ready, first=True)
        self._uploads[archive.digest] = uploaded
        return uploaded
