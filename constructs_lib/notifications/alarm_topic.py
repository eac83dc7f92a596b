"""Encrypted SNS topic that CloudWatch alarms notify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_email, check_pattern, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement, policy_document
from constructs_lib.references import attribute, token
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
    from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
    from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription

    from constructs_lib.iam.role import Role
    from constructs_lib.kms.encryption_key import EncryptionKey


class AlarmTopic(AwsConstruct):
    """Encrypted SNS topic (`aws_sns_topic`) for alarms of this account only.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Name in AWS. Default: the stack's prefix and the path below the stack.
        emails: Addresses that get an e-mail for each alarm, after confirming the subscription. Default: none.
        encryption_key: Key for encryption. Default: the stack's.

    Raises:
        ConstructError: if an argument is not valid, or there is no key, because CloudWatch cannot publish to
            a topic with AWS's own key.

    Example:
        >>> topic = AlarmTopic(
        ...     stack, "alarm-topic", emails=["ops@shop.example"], encryption_key=EncryptionKey(stack, "key")
        ... )
        >>> topic.name
        'shop-alarm-topic'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str | None = None,
        emails: Sequence[str] = (),
        encryption_key: EncryptionKey | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        title = AwsStack.of(scope).physical_name(where) if name is None else name
        check_pattern(
            where, "name", title, r"[A-Za-z0-9_-]{1,256}", "use 1 to 256 letters, digits, '-' and '_'"
        )
        if isinstance(emails, str):
            raise InvalidArgumentError(
                where, f"emails {emails!r} is not a list of strings", f"pass [{emails!r}]"
            )
        for email in emails:
            check_email(where, email)
        stack = AwsStack.of(scope)
        key = stack.key_for(where, scope, encryption_key)
        if key is None:
            raise ConflictError(
                where,
                "has no key, and CloudWatch cannot publish to a topic that AWS's own key encrypts",
                "pass encryption_key=EncryptionKey(...), or call stack.encrypt_with",
            )
        stack.claim(where, "topic name", title)
        super().__init__(scope, construct_id)
        from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
        from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy

        key.allow_alarms()
        self._name = title
        self._emails: list[str] = []
        self._resource = self._create(
            SnsTopic, "Resource", name=title, kms_master_key_id=attribute(key.resource, "arn")
        )
        self._key = key
        self._publishers = [_alarms(stack)]
        self._policy = self._create(
            SnsTopicPolicy, "policy", arn=attribute(self._resource, "arn"), policy=self._document()
        )
        for email in emails:
            self.add_email(email)

    @property
    def name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def emails(self) -> tuple[str, ...]:
        """Addresses that get an e-mail for each alarm, in the order they were added."""
        return tuple(self._emails)

    @property
    def resource(self) -> SnsTopic:
        """The `aws_sns_topic`."""
        return self._resource

    def add_email(self, address: str) -> SnsTopicSubscription:
        """Send each alarm to another address (`aws_sns_topic_subscription`), after its owner confirms.

        Args:
            address: The e-mail address.

        Raises:
            ConstructError: if it is not valid, or subscribed already.
        """
        where = path_of(self)
        check_email(where, address)
        if address in self._emails:
            raise ConflictError(where, f"{address} is subscribed already", "remove one of the two")
        from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription

        self._emails.append(address)
        return self._create(
            SnsTopicSubscription,
            f"email={address}",
            topic_arn=attribute(self._resource, "arn"),
            protocol="email",
            endpoint=address,
        )

    def grant_publish(self, role: Role) -> None:
        """Allow a role to publish messages to the topic, and the use of its key for that. Idempotent.

        Raises:
            ConstructError: if the two are in different stacks.
        """
        check_same_stack(path_of(self), self, role)
        name = f"publish-{self._name}"[:128]
        if name not in role.policies:
            statement = PolicyStatement(actions=["sns:Publish"], resources=[attribute(self._resource, "arn")])
            role.add_policy(name, statement)
            self._key.grant_use(role)

    def _allow_budgets(self) -> SnsTopicPolicy:
        """Allow AWS Budgets to notify the topic of this account's budgets. Idempotent.

        Returns:
            The `aws_sns_topic_policy`, which a budget must depend on.
        """
        stack = AwsStack.of(self)
        publisher = _budgets(stack)
        if publisher not in self._publishers:
            self._publishers.append(publisher)
            self._policy.policy = self._document()
            self._key.allow_service(
                publisher.sid,
                service=publisher.service,
                actions=("kms:Decrypt", "kms:GenerateDataKey"),
                conditions=publisher.conditions,
            )
        return self._policy

    def _document(self) -> str:
        topic = attribute(self._resource, "arn")
        tls_only = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        return policy_document(*(publisher.statement(topic) for publisher in self._publishers), tls_only)


@dataclass(frozen=True, slots=True)
class _Publisher:
    """Service that may publish for resources of this account."""

    sid: str
    service: str
    account_id: str
    source_arn: str

    @property
    def conditions(self) -> dict[str, dict[str, str]]:
        return {
            "StringEquals": {"aws:SourceAccount": self.account_id},
            "ArnLike": {"aws:SourceArn": self.source_arn},
        }

    def statement(self, topic: str) -> dict[str, Any]:
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Principal": {"Service": self.service},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": self.conditions,
        }


def _alarms(stack: AwsStack) -> _Publisher:
    source = f"arn:{stack.partition}:cloudwatch:{stack.region}:{stack.account_id}:alarm:*"
    return _Publisher("Alarms", "cloudwatch.amazonaws.com", stack.account_id, source)


def _budgets(stack: AwsStack) -> _Publisher:
    source = f"arn:{stack.partition}:budgets::{stack.account_id}:*"
    return _Publisher("Budgets", "budgets.amazonaws.com", stack.account_id, source)
