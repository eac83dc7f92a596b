"""Policies of resources: whether one allows a role by its name, which then needs no policy of its own, or a service.

The policies are read from moto's backends (as of moto 5.2.5). A statement that names the account does not count: it
only lets the account's own policies decide. A condition has to hold for certain.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from local_cloud.iam.conditions import Facts
from local_cloud.iam.documents import Policy, Statement, names, parse_policy, statements_of
from local_cloud.iam.policies import PrincipalNotFoundError, is_allowed, role_trust_policy

_SERVICES = frozenset({"iam", "kms", "lambda", "s3", "secretsmanager", "sns", "sqs"})


def lets_in(resource: str, action: str, principals: Collection[str], facts: Facts) -> bool:
    """Return whether the policy of a resource allows an action to a role, by its ARN or by that of its session."""
    if not resource.startswith("arn:") or resource.split(":")[2] not in _SERVICES:
        return False
    try:
        policy = _read_policy(resource)
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


def _read_policy(arn: str) -> Policy:
    """Return the policy of a resource of moto's."""
    from moto.backends import get_backend
    from moto.core import DEFAULT_ACCOUNT_ID

    _, _, service, region, account_id, rest = arn.split(":", 5)
    if service == "iam":
        return role_trust_policy(arn)
    if service == "s3":
        region, account_id = "aws", DEFAULT_ACCOUNT_ID
    backend: Any = get_backend(service)[account_id][region]
    match service:
        case "kms":
            return parse_policy(backend.keys[rest.partition("/")[2]].policy)
        case "lambda":
            versions = backend._lambdas._functions[rest.split(":")[1]]
            return {"Statement": list(versions["latest"].policy.statements)}
        case "s3":
            return parse_policy(backend.buckets[rest.partition("/")[0]].policy)
        case "secretsmanager":
            return parse_policy(backend.secrets[arn].policy)
        case "sns":
            return parse_policy(backend.topics[arn].policy)
        case _:
            return parse_policy(backend.queues[rest].policy)
