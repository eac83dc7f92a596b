"""Replication of a bucket to another region, and the role of S3 for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdktf_cdktf_provider_aws.s3_bucket_replication_configuration import (
    S3BucketReplicationConfigurationA,
    S3BucketReplicationConfigurationRule,
    S3BucketReplicationConfigurationRuleDeleteMarkerReplication,
    S3BucketReplicationConfigurationRuleDestination,
    S3BucketReplicationConfigurationRuleDestinationEncryptionConfiguration,
    S3BucketReplicationConfigurationRuleFilter,
    S3BucketReplicationConfigurationRuleSourceSelectionCriteria,
    S3BucketReplicationConfigurationRuleSourceSelectionCriteriaSseKmsEncryptedObjects,
)

from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.iam.role import Role
from constructs_lib.references import attribute, make

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
    from constructs import Construct

    from constructs_lib.kms.encryption_key import EncryptionKey
    from constructs_lib.storage.replica import Replica


def replicate(
    scope: Construct, bucket: S3Bucket, key: EncryptionKey, replica: Replica
) -> S3BucketReplicationConfigurationA:
    """Replicate the objects of a bucket, with a role that may do that and nothing else.

    Args:
        scope: Parent construct.
        bucket: Bucket with versioning.
        key: Key that encrypts it.
        replica: Destination.
    """
    role = Role(scope, "replication-role", service="s3.amazonaws.com")
    role.add_policy(
        "replicate",
        PolicyStatement(
            actions=["s3:GetReplicationConfiguration", "s3:ListBucket"],
            resources=[attribute(bucket, "arn")],
        ),
        PolicyStatement(
            actions=[
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
            ],
            resources=[f"{attribute(bucket, 'arn')}/*"],
        ),
        PolicyStatement(
            actions=["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
            resources=[f"{replica.bucket_arn}/*"],
            conditions={}
            if replica.account_id is None
            else {"StringEquals": {"aws:ResourceAccount": replica.account_id}},
        ),
        PolicyStatement(actions=["kms:Decrypt"], resources=[attribute(key.resource, "arn")]),
        PolicyStatement(actions=["kms:Encrypt", "kms:GenerateDataKey"], resources=[replica.key_arn]),
    )
    configuration = make(
        S3BucketReplicationConfigurationA,
        scope,
        "replication",
        bucket=attribute(bucket, "id"),
        role=attribute(role.resource, "arn"),
        rule=[
            S3BucketReplicationConfigurationRule(
                id="everything",
                status="Enabled",
                priority=0,
                filter=S3BucketReplicationConfigurationRuleFilter(prefix=""),
                delete_marker_replication=S3BucketReplicationConfigurationRuleDeleteMarkerReplication(
                    status="Disabled"
                ),
                source_selection_criteria=S3BucketReplicationConfigurationRuleSourceSelectionCriteria(
                    sse_kms_encrypted_objects=(
                        S3BucketReplicationConfigurationRuleSourceSelectionCriteriaSseKmsEncryptedObjects(
                            status="Enabled"
                        )
                    )
                ),
                destination=S3BucketReplicationConfigurationRuleDestination(
                    bucket=replica.bucket_arn,
                    account=replica.account_id,
                    encryption_configuration=(
                        S3BucketReplicationConfigurationRuleDestinationEncryptionConfiguration(
                            replica_kms_key_id=replica.key_arn
                        )
                    ),
                ),
            )
        ],
    )
    role.used_by(configuration, first=True)
    return configuration
