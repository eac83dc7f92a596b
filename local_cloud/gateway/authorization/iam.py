"""AWS_IAM authorization: the signer's policies must allow `execute-api:Invoke` on the method."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime

from local_cloud.gateway.authorization.method_arn import INVOKE, method_arn, request_facts
from local_cloud.gateway.authorization.resource_policy import both, either, policy_decision, refusal
from local_cloud.gateway.authorization.sigv4 import Signature, read_signature
from local_cloud.gateway.errors import CREDENTIALS_EXPIRED, UNKNOWN_CREDENTIALS, GatewayError
from local_cloud.gateway.exchange import Exchange
from local_cloud.iam.callers import Caller, find_caller


def authorize_signature(exchange: Exchange) -> None:
    """Let a request pass if its signature is good and its caller may invoke the method; note who that is."""
    now = datetime.fromtimestamp(exchange.received_at, UTC)
    signature = read_signature(exchange.request)
    signature.check_scope(exchange.stage.api.region)
    caller = _caller(signature, now)
    signature.check_time(now)
    signature.check_value(exchange.request, caller.secret)
    exchange.identity |= {
        "accessKey": caller.access_key,
        "accountId": caller.account_id,
        "caller": caller.user_id,
        "user": caller.user_id,
        "userArn": caller.arn,
    }
    _check_policies(exchange, caller)


def _caller(signature: Signature, now: datetime) -> Caller:
    caller = find_caller(signature.access_key)
    if caller is None:
        raise GatewayError(
            UNKNOWN_CREDENTIALS,
            f"the access key {signature.access_key} belongs to no caller; see local_cloud/iam/callers.py",
        )
    sent = signature.token if not caller.is_root else None
    if not hmac.compare_digest((sent or "").encode("utf-8", "replace"), (caller.token or "").encode()):
        raise GatewayError(UNKNOWN_CREDENTIALS, f"the session token of {caller.arn} is missing or wrong")
    if caller.expires is not None and caller.expires.replace(tzinfo=UTC) <= now:
        raise GatewayError(CREDENTIALS_EXPIRED, f"the session of {caller.arn} has ended")
    return caller


def _check_policies(exchange: Exchange, caller: Caller) -> None:
    own = caller.may(INVOKE, method_arn(exchange), request_facts(exchange))
    account = exchange.stage.api.account_id
    policy = policy_decision(exchange, caller.names(account), caller.facts())
    combine = either if caller.account_id == account else both
    decision = combine(own, policy)
    if decision != "allowed":
        raise refusal(exchange, caller.arn, decision)
