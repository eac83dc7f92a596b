"""Base of KMS keys for signatures and HMACs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.checks import check_pattern, check_range, path_below, path_of
from constructs_lib.iam.policy import PolicyStatement, policy_document
from constructs_lib.kms.encryption_key import KEY_ALIAS, KEY_ALIAS_REMEDY
from constructs_lib.provider_stack import ProviderStack
from constructs_lib.references import attribute, token
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from constructs_lib.iam.role import Role


class SingleUseKey(AwsConstruct):
    """KMS key with an alias (`aws_kms_key`, `aws_kms_alias`), whose use the account's IAM policies allow.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        alias: Alias in AWS without `alias/`. Default: the stack's prefix and the path below the stack.
        deletion_window_days: Days in which a deleted key can be restored, 7-30. Default: 30.

    Raises:
        ConstructError: if an argument is not valid, or the alias is taken.
    """

    _purpose: ClassVar[str]
    """Start of its description in AWS, before the path of its construct."""
    _spec: ClassVar[str]
    """Key spec of KMS, such as `HMAC_256`."""
    _usage: ClassVar[str]
    """Key usage of KMS, such as `GENERATE_VERIFY_MAC`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        alias: str | None = None,
        deletion_window_days: int = 30,
    ) -> None:
        where = path_below(scope, construct_id)
        name = ProviderStack.of(scope).physical_name(where) if alias is None else alias
        check_pattern(where, "alias", name, KEY_ALIAS, KEY_ALIAS_REMEDY)
        check_range(where, "deletion_window_days", deletion_window_days, 7, 30)
        stack = ProviderStack.of(scope)
        stack.claim(where, "key alias", name)
        super().__init__(scope, construct_id)
        self._name = name
        self._resource = self._create(
            KmsKey,
            "Resource",
            description=f"{self._purpose} {path_of(scope)}",
            customer_master_key_spec=self._spec,
            key_usage=self._usage,
            deletion_window_in_days=deletion_window_days,
            policy=policy_document(
                {
                    "Sid": "Account",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:{stack.partition}:iam::{stack.account_id}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ),
        )
        self._create(
            KmsAlias, "alias", name=f"alias/{name}", target_key_id=attribute(self._resource, "key_id")
        )

    @property
    def alias(self) -> str:
        """Alias in AWS without `alias/`."""
        return self._name

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def resource(self) -> KmsKey:
        """The `aws_kms_key`."""
        return self._resource

    def _grant(
        self, role: Role, verb: str, action: str, conditions: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        check_same_stack(path_of(self), self, role)
        name = f"{verb}-{self._name.replace('/', '-')}"[:128]
        if name not in role.policies:
            role.add_policy(
                name,
                PolicyStatement(
                    actions=[action],
                    resources=[attribute(self._resource, "arn")],
                    conditions=conditions or {},
                ),
            )
