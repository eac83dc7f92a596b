"""Role of an integration: whether API Gateway may assume it, and what the role may do."""

from __future__ import annotations

from collections.abc import Iterable

from local_cloud.gateway.errors import CONFIGURATION, GatewayError, UnsupportedFeatureError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.permissions import source_arn
from local_cloud.iam import permissions
from local_cloud.iam.permissions import Need, Principal, Refusal
from local_cloud.iam.policies import PrincipalNotFoundError, role_trust_policy, trusts

_SERVICE = "apigateway.amazonaws.com"
_SESSION = "BackplaneAssumeRoleSession"


def refusal(exchange: Exchange, role_arn: str | None, needs: Iterable[Need]) -> Refusal | None:
    """Return what of a call the role of an integration may not do; None for a call that it may make."""
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
        trusted = trusts(role_trust_policy(role_arn), _SERVICE, facts=caller)
    except PrincipalNotFoundError as error:
        raise GatewayError(
            CONFIGURATION, f"API Gateway cannot assume the integration's role: {error}"
        ) from error
    if not trusted:
        raise GatewayError(
            CONFIGURATION,
            f"API Gateway may not assume {role_arn}: its trust policy does not allow {_SERVICE}",
        )
    principal, facts = (
        _session(role_arn),
        {
            "aws:RequestedRegion": api.region,
            "aws:ResourceAccount": api.account_id,
            "aws:SecureTransport": "true",
        },
    )
    refusals = (permissions.refusal(principal, need, facts) for need in needs)
    return next((found for found in refusals if found is not None), None)


def _session(role_arn: str) -> Principal:
    _, partition, _, _, account_id, name = role_arn.split(":", 5)
    arn = f"arn:{partition}:sts::{account_id}:assumed-role/{name.rpartition('/')[2]}/{_SESSION}"
    return Principal(role_arn, arn, {"aws:PrincipalArn": role_arn, "aws:PrincipalAccount": account_id})
