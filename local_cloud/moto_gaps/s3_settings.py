"""Policies of S3 buckets, and their notifications to EventBridge.

moto 5.2.5 shows, sets and deletes the policy of any account's bucket. S3 answers callers of another account with 405, and a
configuration that uses a bucket by its name finds out by that whose bucket it is. moto applies a policy to every request,
whatever the conditions of its statements. It sends notifications to EventBridge and does not show the setting, so that
Terraform plans to switch them on for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.exceptions import MethodNotAllowed
from moto.s3.models import FakeBucket, S3Backend, s3_backends
from moto.s3.responses import S3Response

from local_cloud.iam.conditions import applies
from local_cloud.iam.documents import statements_of

_OPERATIONS = ("get_bucket_policy", "put_bucket_policy", "delete_bucket_policy")
_FACTS = {"aws:securetransport": "true", "s3:tlsversion": "1.3"}


def apply() -> None:
    """Check the owner and the conditions of policies, and show notifications to EventBridge."""
    for name in _OPERATIONS:
        setattr(S3Backend, name, _for_the_owner(getattr(S3Backend, name)))

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        policy = with_conditions_met(json.loads(bucket.policy))
        return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission

    original_notification = S3Response.get_bucket_notification

    def get_bucket_notification(response: Any) -> Any:
        configuration = response.backend.get_bucket_notification_configuration(response.bucket_name)
        if configuration is None or configuration.event_bridge is None:
            return original_notification(response)
        serialized = response.serialized
        response.serialized = lambda answer: serialized(
            ActionResult({**answer.result, "EventBridgeConfiguration": {}})
        )
        try:
            return original_notification(response)
        finally:
            del response.serialized

    S3Response.get_bucket_notification = get_bucket_notification


def _for_the_owner(operation: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(operation)
    def checked(backend: Any, bucket_name: str, *arguments: Any) -> Any:
        _, owner = s3_backends.bucket_accounts.get(bucket_name, (None, backend.account_id))
        if owner != backend.account_id:
            raise MethodNotAllowed
        return operation(backend, bucket_name, *arguments)

    return checked


def with_conditions_met(policy: dict[str, Any]) -> dict[str, Any]:
    """Return the policy without the statements whose conditions do not hold, and the rest without conditions."""
    met = [
        {key: value for key, value in statement.items() if key != "Condition"}
        for statement in statements_of(policy)
        if applies(statement, _FACTS)
    ]
    return policy | {"Statement": met}
