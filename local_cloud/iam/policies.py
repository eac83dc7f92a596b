"""Evaluation of IAM policies of roles, users and groups, as on AWS.

The policies are read from moto's IAM backend at each question, so that a right that Terraform adds or takes away
counts at once. What cannot be decided here is decided to the safe side: a condition with an unknown operator does not
allow, and does deny.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from local_cloud.iam.conditions import (
    Facts,
    applies,
    arn_like,
    wildcard,
    with_variables,
)
from local_cloud.iam.documents import Policy, as_list, names, parse_policy, statements_of

Decision = Literal["allowed", "denied", "implicitly denied"]


class PrincipalNotFoundError(Exception):
    """There is no such role, user or group."""


@dataclass(frozen=True, slots=True)
class PrincipalPolicies:
    """The policies that say what a principal may do.

    Attributes:
        identity: Its inline and attached policies, for a user those of its groups too.
        boundary: Its permissions boundary, which must allow as well; None for none.
    """

    identity: tuple[Policy, ...]
    boundary: Policy | None = None


def is_allowed(
    principal_policies: PrincipalPolicies | Iterable[Policy],
    action: str,
    resource: str,
    *,
    facts: Facts | None = None,
) -> Decision:
    """Return whether policies of a principal allow an action on a resource, or on `*` if it knows none.

    It is `denied` where a statement denies, and `implicitly denied` where none allows.
    """
    if not isinstance(principal_policies, PrincipalPolicies):
        principal_policies = PrincipalPolicies(tuple(principal_policies))
    facts = facts or {}
    decision = _decide(principal_policies.identity, action, resource, facts)
    if decision != "denied" and principal_policies.boundary is not None:
        bound = _decide((principal_policies.boundary,), action, resource, facts)
        return decision if bound == "allowed" else bound
    return decision


def trusts(trust_policy: Policy, service: str, *, facts: Facts | None = None) -> bool:
    """Return whether a role's trust policy lets a service assume the role."""
    concerned = [
        statement
        for statement in statements_of(trust_policy)
        if names(statement.get("Principal"), (service,), kinds=("Service",))
    ]
    return set(_effects(concerned, "sts:AssumeRole", None, facts or {})) == {"Allow"}


def role_policies(role_arn: str) -> PrincipalPolicies:
    """Return the policies of a role."""
    role = _role(role_arn)
    boundary = role.permissions_boundary_arn
    return PrincipalPolicies(
        tuple(_own_policies(role)),
        managed_policy(boundary, account_id=role_arn.split(":")[4]) if boundary else None,
    )


def role_trust_policy(role_arn: str) -> Policy:
    """Return the policy that says who may assume a role."""
    return parse_policy(_role(role_arn).assume_role_policy_document)


def user_policies(user_arn: str) -> PrincipalPolicies:
    """Return the policies of a user and of its groups."""
    backend = _backend(user_arn)
    user = _find(backend.users.values(), user_arn)
    groups = [group for group in list(backend.groups.values()) if user in group.users]
    return PrincipalPolicies(tuple(policy for owner in (user, *groups) for policy in _own_policies(owner)))


def managed_policy(arn: str, *, account_id: str | None = None) -> Policy:
    """Return the default version of a managed policy, which an account may use; one that does not exist allows nothing."""
    backend = _backend(arn if account_id is None else f"arn:aws:iam::{account_id}:policy")
    managed = next((policy for policy in list(backend.managed_policies.values()) if policy.arn == arn), None)
    return {} if managed is None else _default_version(managed)


def _decide(policies: Iterable[Policy], action: str, resource: str, facts: Facts) -> Decision:
    statements = [statement for policy in policies for statement in statements_of(policy)]
    effects = set(_effects(statements, action, resource, facts))
    if "Deny" in effects:
        return "denied"
    return "allowed" if "Allow" in effects else "implicitly denied"


def _effects(
    statements: Iterable[Mapping[str, Any]], action: str, resource: str | None, facts: Facts
) -> Iterator[str]:
    """Return the effects of the statements that apply."""
    values = {key.lower(): [value] if isinstance(value, str) else list(value) for key, value in facts.items()}
    for statement in statements:
        if not _concerns_action(statement, action):
            continue
        if resource is not None and not _concerns_resource(statement, resource, values):
            continue
        if applies(statement, facts):
            yield str(statement.get("Effect"))


def _concerns_action(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not _any_action(statement["NotAction"], action)
    return _any_action(statement.get("Action"), action)


def _any_action(patterns: Any, action: str) -> bool:
    return any(
        wildcard(str(pattern).lower()).fullmatch(action.lower()) is not None for pattern in as_list(patterns)
    )


def _concerns_resource(
    statement: Mapping[str, Any], resource: str, facts: Mapping[str, Sequence[str]]
) -> bool:
    if "NotResource" in statement:
        return not _any_resource(statement["NotResource"], resource, facts)
    return _any_resource(statement.get("Resource"), resource, facts)


def _any_resource(patterns: Any, resource: str, facts: Mapping[str, Sequence[str]]) -> bool:
    return any(
        filled == "*" or _is_like(filled, resource)
        for pattern in as_list(patterns)
        if (filled := with_variables(str(pattern), facts)) is not None
    )


def _is_like(pattern: str, resource: str) -> bool:
    """Compare ARNs; the parts that an incomplete pattern lacks are wildcards."""
    lacking = 5 - pattern.count(":")
    return arn_like(pattern + ":*" * max(lacking, 0), resource)


def _own_policies(owner: Any) -> Iterator[Policy]:
    for document in list(owner.policies.values()):
        yield parse_policy(document)
    for managed in list(owner.managed_policies.values()):
        yield _default_version(managed)


def _default_version(managed: Any) -> Policy:
    version = next(
        (entry for entry in managed.versions if entry.version_id == managed.default_version_id), None
    )
    return {} if version is None else parse_policy(version.document)


def _backend(arn: str) -> Any:
    from moto.iam.models import iam_backends

    try:
        _, partition, service, _, account, _ = arn.split(":", 5)
    except ValueError:
        raise PrincipalNotFoundError(f"{arn} is not an ARN of IAM") from None
    if service != "iam":
        raise PrincipalNotFoundError(f"{arn} is not an ARN of IAM")
    return iam_backends[account][partition]


def _role(arn: str) -> Any:
    return _find(_backend(arn).roles.values(), arn)


def _find(candidates: Iterable[Any], arn: str) -> Any:
    found = next((candidate for candidate in list(candidates) if candidate.arn == arn), None)
    if found is None:
        raise PrincipalNotFoundError(f"there is no {arn}")
    return found
