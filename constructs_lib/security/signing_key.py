"""A key that signs: its secret half never leaves KMS, its public half is for whoever checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey
from constructs import Construct

from constructs_lib.aws_stack import AwsStack, check_same_stack, note_place
from constructs_lib.checks import check_pattern, check_range, path_below, path_of
from constructs_lib.iam.policy import PolicyStatement, policy_document
from constructs_lib.references import attribute, make, token

if TYPE_CHECKING:
    from constructs_lib.iam.role import Role


class SigningKey(Construct):
    """A key of KMS for signatures by ECDSA on P-256 (`aws_kms_key`), with an alias.

    Whoever is to check its signatures gets the public key (`aws kms get-public-key`); there is nothing to share that
    would have to be kept secret. AWS does not turn such keys over.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its name in that construct.
        alias: Its name in AWS, without `alias/`. Left out, the path of the construct with `-`.
        deletion_window_days: For how long a deleted key can be had back, 7 to 30. Left out, 30.

    Raises:
        ConstructError: if an argument is not valid, or the alias is taken.

    Example:
        >>> key = SigningKey(stack, "callbacks")
        >>> key.grant_sign(function.role)
        >>> key.alias
        'shop-callbacks'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        alias: str | None = None,
        deletion_window_days: int = 30,
    ) -> None:
        where = path_below(scope, construct_id)
        name = where.replace("/", "-") if alias is None else alias
        check_pattern(
            where,
            "alias",
            name,
            r"(?!aws/)[A-Za-z0-9/_-]{1,250}",
            "use 1 to 250 letters, digits and '/_-', without 'aws/' or 'alias/' in front",
        )
        check_range(where, "deletion_window_days", deletion_window_days, 7, 30)
        stack = AwsStack.of(scope)
        stack.claim(where, "key alias", name)
        super().__init__(scope, construct_id)
        note_place(self, scope, construct_id)
        self._name = name
        self._resource = make(
            KmsKey,
            self,
            "Resource",
            description=f"Signs for {path_of(scope)}",
            customer_master_key_spec="ECC_NIST_P256",
            key_usage="SIGN_VERIFY",
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
        make(KmsAlias, self, "alias", name=f"alias/{name}", target_key_id=attribute(self._resource, "key_id"))

    @property
    def alias(self) -> str:
        """Its name in AWS, without `alias/`."""
        return self._name

    @property
    def arn(self) -> str:
        """Its ARN."""
        return token(self._resource, "arn")

    @property
    def resource(self) -> KmsKey:
        """The `aws_kms_key`."""
        return self._resource

    def grant_sign(self, role: Role) -> None:
        """Lets a role sign, and nothing else; doing it twice changes nothing."""
        check_same_stack(path_of(self), self, role)
        name = f"sign-{self._name.replace('/', '-')}"[:128]
        if name not in role.policies:
            role.add_policy(
                name, PolicyStatement(actions=["kms:Sign"], resources=[attribute(self._resource, "arn")])
            )
