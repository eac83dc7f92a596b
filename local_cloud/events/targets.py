"""Brings an event to a function or a queue, if the policy of that lets the rule, as it was written against moto 5.2.5.

A function is called asynchronously, so that its retries and destinations apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from local_cloud.gateway.deployed import function_policy
from local_cloud.iam.documents import parse_policy, statements_of
from local_cloud.iam.resource_policies import allows_service

_SERVICE = "events.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Sender:
    """Sender of an event."""

    rule_arn: str
    account_id: str

    def may(self, statements: Iterable[Mapping[str, Any]], action: str, resource: str) -> bool:
        """Return whether the policy of a resource lets it do something."""
        return allows_service(
            statements,
            service=_SERVICE,
            action=action,
            resource=resource,
            source=self.rule_arn,
            account_id=self.account_id,
        )


class Undeliverable(Exception):
    """A target does not take an event, and never will as things are."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def deliver(sender: Sender, target: Mapping[str, Any], text: str) -> None:
    """Bring an event to a target."""
    arn = str(target["Arn"])
    _DELIVERIES[service_of(arn)](sender, arn, text, target)


def send(sender: Sender, arn: str, text: str, *, group: str | None = None, **attributes: str) -> None:
    """Send a message to a queue.

    Raises:
        Undeliverable: The queue is not there, or its policy or that of its key does not let EventBridge.
    """
    from moto.sqs.models import sqs_backends

    _, _, _, region, account_id, name, *_ = arn.split(":")
    queue = sqs_backends[account_id][region].queues.get(name)
    if queue is None:
        raise Undeliverable("NO_RESOURCE", f"there is no queue {name}")
    statements = statements_of(parse_policy(queue.policy))
    if not sender.may(statements, "sqs:SendMessage", arn):
        raise Undeliverable("NO_PERMISSIONS", f"the policy of queue {name} does not let the rule send")
    if queue.kms_master_key_id and not _may_use_key(sender, str(queue.kms_master_key_id)):
        raise Undeliverable("NO_PERMISSIONS", f"the key of queue {name} does not let EventBridge use it")
    typed = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()}
    sqs_backends[account_id][region].send_message(name, text, message_attributes=typed, group_id=group)


def service_of(arn: str) -> str:
    """Return the service in an ARN."""
    return arn.split(":")[2] if arn.startswith("arn:") and arn.count(":") > 1 else ""


def delivers_to(arn: str) -> bool:
    """Return whether a target is one that is delivered to here."""
    return service_of(arn) in _DELIVERIES


def _call(sender: Sender, arn: str, text: str, _target: Mapping[str, Any]) -> None:
    from moto.awslambda.exceptions import LambdaClientError
    from moto.awslambda.models import lambda_backends

    _, _, _, region, account_id, *_ = arn.split(":")
    backend = lambda_backends[account_id][region]
    try:
        backend.invoke(arn, None, "{}", {"X-Amz-Invocation-Type": "DryRun"}, {})
        if not sender.may(function_policy(arn), "lambda:InvokeFunction", arn):
            raise Undeliverable("NO_PERMISSIONS", f"the policy of {arn} does not let the rule call it")
        backend.invoke(arn, None, text, {"X-Amz-Invocation-Type": "Event"}, {})
    except LambdaClientError as error:
        if error.code == 404:
            raise Undeliverable("NO_RESOURCE", f"there is no function {arn}") from None
        raise Undeliverable("ERROR_FROM_TARGET", f"{arn}: {error.message}") from None


def _queue(sender: Sender, arn: str, text: str, target: Mapping[str, Any]) -> None:
    send(sender, arn, text, group=(target.get("SqsParameters") or {}).get("MessageGroupId"))


def _may_use_key(sender: Sender, key_id: str) -> bool:
    """Return whether EventBridge may use a key; that of SQS itself it may not."""
    from moto.kms.models import kms_backends

    if key_id.startswith("alias/aws/"):
        return False
    for backend in list(kms_backends.get(sender.account_id, {}).values()):
        with suppress(Exception):  # moto says in several ways that it has no such key
            key = backend.keys[backend.any_id_to_key_id(key_id)]
            statements = statements_of(parse_policy(key.policy))
            return all(
                sender.may(statements, f"kms:{action}", key.arn) for action in ("Decrypt", "GenerateDataKey")
            )
    return False


_DELIVERIES: dict[str, Callable[[Sender, str, str, Mapping[str, Any]], None]] = {
    "lambda": _call,
    "sqs": _queue,
}
