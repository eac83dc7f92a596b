"""The bucket by which an archive that is too large for a direct upload reaches Lambda."""

from __future__ import annotations

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

    Every object is encrypted, access by ACL and public access are off, and a request without TLS is refused.
    Terraform appends a unique suffix to the bucket's name. `from_bucket_name` uses a bucket that exists instead.

    An archive's key names its content, and none is ever overwritten: what keeps and copies old versions is for those
    whose rules ask for it of every bucket.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name_prefix: What its name in AWS starts with; at most 37 characters. Default: the path of the
            construct.
        force_destroy: Whether destroying the bucket deletes what Terraform did not put into it. Default: the
            bucket then stays and Terraform fails.
        encryption_key: Key for encryption. Default: the stack's, or else S3's own.
        versioning: Whether it keeps what is overwritten and deleted. Default: False.
        old_versions_days: After how many days that is gone, 1 to 3650. Default: it stays.
        access_log_bucket: The name of an existing bucket that gets a line for each request. Default: none.
        events: Whether EventBridge is told of each object. Default: False.
        replica: A bucket in another region that gets a copy of everything. Default: none.

    Raises:
        ConstructError: if an argument is not valid, or `replica` and `old_versions_days` come without `versioning`,
            or `replica` without a key.

    Example:
        >>> bucket = ArchiveBucket(stack, "archives")
        >>> function = Function(stack, "chat", archive=archive, handler="chat.handler", code_bucket=bucket)
    """

    @classmethod
    def of(cls, construct: Construct) -> ArchiveBucket:
        """Return the stack's bucket for the archives whose functions are given no other; created on first use.

        It is `archive_bucket` of the stack's defaults, or a new one that is destroyed with the stack.
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
        """Return a bucket that exists, and that somebody else looks after: only uploads are made here.

        Each plan checks that the stack's account owns it; see `PrivateBucket`. It must have a bucket policy.

        Args:
            scope: Parent construct.
            construct_id: Id in the parent construct.
            bucket_name: Name in AWS. `{account}` stands for the account's ID.
            encryption_key: Key for the archives. Default: the stack's, or else as the bucket says.

        Raises:
            ConstructError: if the name is not valid.

        Example:
            >>> bucket = ArchiveBucket.from_bucket_name(stack, "archives", "company-lambda-archives")
            >>> bucket.name
            'company-lambda-archives'
        """
        return ArchiveBucket(scope, construct_id, existing=bucket_name, encryption_key=encryption_key)

    def upload(self, scope: Construct, construct_id: str, *, archive: Archive, folder: str) -> S3Object:
        """Upload an archive under a key that names its content, so that an old version is never mistaken for it.

        Args:
            scope: The construct that the upload belongs to.
            construct_id: Id in the parent construct.
            archive: What is uploaded.
            folder: What the key starts with.

        Returns:
            The `aws_s3_object`.
        """
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
        return uploaded
