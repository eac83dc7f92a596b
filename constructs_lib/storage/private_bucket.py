"""Base of all buckets: private, encrypted, TLS only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

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
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, check_range, check_type, path_below
from constructs_lib.errors import ConflictError
from constructs_lib.iam.policy import policy_document
from constructs_lib.references import attribute, token, wait_for
from constructs_lib.storage.replica import Replica
from constructs_lib.templates import has_reference, without_references

if TYPE_CHECKING:
    from cdktf import TerraformResource

    from constructs_lib.kms.encryption_key import EncryptionKey

BUCKET_NAME: Final = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
BUCKET_NAME_REMEDY: Final = "use the bucket's name: 3 to 63 lower case letters, digits, '-' and '.'"


class PrivateBucket(AwsConstruct):
    """Private bucket (`aws_s3_bucket` with its settings), or an existing one that this stack does not manage.

    It encrypts every object, blocks ACLs and public access, and rejects requests without TLS. Terraform appends a unique
    suffix to the bucket's name. Subclasses describe its use.

    Each plan reads the policy of an existing bucket (`aws_s3_bucket_policy`), which S3 shows only to its
    owner. So a plan with a bucket of another account fails.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        existing: Name of an existing bucket of the stack's account with a bucket policy; `{account}` stands
            for the account's ID. All arguments but `encryption_key` have no effect then. Default: none;
            creates a bucket.
        bucket_name: Name in AWS, for a bucket that other stacks must find; `{account}` stands for the account's ID.
            Default: none; `name_prefix` with a unique suffix.
        name_prefix: Prefix of its name in AWS, at most 37 characters. Default: the path of the construct.
        force_destroy: Whether destroying the bucket deletes its objects.
        encryption_key: Key for encryption. Default: the stack's, or else S3's own.
        versioning: Whether it keeps old versions of objects.
        old_versions_days: Days after which old versions expire, 1-3650. Default: never.
        expire_days: Days after which objects expire, 1-3650. Default: never.
        access_log_bucket: Name of an existing bucket for its access log. Default: none.
        events: Whether S3 sends events to EventBridge.
        replica: Bucket in another region that gets a copy of every object. Default: none.

    Raises:
        ConstructError: if an argument is not valid, or two arguments exclude each other.

    Example:
        >>> reports = PrivateBucket(stack, "reports", versioning=True, old_versions_days=30)
        >>> PrivateBucket(stack, "old-reports", existing="company-reports").name
        'company-reports'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        existing: str | None = None,
        bucket_name: str | None = None,
        name_prefix: str | None = None,
        force_destroy: bool = False,
        encryption_key: EncryptionKey | None = None,
        versioning: bool = False,
        old_versions_days: int | None = None,
        expire_days: int | None = None,
        access_log_bucket: str | None = None,
        events: bool = False,
        replica: Replica | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        _check_names(where, existing, bucket_name)
        prefix = _name_prefix(where) if name_prefix is None else name_prefix
        check_pattern(
            where,
            "name_prefix",
            prefix,
            r"[a-z0-9][a-z0-9-]{0,36}",
            "use 1 to 37 lower case letters, digits and '-', not '-' first",
        )
        key = AwsStack.of(scope).key_for(where, scope, encryption_key)
        _check_options(where, key, versioning, old_versions_days, access_log_bucket, replica)
        if expire_days is not None:
            check_range(where, "expire_days", expire_days, 1, 3_650)
        if bucket_name is not None:
            AwsStack.of(scope).claim(where, "bucket_name", bucket_name, "pass another bucket_name")
        super().__init__(scope, construct_id)
        existing = _with_account(scope, existing)
        self._key = key
        self._existing_name = existing or ""
        self._resource: S3Bucket | None = None
        self._ready: tuple[TerraformResource, ...] = ()
        if existing is not None:
            from cdktf_cdktf_provider_aws.data_aws_s3_bucket_policy import DataAwsS3BucketPolicy

            DataAwsS3BucketPolicy(self, "owner", bucket=existing)
            return
        own_name = _with_account(scope, bucket_name)
        self._resource = bucket = self._create(
            S3Bucket,
            "Resource",
            bucket=own_name,
            bucket_prefix=prefix if own_name is None else None,
            force_destroy=force_destroy,
        )
        bucket_id = attribute(bucket, "id")
        ownership = self._create(
            S3BucketOwnershipControls,
            "ownership",
            bucket=bucket_id,
            rule=S3BucketOwnershipControlsRule(object_ownership="BucketOwnerEnforced"),
        )
        access = self._create(
            S3BucketPublicAccessBlock,
            "public-access",
            bucket=bucket_id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )
        encryption = self._create(
            S3BucketServerSideEncryptionConfigurationA,
            "encryption",
            bucket=bucket_id,
            rule=[
                S3BucketServerSideEncryptionConfigurationRuleA(
                    apply_server_side_encryption_by_default=(
                        S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                            sse_algorithm="AES256" if key is None else "aws:kms",
                            kms_master_key_id=None if key is None else attribute(key.resource, "arn"),
                        )
                    ),
                    # A bucket key saves calls to KMS.
                    bucket_key_enabled=None if key is None else True,
                )
            ],
        )
        policy = self._create(
            S3BucketPolicy, "policy", bucket=bucket_id, policy=_tls_only(attribute(bucket, "arn"))
        )
        # S3 answers 409 to concurrent changes of a bucket's access settings.
        wait_for(access, ownership, first=True)
        wait_for(policy, access, first=True)
        self._ready = (policy, encryption)
        if versioning:
            from cdktf_cdktf_provider_aws.s3_bucket_versioning import (
                S3BucketVersioningA,
                S3BucketVersioningVersioningConfiguration,
            )

            versions = self._create(
                S3BucketVersioningA,
                "versioning",
                bucket=bucket_id,
                versioning_configuration=S3BucketVersioningVersioningConfiguration(status="Enabled"),
            )
            self._ready += (versions,)
            if replica is not None and key is not None:
                from constructs_lib.storage.bucket_replication import replicate

                wait_for(replicate(self, bucket, key, replica), versions)
        if old_versions_days is not None or expire_days is not None:
            from constructs_lib.storage.bucket_lifecycle import expire

            rules = expire(self, bucket, old_versions_days=old_versions_days, expire_days=expire_days)
            wait_for(rules, *self._ready[2:], first=True)
        if access_log_bucket is not None:
            from cdktf_cdktf_provider_aws.s3_bucket_logging import S3BucketLoggingA

            self._create(
                S3BucketLoggingA,
                "access-log",
                bucket=bucket_id,
                target_bucket=access_log_bucket,
                target_prefix=f"{where}/",
            )
        if events:
            from cdktf_cdktf_provider_aws.s3_bucket_notification import S3BucketNotification

            self._create(S3BucketNotification, "events", bucket=bucket_id, eventbridge=True)

    @property
    def name(self) -> str:
        """Name of the bucket; a reference if this stack creates it."""
        return self._existing_name if self._resource is None else token(self._resource, "bucket")

    @property
    def resource(self) -> S3Bucket | None:
        """The `aws_s3_bucket`; None for an existing bucket."""
        return self._resource


def _check_names(where: str, *names: str | None) -> None:
    for name in names:
        if name is not None and name == without_references(name):
            composed = name.replace("{account}", "0" * 12)
            check_pattern(where, "bucket_name", composed, BUCKET_NAME, BUCKET_NAME_REMEDY)


def _with_account(scope: Construct, name: str | None) -> str | None:
    if name is None or "{account}" not in name:
        return name
    return name.replace("{account}", AwsStack.of(scope).account_id)


def _check_options(
    where: str,
    key: EncryptionKey | None,
    versioning: bool,
    old_versions_days: int | None,
    access_log_bucket: str | None,
    replica: Replica | None,
) -> None:
    if old_versions_days is not None:
        check_range(where, "old_versions_days", old_versions_days, 1, 3_650)
    if access_log_bucket is not None and not has_reference(access_log_bucket):
        check_pattern(where, "access_log_bucket", access_log_bucket, BUCKET_NAME, BUCKET_NAME_REMEDY)
    check_type(where, "replica", replica, Replica)
    for name, value in (("old_versions_days", old_versions_days), ("replica", replica)):
        if value is not None and not versioning:
            raise ConflictError(where, f"{name} needs versions", "pass versioning=True")
    if replica is not None and key is None:
        raise ConflictError(
            where,
            "replica has a key for the copies, and the bucket has no key",
            "pass encryption_key=EncryptionKey(...), or call stack.encrypt_with",
        )


def _tls_only(arn: str) -> str:
    return policy_document(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def _name_prefix(where: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", where.lower()).strip("-")
    return f"{words[:36].rstrip('-')}-"
