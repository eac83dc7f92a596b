"""What all queues have in common: a name, encryption, TLS only, and who may send.

The policies are arguments of `aws_sqs_queue` itself, with ARNs put together from the account and the name: as resources of their
own (`aws_sqs_queue_policy`, …) each would take the provider 25 seconds more when it is made, and again when it is destroyed.
"""

from __future__ import annotations

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
"""Queues count in seconds what their arguments say in days."""

FIFO_SUFFIX: Final = ".fifo"
"""What the name of a queue that keeps the order ends with."""


def queue_name(scope: Construct, where: str, name: str | None, *, fifo: bool) -> str:
    """Return the name of a queue in AWS: the given one, or else the stack's default.

    Args:
        scope: The construct that the queue belongs to.
        where: The path of the construct.
        name: The given one, without `.fifo`.
        fifo: Whether it keeps the order.

    Raises:
        InvalidArgumentError: if AWS would refuse it.
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
    """Return the ARN of a queue of this account without referring to the queue, which may be made later."""
    return f"arn:{stack.partition}:sqs:{stack.region}:{stack.account_id}:{name}"


class EncryptedQueue(AwsConstruct):
    """An SQS queue (`aws_sqs_queue`), encrypted, that refuses requests without TLS.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Its name in AWS, from `queue_name`.
        fifo: Whether it keeps the order.
        retention_days: How long a message is kept.
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
            # Else each sender has to say what makes a message the same as another one.
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
        """Whether it keeps the order of the messages of a group."""
        return self._fifo

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def url(self) -> str:
        """Its URL, by which messages are sent to it."""
        return token(self._resource, "url")

    @property
    def encryption_key(self) -> EncryptionKey | None:
        """The key that encrypts it; None where SQS's own does."""
        return self._key

    @property
    def resource(self) -> SqsQueue:
        """The `aws_sqs_queue`."""
        return self._resource

    def grant_send(self, role: Role) -> None:
        """Lets a role send messages to it, and nothing else; doing it twice changes nothing."""
        check_same_stack(path_of(self), self, role)
        name = f"send-{self._name}"
        if name not in role.policies:
            role.add_policy(
                name,
                PolicyStatement(actions=["sqs:SendMessage"], resources=[attribute(self._resource, "arn")]),
            )
            if self._key is not None:
                self._key.grant_use(role)

    def allow_service(self, sid: str, *, service: str, source_arn: str) -> None:
        """Lets an AWS service send messages to it, on behalf of one resource; doing it twice changes nothing.

        Args:
            sid: What the permission is for, in letters and digits; unique in the queue.
            service: The service's principal, such as `events.amazonaws.com`.
            source_arn: The ARN of the resource; put together from names where the resource refers to the queue.

        Raises:
            ConstructError: if `sid` is not valid, or means something else already.
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
            raise ConflictError(where, f"{sid} is allowed something else already", "choose another sid")
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
