"""The role of an integration: whether API Gateway may assume it, and what it may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from local_cloud.gateway.errors import CONFIGURATION, GatewayError, UnsupportedFeatureError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.permissions import source_arn
from local_cloud.iam.policies import (
    Decision,
    PrincipalNotFoundError,
    is_allowed,
    role_policies,
    role_trust_policy,
    trusts,
)
from local_cloud.resource_accounts import account_of

_SERVICE = "apigateway.amazonaws.com"
_SESSION = "BackplaneAssumeRoleSession"


@dataclass(frozen=True, slots=True)
class Need:
    """What a call does: an action and the resource that it does it to."""

    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A role may not do what a call needs.

    Attributes:
        role_arn: The role.
        need: What it may not do.
        decision: Whether that is denied, or just not allowed.
    """

    role_arn: str
    need: Need
    decision: Decision

    @property
    def message(self) -> str:
        """What AWS says about it."""
        _, partition, _, _, account, name = self.role_arn.split(":", 5)
        session = f"arn:{partition}:sts::{account}:assumed-role/{name.rpartition('/')[2]}/{_SESSION}"
        reason = (
            "with an explicit deny in an identity-based policy"
            if self.decision == "denied"
            else f"because no identity-based policy allows the {self.need.action} action"
        )
        return (
            f"User: {session} is not authorized to perform: {self.need.action} on resource: {self.need.resource} "
            f"{reason}"
        )


def refusal(exchange: Exchange, role_arn: str | None, needs: Iterable[Need]) -> Refusal | None:
    """Say what of a call the role of an integration may not do; None for a call that it may make.

    Args:
        exchange: The request.
        role_arn: The integration's `credentials`.
        needs: What the call does.

    Raises:
        GatewayError: There is no role, or API Gateway may not assume it.
        UnsupportedFeatureError: The call shall be made as the caller.
    """
    if not role_arn:
        raise GatewayError(
            CONFIGURATION, "the integration has no role (credentials) to call the service with"
        )
    if role_arn.endswith(":user/*"):
        raise UnsupportedFeatureError("integration credentials of the caller (arn:aws:iam::*:user/*)")
    api = exchange.stage.api
    source = source_arn(api, exchange.stage.name, exchange.request.method, exchange.routed)
    caller = {"aws:SourceAccount": api.account_id, "aws:SourceArn": source}
    try:
        if not trusts(role_trust_policy(role_arn), _SERVICE, facts=caller):
            raise GatewayError(
                CONFIGURATION,
                f"API Gateway may not assume {role_arn}: its trust policy does not let {_SERVICE}",
            )
        policies = role_policies(role_arn)
    except PrincipalNotFoundError as error:
        raise GatewayError(
            CONFIGURATION, f"API Gateway cannot assume the integration's role: {error}"
        ) from error
    facts = {
        "aws:PrincipalArn": role_arn,
        "aws:PrincipalAccount": api.account_id,
        "aws:RequestedRegion": api.region,
        "aws:SecureTransport": "true",
    }
    for need in needs:
        owner = {"aws:ResourceAccount": account_of(need.resource) or api.account_id}
        decision = is_allowed(policies, need.action, need.resource, facts=facts | owner)
        if decision != "allowed":
            return Refusal(role_arn, need, decision)
    return None
