"""Policies of resources: whether one allows a role by its name, which then needs no policy of its own, or a service.

The policies are read from moto's backends (as of moto 5.2.5). A statement that names the account does not count: it
only lets the account's own policies decide. A condition has to hold for certain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from local_cloud.iam.conditions import Facts
from local_cloud.iam.documents import Policy, Statement, names, parse_policy, statements_of
from local_cloud.iam.policies import PrincipalNotFoundError, is_allowed, role_trust_policy


def lets_in(resource: str, action: str, principals: Collection[str], facts: Facts) -> bool:
    """Return whether the policy of a resource allows an action to a role by its name.

    Args:
        resource: ARN of the resource. Without a known policy, it allows no caller.
        action: The action.
        principals: The ARNs of the role and of its session.
        facts: Values of condition keys.
    """
    read = _READERS.get(resource.split(":")[2] if resource.startswith("arn:") else "")
    if read is None:
        return False
    try:
        policy = read(resource)
    except Exception:  # noqa: BLE001 - moto says in many ways that there is no such resource
        return False
    allowing = [
        {"Resource": "*", **statement}
        for statement in statements_of(policy)
        if statement.get("Effect") == "Allow" and names(statement.get("Principal"), principals)
    ]
    return is_allowed(({"Statement": allowing},), action, resource, facts=facts) == "allowed"


def allows_service(
    statements: Iterable[Statement], *, service: str, action: str, resource: str, source: str, account_id: str
) -> bool:
    """Return whether the policy of a resource allows an action to an AWS service."""
    facts = {"aws:SourceArn": source, "aws:SourceAccount": account_id}
    concerned = [
        {**statement, "Condition": statement.get("Condition") or {}}
        for statement in statements
        if statement.get("Resource") in (resource, "*")
        and names(statement.get("Principal"), (service,), kinds=("Service",))
    ]
    return is_allowed(({"Statement": concerned},), action, resource, facts=facts) == "allowed"


def trust_towards(role_arn: str, principals: Collection[str]) -> Policy:
    """Return the statements of a role's trust policy that name a principal; none for a role that does not exist."""
    try:
        policy = role_trust_policy(role_arn)
    except PrincipalNotFoundError:
        return {}
    return {
        "Statement": [
            {**statement, "Resource": "*"}
            for statement in statements_of(policy)
            if names(statement.get("Principal"), principals)
        ]
    }


def _place(arn: str) -> tuple[str, str, str]:
    """Return the region, the account and the rest of an ARN."""
    _, _, _, region, account_id, rest = arn.split(":", 5)
    return region, account_id, rest


def _bucket(arn: str) -> Any:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    bucket: Any = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[_place(arn)[2].partition("/")[0]]
    return parse_policy(bucket.policy)


def _function(arn: str) -> Any:
    from moto.awslambda.models import lambda_backends

    region, account_id, rest = _place(arn)
    versions: Any = lambda_backends[account_id][region]._lambdas._functions[rest.split(":")[1]]
    return {"Statement": list(versions["latest"].policy.statements)}


def _key(arn: str) -> Any:
    from moto.kms.models import kms_backends

    region, account_id, rest = _place(arn)
    return parse_policy(kms_backends[account_id][region].keys[rest.partition("/")[2]].policy)


def _queue(arn: str) -> Any:
    from moto.sqs.models import sqs_backends

    region, account_id, name = _place(arn)
    return parse_policy(sqs_backends[account_id][region].queues[name].policy)


def _secret(arn: str) -> Any:
    from moto.secretsmanager.models import secretsmanager_backends

    region, account_id, _ = _place(arn)
    secret: Any = secretsmanager_backends[account_id][region].secrets[arn]
    return parse_policy(secret.policy)


def _topic(arn: str) -> Any:
    from moto.sns.models import sns_backends

    region, account_id, _ = _place(arn)
    return parse_policy(sns_backends[account_id][region].topics[arn].policy)


_READERS: dict[str, Callable[[str], Any]] = {
    "iam": role_trust_policy,
    "kms": _key,
    "lambda": _function,
    "s3": _bucket,
    "secretsmanager": _secret,
    "sns": _topic,
    "sqs": _queue,
}
