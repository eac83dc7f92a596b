"""Lambda authorizer of all routes: lets users of a Cognito user pool in by an ID token, and tenants by a key.

Both are sent as `Authorization: Bearer …`. API Gateway invokes the authorizer for every request and remembers no answer: a key
that is revoked, or a tenant that is disabled, is refused at the next request.

| credentials | answer |
|---|---|
| missing, sent twice, malformed, expired, revoked, unknown | `Unauthorized`, which API Gateway answers with 401 |
| valid, but the tenant is disabled or has no record | a policy that denies the request: 403 |
| cannot be checked, as DynamoDB, KMS or the user pool fails | an error: API Gateway rejects the request |
| valid | a policy for the one method, the context (`handlers/common/caller.py`), and the key of the usage plan |
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from handlers.authorizer.keys import PREFIX, TenantKey
from handlers.authorizer.records import Access, TenantTable
from handlers.authorizer.user_tokens import InvalidToken, UserTokens
from handlers.common.caller import TENANT, USER, USERS, Limit
from handlers.common.caller_hash import CallerHashes
from handlers.common.deadline import Deadline
from handlers.common.errors import Forbidden, ServiceError
from handlers.common.logs import InvocationLog
from handlers.common.once import Once
from handlers.common.proxy_request import ProxyRequest

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_RESERVED = frozenset({USERS})


class Unauthorized(ServiceError):
    """Message of an exception that API Gateway answers with 401. It compares the whole text."""

    code = "unauthorized"
    status = 401
    default_message = "Unauthorized"


@dataclass(frozen=True, slots=True)
class _Identity:
    """Caller whose credentials are valid.

    Attributes:
        kind: Kind of the caller, with which `Caller.principal` begins.
        principal_id: `sub` of a user, or id of a tenant.
        tenant: Id of the tenant.
        key_id: Id of the tenant's key; None for a user, whose pseudonym takes its place.
        access: What the caller may use; None for nothing.
    """

    kind: str
    principal_id: str
    tenant: str
    key_id: str | None
    access: Access | None


class Authorizer:
    """Authorizer: decides whether a request may pass.

    Args:
        table: Returns the table of tenants; called at the first request.
        hashes: Returns the pseudonyms of callers.
        users: Returns the verifier of users' tokens; None where there are no users.
        log: The log. Default: one with the service `authorizer`.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        table: Callable[[], TenantTable],
        hashes: Callable[[], CallerHashes],
        users: Callable[[], UserTokens | None],
        *,
        log: InvocationLog | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._hashes = hashes
        self._users = users
        self._clock = clock
        self._log = log or InvocationLog("authorizer")

    def handler(self, event: Mapping[str, object], context: object) -> dict[str, object]:
        """The Lambda entry point for an authorizer of type REQUEST.

        Returns:
            A policy for the method of the request, and for a caller who may pass the context and `usageIdentifierKey`.

        Raises:
            Unauthorized: The credentials are missing or not valid.
            ServiceError: The credentials cannot be checked.
        """
        request = ProxyRequest.from_event(event)
        line = self._log.begin(request.request_id or str(getattr(context, "aws_request_id", "unknown")))
        line.operation = "authorizer.authorize"
        deadline = Deadline.of_context(context)
        method_arn = str(event.get("methodArn", ""))
        try:
            identity = self._identity(request.headers.get("authorization", ()), deadline)
            principal = f"{identity.kind}:{identity.principal_id}"
            line.caller = pseudonym = self._hashes().hash_of(principal, deadline=deadline)
            access = identity.access
            if access is None or not access.enabled:
                line.failure(Forbidden(detail=f"tenant {identity.tenant} has no access"))
                return _policy(identity, method_arn, "Deny")
            answer = _policy(identity, method_arn, "Allow") | _passed(identity, access, pseudonym)
        except Exception as error:  # noqa: BLE001 - nothing of what went wrong may reach the caller
            problem = line.failure(error)
        else:
            line.success()
            return answer
        raise problem.with_traceback(None) from None

    def _identity(self, sent: Sequence[str], deadline: Deadline) -> _Identity:
        found = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
        if found is None:
            raise Unauthorized(detail="no bearer token")
        token = found[1]
        return self._of_key(token, deadline) if token.startswith(PREFIX) else self._of_user(token, deadline)

    def _of_key(self, token: str, deadline: Deadline) -> _Identity:
        key = TenantKey.read(token)
        if key is None or key.tenant in _RESERVED:
            raise Unauthorized(detail="malformed key")
        records = self._table().records(key.tenant, deadline=deadline)
        record = records.keys.get(key.key_id)
        if record is None or not key.matches(record.sha256):
            raise Unauthorized(detail="unknown key")
        if record.revoked or (record.expires_at is not None and record.expires_at <= self._clock()):
            raise Unauthorized(detail=f"key {key.key_id} is revoked or has expired")
        return _Identity(TENANT, key.tenant, key.tenant, key.key_id, records.access)

    def _of_user(self, token: str, deadline: Deadline) -> _Identity:
        users = self._users()
        if users is None:
            raise Unauthorized(detail="no user pool")
        try:
            user = users.user(token, deadline=deadline)
        except InvalidToken as error:
            raise Unauthorized(detail=str(error)) from None
        access = self._table().records(USERS, deadline=deadline).access_of_user(user.groups)
        return _Identity(USER, user.sub, USERS, None, access)


def _policy(identity: _Identity, method_arn: str, effect: str) -> dict[str, object]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": method_arn}
    return {
        "principalId": identity.principal_id,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }


def _passed(identity: _Identity, access: Access, pseudonym: str) -> dict[str, object]:
    key = pseudonym if identity.key_id is None else identity.key_id
    scopes = {"tenant": f"tenant:{identity.tenant}", "key": f"key:{key}"}
    limits = [_in_scope(limit, scopes).to_json() for limit in access.limits]
    usage = {} if access.usage_key is None else {"usageIdentifierKey": access.usage_key}
    return usage | {
        "context": {
            "caller": pseudonym,
            "tenant": identity.tenant,
            "key": key,
            "services": ",".join(sorted(access.services)),
            "models": ",".join(sorted(access.models)),
            "scopes": ",".join(sorted(access.scopes)),
            "limits": json.dumps(limits, separators=(",", ":")),
        }
    }


def _in_scope(limit: Limit, scopes: Mapping[str, str]) -> Limit:
    """Return a limit of the table with the caller's tenant or key as its scope."""
    return replace(limit, scope=scopes.get(limit.scope, limit.scope))


log = InvocationLog("authorizer")
authorizer = Authorizer(
    Once(TenantTable.from_environment),
    Once(CallerHashes.from_environment),
    Once(lambda: UserTokens.from_environment(failed=lambda error: log.backend_failure("user-pool", error))),
    log=log,
)
handler = authorizer.handler
