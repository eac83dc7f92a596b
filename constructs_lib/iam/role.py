"""IAM role of an AWS service, with only the permissions that it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from cdktf import TerraformResource
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.checks import check_pattern, check_text, check_type, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement, policy_document
from constructs_lib.provider_stack import ProviderStack
from constructs_lib.references import attribute, token, wait_for

_MAX_NAME_PREFIX: Final = 38
"""IAM's quota of 64 characters for a role name, less the suffix that Terraform appends."""


class Role(AwsConstruct):
    """IAM role that one AWS service may assume (`aws_iam_role`), with inline policies (`aws_iam_role_policy`).

    It starts without permissions. Terraform appends a unique suffix to its name, because KMS and Lambda
    reject a new role with the name of a deleted one.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        service: Service that may assume it, such as `lambda.amazonaws.com`.
        description: Description in AWS. Default: the service and the construct of the role.
        same_account_only: Whether the service must act for this account (`aws:SourceAccount`), against
            confused deputies. Pass False for services that send no source account.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> role = Role(stack, "transcriber", service="lambda.amazonaws.com")
        >>> statement = PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::talks/*"])
        >>> policy = role.add_policy("read-talks", statement)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service: str,
        description: str | None = None,
        same_account_only: bool = True,
    ) -> None:
        where = path_below(scope, construct_id)
        check_pattern(
            where,
            "service",
            service,
            r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?",
            "use the service's principal, such as 'lambda.amazonaws.com'",
        )
        check_text(where, "description", description)
        super().__init__(scope, construct_id)
        trust: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
        }
        if same_account_only:
            trust["Condition"] = {"StringEquals": {"aws:SourceAccount": ProviderStack.of(self).account_id}}
        self._policies: dict[str, IamRolePolicy] = {}
        self._users: list[TerraformResource] = []
        self._resource = self._create(
            IamRole,
            "Resource",
            name_prefix=_name_prefix(where),
            description=f"Used by {service} for {where}" if description is None else description,
            assume_role_policy=policy_document(trust),
        )

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def policies(self) -> Mapping[str, IamRolePolicy]:
        """Policies by name, in the order they were added."""
        return MappingProxyType(self._policies)

    @property
    def resource(self) -> IamRole:
        """The `aws_iam_role`."""
        return self._resource

    def add_policy(self, name: str, *statements: PolicyStatement, awaited: bool = True) -> IamRolePolicy:
        """Add an inline policy.

        Statements about S3 get the condition that the stack's account owns the bucket (`aws:ResourceAccount`). For a
        bucket of another account, name that account in the statement's conditions.

        Args:
            name: Name, unique in this role.
            statements: Statements, at least one.
            awaited: Whether users of the role are created after the policy. Pass False for a policy that refers to a user
                of the role.

        Raises:
            ConstructError: if there is no statement, or the name is taken.
        """
        where = f"{path_of(self)}/{name}"
        check_pattern(where, "name", name, r"[\w+=,.@-]{1,128}", "use 1 to 128 letters, digits and '+=,.@_-'")
        if not statements:
            raise InvalidArgumentError(where, "has no statements", "pass at least one PolicyStatement")
        for statement in statements:
            check_type(where, "a statement", statement, PolicyStatement)
        if name in self._policies:
            raise ConflictError(where, "exists already", "give the policy another name")
        account_id = ProviderStack.of(self).account_id
        policy = self._create(
            IamRolePolicy,
            name,
            name=name,
            role=attribute(self._resource, "id"),
            policy=policy_document(
                *(statement.within_account(account_id).as_dict() for statement in statements)
            ),
        )
        self._policies[name] = policy
        if awaited:
            for user in self._users:
                wait_for(user, policy)
        return policy

    def allow_tracing(self) -> IamRolePolicy:
        """Allow sending traces to X-Ray, whose actions have no resources."""
        return self.add_policy(
            "xray",
            PolicyStatement(actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources=["*"]),
        )

    def used_by(self, user: TerraformResource, *others: TerraformResource, first: bool = False) -> None:
        """Make `user` depend on the role's policies, including policies that are added later.

        Args:
            user: Resource that uses the role.
            others: Other resources that it depends on.
            first: Whether it is new and has no dependencies yet.
        """
        self._users.append(user)
        wait_for(user, *others, *self._policies.values(), first=first)


def _name_prefix(where: str) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", where).strip("-")
    return f"{words[: _MAX_NAME_PREFIX - 1].rstrip('-')}-"
