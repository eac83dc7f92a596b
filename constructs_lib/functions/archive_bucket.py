"""The bucket by which an archive that is too large for a direct upload reaches Lambda."""

from __future__ import annotations

import json
import re

from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.s3_bucket_ownership_controls import (
    S3BucketOwnershipControls,
    S3BucketOwnershipControlsRule,
)
from cdktf_cdktf_provider_aws.s3_bucket_policy import S3BucketPolicy
from cdktf_cdktf_provider_aws.s3_bucket_public_access_block import S3BucketPublicAccessBlock
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationA,
    S3BucketServerSideEncryptionConfigurationRuleA,
    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA,
)
from cdktf_cdktf_provider_aws.s3_object import S3Object
from constructs import Construct

from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, path_below
from constructs_lib.functions.archive import Archive
from constructs_lib.references import wait_for


class ArchiveBucket(Construct):
    """A private bucket for Lambda archives (`aws_s3_bucket` and what closes it).

    Every object is encrypted, access by ACL and public access are off, and a request without TLS is refused.
    Terraform appends a unique suffix to the bucket's name.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its name in that construct.
        name_prefix: What its name in AWS starts with; at most 37 characters. Left out, the path of the
            construct.
        force_destroy: Whether destroying the bucket deletes what Terraform did not put into it. Left out, the
            bucket then stays and Terraform fails.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> bucket = ArchiveBucket(stack, "archives")
        >>> function = Function(stack, "chat", archive=archive, handler="chat.handler", code_bucket=bucket)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name_prefix: str | None = None,
        force_destroy: bool = False,
    ) -> None:
        where = path_below(scope, construct_id)
        prefix = _name_prefix(where) if name_prefix is None else name_prefix
        check_pattern(
            where,
            "name_prefix",
            prefix,
            r"[a-z0-9][a-z0-9-]{0,36}",
            "use 1 to 37 lower case letters, digits and '-', not '-' first",
        )
        super().__init__(scope, construct_id)
        self._resource = S3Bucket(self, "Resource", bucket_prefix=prefix, force_destroy=force_destroy)
        ownership = S3BucketOwnershipControls(
            self,
            "ownership",
            bucket=self._resource.id,
            rule=S3BucketOwnershipControlsRule(object_ownership="BucketOwnerEnforced"),
        )
        access = S3BucketPublicAccessBlock(
            self,
            "public-access",
            bucket=self._resource.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )
        encryption = S3BucketServerSideEncryptionConfigurationA(
            self,
            "encryption",
            bucket=self._resource.id,
            rule=[
                S3BucketServerSideEncryptionConfigurationRuleA(
                    apply_server_side_encryption_by_default=(
                        S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                            sse_algorithm="AES256"
                        )
                    )
                )
            ],
        )
        policy = S3BucketPolicy(self, "policy", bucket=self._resource.id, policy=self._tls_only())
        # S3 answers 409 when a bucket's access settings change at the same time.
        wait_for(access, ownership)
        wait_for(policy, access)
        self._ready = (policy, encryption)

    @property
    def name(self) -> str:
        """The bucket's name; a reference."""
        return self._resource.bucket

    @property
    def resource(self) -> S3Bucket:
        """The `aws_s3_bucket`."""
        return self._resource

    def upload(self, scope: Construct, construct_id: str, *, archive: Archive, folder: str) -> S3Object:
        """Uploads an archive under a key that names its content, so that an old version is never mistaken for it.

        Args:
            scope: The construct that the upload belongs to.
            construct_id: Its name in that construct.
            archive: What is uploaded.
            folder: What the key starts with.

        Returns:
            The `aws_s3_object`.
        """
        place = AwsStack.of(self).place_archive(archive)
        uploaded = S3Object(
            scope,
            construct_id,
            bucket=self._resource.id,
            key=f"{folder}/{archive.name}-{archive.digest}.zip",
            source=place,
            content_type="application/zip",
            lifecycle={"create_before_destroy": True},
        )
        wait_for(uploaded, *self._ready)
        return uploaded

    def _tls_only(self) -> str:
        return json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "TlsOnly",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [self._resource.arn, f"{self._resource.arn}/*"],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            }
        )


def _name_prefix(where: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", where.lower()).strip("-")
    return f"{words[:36].rstrip('-')}-"
