"""Permissions that a call takes, and those of a role session: policies of the role, boundary, session policy and resource policy.

AWS decides some statements by what is not known here: tags, addresses, keys of conditions that only a service has. Such
a condition is taken for fulfilled where the statement allows, and for not fulfilled where it denies: what is refused
here would be refused on AWS too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cloud.iam.documents import Policy, parse_policy, statements_of
from local_cloud.iam.policies import (
    Decision,
    PrincipalNotFoundError,
    PrincipalPolicies,
    is_allowed,
    role_policies,
)
from local_cloud.iam.resource_policies import lets_in, trust_towards

RESOURCE_BASED = "resource-based policy"
"""The kind of policy that decided, where it is not one of the caller's: the trust policy of a role."""

# Keys that a request of a function or a state machine has no value for, which is something else than not to know it.
_ABSENT = frozenset({
    "aws:federatedprovider", "aws:multifactorauthage", "aws:multifactorauthpresent", "aws:sourceaccount", "aws:sourcearn", "aws:sourceidentity", "aws:username", "sts:externalid",
})  # fmt: skip
_PRINCIPAL_TAG = "aws:principaltag/"


@dataclass(frozen=True, slots=True)
class Need:
    """A permission that a call takes.

    Attributes:
        action: The action, such as `lambda:InvokeFunction`.
        resources: The resource, by each of the names that AWS takes for it; empty where it could not be read.
        facts: Condition keys that the request has values for.
    """

    action: str
    resources: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Principal:
    """A session of a role.

    Attributes:
        facts: Condition keys that are about the session.
        session_policy: What the session is limited to, as JSON; None for nothing.
    """

    role_arn: str
    arn: str
    facts: Mapping[str, str]
    session_policy: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A role may not do what a call needs.

    Attributes:
        decision: Whether that is denied, or just not allowed.
        by: The kind of policy that decided, such as `identity-based policy`.
    """

    arn: str
    need: Need
    decision: Decision
    by: str


def refusal(principal: Principal, need: Need, facts: Mapping[str, str]) -> Refusal | None:
    """Return why a session may not do something; None where it may."""
    try:
        policies = role_policies(principal.role_arn)
    except PrincipalNotFoundError:
        policies = PrincipalPolicies(())  # it was deleted since
    owner = next(filter(None, map(_account_of, need.resources)), None)
    owners = {} if owner is None else {"aws:ResourceAccount": owner}
    values = {**principal.facts, **facts, **owners, **need.facts, **_tags(principal.role_arn)}
    limits = [("permissions boundary", policies.boundary)] if policies.boundary is not None else []
    if principal.session_policy:
        limits.append(("session policy", parse_policy(principal.session_policy)))
    own = _decision(policies.identity, need, values)
    if own == "implicitly denied" and any(
        lets_in(resource, need.action, (principal.role_arn, principal.arn), values)
        for resource in need.resources
    ):
        own = "allowed"
    if own != "allowed":
        return Refusal(principal.arn, need, own, "identity-based policy")
    for kind, policy in limits:
        if (decision := _decision((policy,), need, values)) != "allowed":
            return Refusal(principal.arn, need, decision, kind)
    return _trust_refusal(principal, need, values) if need.action == "sts:AssumeRole" else None


def _account_of(arn: str) -> str | None:
    """Return the account that owns a resource, or None if that is not known: `aws:ResourceAccount`.

    ARNs name it, but for those of S3: a bucket's name is unique among all accounts, and moto knows its owner.
    """
    from moto.s3.models import s3_backends

    _, _, service, _, account, resource = (arn.split(":", 5) + [""] * 5)[:6]
    if service != "s3":
        return account or None
    owner = s3_backends.bucket_accounts.get(resource.partition("/")[0])
    return None if owner is None else str(owner[1])


def _trust_refusal(principal: Principal, need: Need, facts: Mapping[str, str]) -> Refusal | None:
    """Check the trust policy of the role to be assumed, which must allow it too."""
    account_id = principal.role_arn.split(":")[4]
    names = (principal.role_arn, principal.arn, account_id, f"arn:aws:iam::{account_id}:root")
    trust = tuple(trust_towards(role_arn, names) for role_arn in need.resources)
    decision = _decision(trust, need, facts)
    return None if decision == "allowed" else Refusal(principal.arn, need, decision, RESOURCE_BASED)


def _decision(policies: tuple[Policy, ...], need: Need, facts: Mapping[str, str]) -> Decision:
    names = {name.lower() for name in facts}
    statements = [
        readable
        for policy in policies
        for statement in statements_of(policy)
        if (readable := _readable(statement, need, names)) is not None
    ]
    prepared = ({"Statement": statements},)
    decisions = {
        is_allowed(prepared, need.action, resource, facts=facts) for resource in need.resources or ("*",)
    }
    return next(
        (decision for decision in ("denied", "allowed") if decision in decisions), "implicitly denied"
    )


def _readable(statement: Mapping[str, Any], need: Need, keys: set[str]) -> Mapping[str, Any] | None:
    """Return a statement without what cannot be decided; None for one that cannot deny for certain."""
    allows = statement.get("Effect") == "Allow"
    conditions = statement.get("Condition")
    if conditions:
        decidable = {
            operator: {key: value for key, value in block.items() if _is_decidable(key.lower(), keys)}
            for operator, block in conditions.items()
        }
        if decidable != conditions:
            if not allows:
                return None
            statement = {**statement, "Condition": decidable}
    if need.resources:
        return statement
    if allows:
        return {key: value for key, value in statement.items() if key != "NotResource"} | {"Resource": "*"}
    return statement if statement.get("Resource") in ("*", ["*"]) else None


def _is_decidable(key: str, keys: set[str]) -> bool:
    return key in keys or key in _ABSENT or key.startswith(_PRINCIPAL_TAG)


def _tags(role_arn: str) -> dict[str, str]:
    from moto.iam.models import iam_backends

    _, partition, _, _, account_id, _ = role_arn.split(":", 5)
    roles: Any = iam_backends[account_id][partition].roles
    role = next((role for role in list(roles.values()) if role.arn == role_arn), None)
    tags = [] if role is None else role.tags or []
    return {f"aws:PrincipalTag/{tag['Key']}": tag["Value"] for tag in tags}
