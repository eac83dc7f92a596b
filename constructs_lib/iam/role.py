"""The role of one service in one place, with the permissions it needs there and no others."""

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
"""IAM's 64 characters of a role name, less the suffix that Terraform adds."""


class Role(AwsConstruct):
    """An IAM role that one AWS service may assume (`aws_iam_role`), with inline policies (`aws_iam_role_policy`).

    Starts without any permission. Terraform appends a unique suffix to the role's name: a role that is made
    again under the name of a deleted one is a stranger to KMS and Lambda, and breaks them.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        service: The service that may assume it, such as `lambda.amazonaws.com`.
        description: Description in AWS. Default: it says whose role it is.
        same_account_only: Whether the service must act for this account (`aws:SourceAccount`), so that nobody
            else can make it use the role. False is for services that do not say for whom they act.

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
        """Its policies by name, in the order they were added."""
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
            name: Its name, unique in this role.
            statements: What it allows; at least one.
            awaited: Whether what uses the role is created only after the policy. False is for a policy that
                itself refers to what uses the role.

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
        """Allow sending traces to X-Ray, which knows no resources."""
        return self.add_policy(
            "xray",
            PolicyStatement(actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources=["*"]),
        )

    def used_by(self, user: TerraformResource, *others: TerraformResource, first: bool = False) -> None:
        """Make `user` wait for the role's policies, those that are added later included.

        Args:
            user: What uses the role.
            others: What it waits for besides.
            first: Whether it was just made, and nobody else has seen it.
        """
        self._users.append(user)
        wait_for(user, *others, *self._policies.values(), first=first)


def _name_prefix(where: str) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", where).strip("-")
    return f"{words[: _MAX_NAME_PREFIX - 1].rstrip('-')}-"
