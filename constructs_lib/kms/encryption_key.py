"""Customer-managed KMS key for encryption."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.checks import check_pattern, check_range, check_text, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError, UnsafeSettingError
from constructs_lib.iam.policy import PolicyStatement, policy_data, policy_document
from constructs_lib.provider_stack import ProviderStack
from constructs_lib.references import attribute, token
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.kms_key import KmsKey

    from constructs_lib.iam.role import Role

KEY_ALIAS: Final = r"(?!aws/)[A-Za-z0-9/_-]{1,250}"
KEY_ALIAS_REMEDY: Final = "use 1 to 250 letters, digits and '/_-', without 'aws/' or 'alias/' in front"

_LOGS_ACTIONS: Final = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
_PUBLISHER_ACTIONS: Final = ("kms:Decrypt", "kms:GenerateDataKey")


class EncryptionKey(AwsConstruct):
    """Customer-managed KMS key (`aws_kms_key`) with an alias and yearly rotation.

    Its policy delegates to the account's IAM policies and allows the AWS services that need the key;
    constructs that it encrypts add their services. Functions and roles get permission by `grant_use`.
    `AwsStack.encrypt_with` uses it for a whole stack.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        alias: Alias in AWS without `alias/`. Default: the stack's prefix and the path below the stack.
        description: Description in AWS. Default: the construct whose data the key encrypts.
        deletion_window_days: Days in which a deleted key can be restored, 7-30. Default: 30.

    Raises:
        ConstructError: if an argument is not valid, or the alias is taken.

    Example:
        >>> key = EncryptionKey(stack, "key")
        >>> stack.encrypt_with(key)
        >>> group = LogGroup(stack, "audit", name="/shop/audit")
        >>> [statement["Sid"] for statement in key.policy["Statement"]]
        ['Account', 'LogGroups']
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        alias: str | None = None,
        description: str | None = None,
        deletion_window_days: int = 30,
    ) -> None:
        where = path_below(scope, construct_id)
        name = ProviderStack.of(scope).physical_name(where) if alias is None else alias
        check_pattern(where, "alias", name, KEY_ALIAS, KEY_ALIAS_REMEDY)
        check_text(where, "description", description)
        check_range(where, "deletion_window_days", deletion_window_days, 7, 30)
        stack = ProviderStack.of(scope)
        stack.claim(where, "key alias", name)
        super().__init__(scope, construct_id)
        self._name = name
        self._statements: dict[str, dict[str, Any]] = {
            "Account": {
                "Sid": "Account",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{stack.partition}:iam::{stack.account_id}:root"},
                # In a key policy, "*" is the key itself. Without this statement, no principal could change
                # the policy.
                "Action": "kms:*",
                "Resource": "*",
            }
        }
        from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
        from cdktf_cdktf_provider_aws.kms_key import KmsKey

        self._resource = self._create(
            KmsKey,
            "Resource",
            description=f"Encrypts the data of {path_of(scope)}" if description is None else description,
            deletion_window_in_days=deletion_window_days,
            enable_key_rotation=True,
            policy=policy_document(*self._statements.values()),
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
    def policy(self) -> Mapping[str, Any]:
        """Key policy with the statements added so far."""
        document: Mapping[str, Any] = json.loads(json.dumps(policy_data(*self._statements.values())))
        return document

    @property
    def resource(self) -> KmsKey:
        """The `aws_kms_key`."""
        return self._resource

    def allow_service(
        self,
        sid: str,
        *,
        service: str,
        actions: Sequence[str],
        conditions: Mapping[str, Mapping[str, str | Sequence[str]]],
    ) -> None:
        """Allow an AWS service to use the key. Idempotent.

        Args:
            sid: Id of the statement, in letters and digits; unique in the key.
            service: Principal of the service, such as `sqs.amazonaws.com`.
            actions: Actions, such as `kms:Decrypt`; without wildcards.
            conditions: IAM's condition block, which limits the use to accounts and resources.

        Raises:
            ConstructError: if an argument is not valid, there is no condition, or `sid` exists with other
                arguments.
        """
        if not conditions:
            raise UnsafeSettingError(
                path_of(self),
                f"{sid}: {service} could use the key on behalf of any account",
                "pass conditions, such as {'StringEquals': {'aws:SourceAccount': stack.account_id}}",
            )
        self._allow(sid, service, actions, conditions)

    def _allow_log_groups(self) -> None:
        """Allow CloudWatch Logs to use the key for the log groups of this account and region."""
        stack = ProviderStack.of(self)
        groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account_id}:log-group:*"
        suffix = ".cn" if stack.region.startswith("cn-") else ""
        self._allow(
            "LogGroups",
            f"logs.{stack.region}.amazonaws.com{suffix}",
            _LOGS_ACTIONS,
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )

    def allow_alarms(self) -> None:
        """Allow CloudWatch to publish to topics that the key encrypts. The topic's policy decides which alarms may.

        Without it, alarms change their state but cannot notify the topic.
        """
        self._allow("Alarms", "cloudwatch.amazonaws.com", _PUBLISHER_ACTIONS, {})

    def grant_decrypt(self, role: Role) -> None:
        """Allow a role to decrypt with the key, and nothing else. Idempotent."""
        self._grant(role, "decrypt", ["kms:Decrypt"])

    def grant_use(self, role: Role) -> None:
        """Allow a role to encrypt and decrypt with the key, for data that its other policies allow. Idempotent."""
        self._grant(role, "use", ["kms:Decrypt", "kms:GenerateDataKey"])

    def _grant(self, role: Role, verb: str, actions: Sequence[str]) -> None:
        check_same_stack(path_of(self), self, role)
        name = f"{verb}-{self._name.replace('/', '-')}"[:128]
        if name not in role.policies:
            role.add_policy(
                name, PolicyStatement(actions=actions, resources=[attribute(self._resource, "arn")])
            )

    def _allow(
        self,
        sid: str,
        service: str,
        actions: Sequence[str],
        conditions: Mapping[str, Mapping[str, str | Sequence[str]]],
    ) -> None:
        where = path_of(self)
        check_pattern(where, "sid", sid, "[A-Za-z0-9]{1,64}", "use 1 to 64 letters and digits")
        for action in actions:
            if not action.startswith("kms:") or "*" in action:
                raise InvalidArgumentError(
                    where, f"{sid}: action {action!r} is not an action of KMS", "write it as 'kms:Decrypt'"
                )
        statement: dict[str, Any] = {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": list(actions),
            "Resource": "*",
        }
        if conditions:
            statement["Condition"] = conditions
        existing = self._statements.setdefault(sid, statement)
        if existing != statement:
            raise ConflictError(
                where, f"sid '{sid}' exists with another service, action or condition", "choose another sid"
            )
        if existing is not statement:
            return
        self._resource.policy = policy_document(*self._statements.values())
