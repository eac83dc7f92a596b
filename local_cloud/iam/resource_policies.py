"""Whether the policy of a resource lets a role in by its name; then the role needs no policy of its own for it.

The policies are read from moto's backends (as of moto 5.2.5). A statement that names the account does not count: it
only lets the account's own policies decide. Here a condition has to hold for certain.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from local_cloud.iam.conditions import Facts
from local_cloud.iam.policies import Policy, PrincipalNotFoundError, is_allowed, role_trust_policy


def lets_in(resource: str, action: str, names: Collection[str], facts: Facts) -> bool:
    """Say whether the policy of a resource allows an action to somebody.

    Args:
        resource: The ARN of the resource; one whose policy is not known here lets nobody in.
        action: The action.
        names: The ARNs of the role and of its session.
        facts: What is known of the request.
    """
    read = _READERS.get(resource.split(":")[2] if resource.startswith("arn:") else "")
    if read is None:
        return False
    try:
        policy = read(resource)
    except Exception:  # noqa: BLE001 - moto says in many ways that there is no such resource
        return False
    concerned = [
        {"Resource": "*", **statement}
        for statement in _statements(policy)
        if statement.get("Effect") == "Allow" and _names(statement.get("Principal"), names)
    ]
    return is_allowed(({"Statement": concerned},), action, resource, facts=facts) == "allowed"


def trust_towards(role_arn: str, names: Collection[str]) -> Policy:
    """Return the statements of a role's trust policy that name a principal; none for a role that does not exist.

    Args:
        role_arn: The role to be assumed.
        names: The ARNs of the principal, its account, and the ARN of the account's root.
    """
    try:
        policy = role_trust_policy(role_arn)
    except PrincipalNotFoundError:
        return {}
    return {
        "Statement": [
            {**statement, "Resource": "*"}
            for statement in _statements(policy)
            if _names(statement.get("Principal"), names)
        ]
    }


def _statements(policy: Any) -> list[Mapping[str, Any]]:
    statements = policy.get("Statement", []) if isinstance(policy, Mapping) else []
    return [
        statement
        for statement in (statements if isinstance(statements, list) else [statements])
        if isinstance(statement, Mapping)
    ]


def _names(principal: Any, names: Collection[str]) -> bool:
    if principal == "*":
        return True
    named = principal.get("AWS") if isinstance(principal, Mapping) else None
    return any(entry == "*" or entry in names for entry in (named if isinstance(named, list) else [named]))


def _place(arn: str) -> tuple[str, str, str]:
    """Return the region, the account and the rest of an ARN."""
    _, _, _, region, account_id, rest = arn.split(":", 5)
    return region, account_id, rest


def _bucket(arn: str) -> Any:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    bucket: Any = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[_place(arn)[2].partition("/")[0]]
    return json.loads(bucket.policy or b"{}")


def _function(arn: str) -> Any:
    from moto.awslambda.models import lambda_backends

    region, account_id, rest = _place(arn)
    versions: Any = lambda_backends[account_id][region]._lambdas._functions[rest.split(":")[1]]
    return {"Statement": list(versions["latest"].policy.statements)}


def _key(arn: str) -> Any:
    from moto.kms.models import kms_backends

    region, account_id, rest = _place(arn)
    return json.loads(kms_backends[account_id][region].keys[rest.partition("/")[2]].policy)


def _queue(arn: str) -> Any:
    from moto.sqs.models import sqs_backends

    region, account_id, name = _place(arn)
    return json.loads(sqs_backends[account_id][region].queues[name].policy or "{}")


def _secret(arn: str) -> Any:
    from moto.secretsmanager.models import secretsmanager_backends

    region, account_id, _ = _place(arn)
    secret: Any = secretsmanager_backends[account_id][region].secrets[arn]
    return json.loads(secret.policy or "{}")


def _topic(arn: str) -> Any:
    from moto.sns.models import sns_backends

    region, account_id, _ = _place(arn)
    return json.loads(sns_backends[account_id][region].topics[arn].policy)


_READERS: dict[str, Callable[[str], Any]] = {
    "iam": role_trust_policy,
    "kms": _key,
    "lambda": _function,
    "s3": _bucket,
    "secretsmanager": _secret,
    "sns": _topic,
    "sqs": _queue,
}
