"""Expiry of the objects of a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload,
    S3BucketLifecycleConfigurationRuleExpiration,
    S3BucketLifecycleConfigurationRuleFilter,
    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration,
)

from constructs_lib.references import attribute, make

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
    from constructs import Construct


def expire(
    scope: Construct, bucket: S3Bucket, *, old_versions_days: int | None, expire_days: int | None
) -> S3BucketLifecycleConfiguration:
    """Expire objects of a bucket.

    Args:
        scope: Parent construct.
        bucket: Bucket.
        old_versions_days: Days after which old versions expire. None: never.
        expire_days: Days after which objects expire. None: never.
    """
    rules = []
    if old_versions_days is not None:
        rules.append(
            _rule(
                "old-versions",
                noncurrent_version_expiration=[
                    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(
                        noncurrent_days=old_versions_days
                    )
                ],
            )
        )
    if expire_days is not None:
        expiration = [S3BucketLifecycleConfigurationRuleExpiration(days=expire_days)]
        rules.append(_rule("expired", expiration=expiration))
    return make(
        S3BucketLifecycleConfiguration, scope, "lifecycle", bucket=attribute(bucket, "id"), rule=rules
    )


def _rule(name: str, **what: Any) -> S3BucketLifecycleConfigurationRule:
    return S3BucketLifecycleConfigurationRule(
        id=name,
        status="Enabled",
        filter=[S3BucketLifecycleConfigurationRuleFilter(prefix="")],
        abort_incomplete_multipart_upload=[
            S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(days_after_initiation=7)
        ],
        **what,
    )
