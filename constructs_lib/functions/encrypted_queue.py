"""Base of all queues: name, encryption, TLS and senders.

The policies are arguments of `aws_sqs_queue` itself, with ARNs composed of account and name. As resources
(`aws_sqs_queue_policy`), each would take the provider 25 seconds to create and another 25 to destroy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, path_below, path_of
from constructs_lib.errors import ConflictError
from constructs_lib.iam.policy import PolicyStatement, policy_document
from constructs_lib.references import attribute, token
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from constructs_lib.iam.role import Role
    from constructs_lib.kms.encryption_key import EncryptionKey

SECONDS_A_DAY: Final = 86_400
"""Seconds in a day; SQS expects seconds."""

FIFO_SUFFIX: Final = ".fifo"
"""Suffix of the names of FIFO queues."""


def queue_name(scope: Construct, where: str, name: str | None, *, fifo: bool) -> str:
    """Return the name of a queue in AWS: `name`, or else the stack's default.

    Args:
        scope: Parent construct.
        where: The path of the construct.
        name: Name without `.fifo`, or None.
        fifo: Whether it is a FIFO queue.

    Raises:
        InvalidArgumentError: if AWS would reject the name.
    """
    title = AwsStack.of(scope).physical_name(where) if name is None else name
    suffix = FIFO_SUFFIX if fifo else ""
    longest = 80 - len(suffix)
    check_pattern(
        where,
        "name",
        title,
        rf"[A-Za-z0-9_-]{{1,{longest}}}",
        f"use 1 to {longest} letters, digits, '-' and '_'",
    )
    return f"{title}{suffix}"


def queue_arn(stack: AwsStack, name: str) -> str:
    """Return the ARN of a queue of this account, composed of names, so that the queue may be created later."""
    return f"arn:{stack.partition}:sqs:{stack.region}:{stack.account_id}:{name}"


@dataclass(frozen=True, slots=True)
class QueueNames:
    """ARN and URL of a queue, composed of names: what refers to them does not wait for the queue, which takes 25 seconds.

    Attributes:
        arn: ARN.
        url: URL.
    """

    arn: str
    url: str


class EncryptedQueue(AwsConstruct):
    """SQS queue (`aws_sqs_queue`). Encrypted; rejects requests without TLS.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Its name in AWS, from `queue_name`.
        fifo: Whether it is a FIFO queue.
        retention_days: Retention of messages in days.
        encryption_key: Key for encryption. Default: the stack's, or else SQS's own.
        options: More arguments of `aws_sqs_queue`.

    Raises:
        ConstructError: if the name is taken.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        fifo: bool,
        retention_days: int,
        encryption_key: EncryptionKey | None,
        **options: Any,
    ) -> None:
        where = path_below(scope, construct_id)
        stack = AwsStack.of(scope)
        key = stack.key_for(where, scope, encryption_key)
        stack.claim(where, "queue name", name)
        super().__init__(scope, construct_id)
        self._name = name
        self._fifo = fifo
        self._key = key
        self._resource = self._create(
            SqsQueue,
            "Resource",
            name=name,
            fifo_queue=True if fifo else None,
            # Otherwise each sender would need a deduplication id.
            content_based_deduplication=True if fifo else None,
            message_retention_seconds=retention_days * SECONDS_A_DAY,
            kms_master_key_id=None if key is None else attribute(key.resource, "arn"),
            sqs_managed_sse_enabled=True if key is None else None,
            policy=policy_document(_tls_only(queue_arn(stack, name))),
            **options,
        )
        self._statements = {"TlsOnly": _tls_only(queue_arn(stack, name))}

    @property
    def name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def fifo(self) -> bool:
        """True for a FIFO queue."""
        return self._fifo

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def url(self) -> str:
        """URL of the queue; a reference."""
        return token(self._resource, "url")

    @property
    def names(self) -> QueueNames:
        """ARN and URL, for what may be created before the queue."""
        stack = AwsStack.of(self)
        host = f"sqs.{stack.region}.{stack.dns_suffix}"
        return QueueNames(
            arn=queue_arn(stack, self._name), url=f"https://{host}/{stack.account_id}/{self._name}"
        )

    @property
    def encryption_key(self) -> EncryptionKey | None:
        """Key for encryption. None if SQS's own key encrypts it."""
        return self._key

    @property
    def resource(self) -> SqsQueue:
        """The `aws_sqs_queue`."""
        return self._resource

    def grant_send(self, role: Role) -> None:
        """Allow a role to send messages to it, and nothing else. Idempotent."""
        check_same_stack(path_of(self), self, role)
        name = f"send-{self._name}"
        if name not in role.policies:
            # With a reference, functions with this role would wait for the queue.
            arn = queue_arn(AwsStack.of(self), self._name)
            role.add_policy(name, PolicyStatement(actions=["sqs:SendMessage"], resources=[arn]))
            if self._key is not None:
                self._key.grant_use(role)

    def allow_service(self, sid: str, *, service: str, source_arn: str) -> None:
        """Allow an AWS service to send messages to it on behalf of one resource. Idempotent.

        Args:
            sid: Id of the permission, in letters and digits; unique in the queue.
            service: The service's principal, such as `events.amazonaws.com`.
            source_arn: ARN of the resource, composed of names if the resource refers to the queue.

        Raises:
            ConstructError: if `sid` is not valid or exists with other arguments.
        """
        where = path_of(self)
        check_pattern(where, "sid", sid, "[A-Za-z0-9]{1,64}", "use 1 to 64 letters and digits")
        statement = {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn(AwsStack.of(self), self._name),
            "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
        }
        if self._statements.setdefault(sid, statement) != statement:
            raise ConflictError(
                where, f"sid '{sid}' exists with another service or source", "choose another sid"
            )
        self._resource.policy = policy_document(*self._statements.values())


def _tls_only(arn: str) -> dict[str, Any]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
