"""Bucket for input and output of jobs, whose objects expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, path_of
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.references import attribute
from constructs_lib.stacks import check_same_stack
from constructs_lib.storage.private_bucket import PrivateBucket
from constructs_lib.storage.replica import Replica

if TYPE_CHECKING:
    from constructs_lib.iam.role import Role
    from constructs_lib.kms.encryption_key import EncryptionKey


class PayloadBucket(PrivateBucket):
    """Private bucket whose objects expire, for data that must not be in workflow histories or logs.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        expire_days: Days after which objects expire, 1-3650; S3 checks once a day. None: never, for the local
            cloud.
        force_destroy: Whether destroying the bucket deletes its objects. Otherwise destroying it fails.
            Default: True.
        existing: Name of an existing bucket of the stack's account with a bucket policy and its own expiry
            rules. Default: none; creates a bucket.
        encryption_key: Key for encryption. Default: the stack's, or else S3's own.
        versioning: Whether it keeps old versions of objects. Default: False; data of callers is deleted when
            it expires.
        old_versions_days: Days after which old versions expire, 1-3650. Default: never.
        access_log_bucket: Name of an existing bucket for its access log. Default: none.
        events: Whether S3 sends events to EventBridge. Default: False.
        replica: Bucket in another region that gets a copy of every object. Default: none.

    Raises:
        ConstructError: if an argument is not valid, `replica` or `old_versions_days` is set without
            `versioning`, or `replica` without a key.

    Example:
        >>> payloads = PayloadBucket(stack, "payloads", expire_days=1)
        >>> payloads.grant(function.role, "jobs/", read=True)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        expire_days: int | None,
        force_destroy: bool = True,
        existing: str | None = None,
        encryption_key: EncryptionKey | None = None,
        versioning: bool = False,
        old_versions_days: int | None = None,
        access_log_bucket: str | None = None,
        events: bool = False,
        replica: Replica | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            existing=existing,
            force_destroy=force_destroy,
            encryption_key=encryption_key,
            expire_days=expire_days,
            versioning=versioning,
            old_versions_days=old_versions_days,
            access_log_bucket=access_log_bucket,
            events=events,
            replica=replica,
        )

    def grant(self, role: Role, prefix: str, *, read: bool = False, write: bool = False) -> None:
        """Allow a role to read or write the objects with a prefix, and to use the bucket's key. Idempotent.

        It covers the bucket only while the stack's account owns it (see `Role.add_policy`).

        Args:
            role: Role.
            prefix: Prefix of the keys, such as `jobs/`.
            read: Whether it may read objects.
            write: Whether it may write objects.

        Raises:
            ConstructError: if the prefix is not valid, or the role is in another stack.
        """
        where = path_of(self)
        check_same_stack(where, self, role)
        check_pattern(
            where,
            "prefix",
            prefix,
            r"([A-Za-z0-9_-]+/)+",
            "write it with a '/' at the end and no '*', such as 'jobs/'",
        )
        actions = ["s3:GetObject"] * read + ["s3:PutObject"] * write
        name = f"{'read' if read else ''}{'write' if write else ''}-{prefix.strip('/').replace('/', '-')}"
        if not actions or name in role.policies:
            return
        arn = (
            f"arn:{AwsStack.of(self).partition}:s3:::{self.name}"
            if self._resource is None
            else attribute(self._resource, "arn")
        )
        statements = [PolicyStatement(actions=actions, resources=[f"{arn}/{prefix}*"])]
        if read:
            # Without it, S3 answers 403 for an expired object instead of 404.
            statements.append(PolicyStatement(actions=["s3:ListBucket"], resources=[arn]))
        role.add_policy(name, *statements)
        if self._key is not None:
            self._key.grant_use(role)
