"""The resource policy of a REST API: who may call it, beside what its methods ask for.

It counts as it was when the API was deployed. Together with the caller's own rights it decides as AWS documents it:

- without authorization, and with tokens of a user pool: the policy has to allow;
- with a Lambda authorizer or AWS_IAM in the API's account: one of both has to allow, and none may deny; a Lambda
  authorizer is not even asked about a request that the policy denies;
- with AWS_IAM from another account: both have to allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from local_cloud.gateway.authorization.method_arn import INVOKE, method_arn, request_facts
from local_cloud.gateway.errors import DENIED, GatewayError
from local_cloud.gateway.exchange import Exchange
from local_cloud.iam.callers import Names
from local_cloud.iam.documents import Statement, as_list, names, parse_policy, statements_of
from local_cloud.iam.policies import Decision, is_allowed

ANONYMOUS = "anonymous"

_SHORT = "execute-api:/"


_NOBODY = Names()


def policy_decision(
    exchange: Exchange, caller: Names = _NOBODY, facts: Mapping[str, str] | None = None
) -> Decision | None:
    """Return what the API's resource policy says of a request; None if the API has none."""
    api = exchange.stage.api
    if not api.policy:
        return None
    prefix = f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.api_id}/"
    statements = [
        _with_full_arns(statement, prefix)
        for statement in statements_of(parse_policy(api.policy))
        if _concerns(statement, caller)
    ]
    values = {**request_facts(exchange), **(facts or {})}
    return is_allowed(({"Statement": statements},), INVOKE, method_arn(exchange), facts=values)


def require_policy(exchange: Exchange) -> None:
    """Refuse a request that the API's resource policy does not allow, if the API has one."""
    decision = policy_decision(exchange)
    if decision not in (None, "allowed"):
        raise refusal(exchange, ANONYMOUS, decision)


def refuse_denied(exchange: Exchange) -> None:
    """Reject a request that the API's resource policy denies, before the authorizer is invoked."""
    decision = policy_decision(exchange)
    if decision == "denied":
        raise refusal(exchange, ANONYMOUS, decision)


def either(own: Decision, policy: Decision | None) -> Decision:
    """Return what the caller's own rights and the resource policy say together, in one account."""
    if "denied" in (own, policy):
        return "denied"
    return "allowed" if "allowed" in (own, policy) else "implicitly denied"


def both(own: Decision, policy: Decision | None) -> Decision:
    """Return what the caller's own rights and the resource policy say together, across accounts."""
    if "denied" in (own, policy):
        return "denied"
    return "allowed" if own == policy == "allowed" else "implicitly denied"


def refusal(exchange: Exchange, who: str, decision: Decision | None) -> GatewayError:
    """Return the error for a caller that may not invoke a method."""
    parts = method_arn(exchange).split(":")
    parts[4] = "********" + parts[4][-4:]
    suffix = " with an explicit deny" if decision == "denied" else ""
    message = f"User: {who} is not authorized to perform: {INVOKE} on resource: {':'.join(parts)}{suffix}"
    return GatewayError(replace(DENIED, message=message), message)


def _concerns(statement: Statement, caller: Names) -> bool:
    """Return whether a statement is about a caller; one that names whom it is not about can only deny."""
    denies = statement.get("Effect") == "Deny"
    if "NotPrincipal" in statement:
        return denies and not names(statement["NotPrincipal"], caller.to_deny)
    return names(statement.get("Principal"), caller.to_deny if denies else caller.to_allow)


def _with_full_arns(statement: Statement, prefix: str) -> Statement:
    """Return a statement in which `execute-api:/stage/…` is the ARN that it is short for."""
    full = {
        name: [
            prefix + entry.removeprefix(_SHORT) if str(entry).startswith(_SHORT) else entry
            for entry in as_list(statement[name])
        ]
        for name in ("Resource", "NotResource")
        if name in statement
    }
    return {**statement, **full}
