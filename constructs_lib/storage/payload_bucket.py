"""The bucket for what callers sent and are to get back, while a workflow works on it."""

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
    """A private bucket whose objects are gone after some days, for data that is to be in no state and in no log.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        expire_days: After how many days objects are gone; AWS looks once a day. None keeps them until something else
            deletes them, for a local cloud that forgets everything anyway.
        force_destroy: Whether destroying the bucket deletes its objects, which expire anyway. If not, Terraform fails.
            Default: True.
        existing: The name of a bucket that exists, is owned by the stack's account, has a bucket policy, and lets its
            objects expire by rules of its own. Default: a new bucket.
        encryption_key: Key for encryption. Default: the stack's, or else S3's own.
        versioning: Whether it keeps what is overwritten, deleted or expired. Default: False: what callers
            sent is gone when it is gone.
        old_versions_days: After how many days that is gone, 1 to 3650. Default: it stays.
        access_log_bucket: The name of an existing bucket that gets a line for each request. Default: none.
        events: Whether EventBridge is told of each object. Default: False.
        replica: A bucket in another region that gets a copy of everything. Default: none.

    Raises:
        ConstructError: if an argument is not valid, or `replica` and `old_versions_days` come without `versioning`,
            or `replica` without a key.

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
        """Allow a role to read or write the objects below a prefix, and the use of the bucket's key.

        The permission ends where another account owns the bucket (see `Role.add_policy`).

        Doing the same twice changes nothing.

        Args:
            role: Who may.
            prefix: What the objects' keys begin with, such as `jobs/`.
            read: Whether it may read them.
            write: Whether it may write them.

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
            # Without it S3 answers for an object that has expired as for one that may not be read.
            statements.append(PolicyStatement(actions=["s3:ListBucket"], resources=[arn]))
        role.add_policy(name, *statements)
        if self._key is not None:
            self._key.grant_use(role)
