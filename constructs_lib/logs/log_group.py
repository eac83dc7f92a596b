"""CloudWatch log group with a retention, created before its writers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, path_below
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.log_retention import RetentionDays, check_retention
from constructs_lib.references import attribute, token
from constructs_lib.templates import without_references

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy

    from constructs_lib.iam.role import Role
    from constructs_lib.kms.encryption_key import EncryptionKey

LOG_GROUP_NAME: Final = "log group name"
"""Kind for `AwsStack.claim`."""

_NAME_REMEDY: Final = "use 1 to 512 letters, digits and '_./#-'"


class LogGroup(AwsConstruct):
    """CloudWatch log group (`aws_cloudwatch_log_group`).

    A service that writes to a missing log group creates it without a retention, and Terraform then fails to
    create it. So every writer depends on its LogGroup.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Name in AWS, with letters, digits and `_./#-`.
        retention_days: Retention of log events in days. Default: the stack's, 365.
        encryption_key: Key for encryption. Default: the stack's, or else CloudWatch Logs' own.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> LogGroup(stack, "audit", name="/shop/audit", retention_days=30).name
        '/shop/audit'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        retention_days: RetentionDays | None = None,
        encryption_key: EncryptionKey | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        if not name:
            raise InvalidArgumentError(where, "name is empty", _NAME_REMEDY)
        check_pattern(where, "name", without_references(name), r"[A-Za-z0-9_./#-]{0,512}", _NAME_REMEDY)
        check_retention(where, "retention_days", retention_days)
        stack = AwsStack.of(scope)
        key = stack.key_for(where, scope, encryption_key)
        stack.claim(where, LOG_GROUP_NAME, name)
        super().__init__(scope, construct_id)
        if key is not None:
            key._allow_log_groups()
        self._name = name
        self._resource = self._create(
            CloudwatchLogGroup,
            "Resource",
            name=name,
            retention_in_days=retention_days or AwsStack.of(scope).defaults.log_retention_days,
            kms_key_id=None if key is None else attribute(key.resource, "arn"),
        )

    @property
    def name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def arn(self) -> str:
        """ARN without `:*` at the end; a reference."""
        return token(self._resource, "arn")

    @property
    def resource(self) -> CloudwatchLogGroup:
        """The `aws_cloudwatch_log_group`."""
        return self._resource

    def grant_write(self, role: Role) -> IamRolePolicy:
        """Allow a role to write to this log group, but not to create log groups, which have no retention.

        Returns:
            The `aws_iam_role_policy` with the name `logs`.

        Raises:
            ConflictError: if the role may write to another log group.
        """
        return role.add_policy(
            "logs",
            PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[f"{attribute(self._resource, 'arn', role)}:*"],
            ),
        )
