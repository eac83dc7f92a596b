"""Rejected requests: one call for each reason for which the deployed API rejects one.

Resources that a rejection needs, such as a usage plan with a quota of one request or a disabled tenant, are created on
the local cloud.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from constructs_lib.metering.tenant_records import NewKey, TenantAccess
from deploy_tools.callers import Callers
from deploy_tools.tenant_register import TenantRegister
from tools.calls import Call, WrongAnswer, error, expect

_ANALYSIS = Call("", "POST", "/language/analysis", str, body={"text": "Ada was here."}, shown="{…}")


def refusals(callers: Callers) -> list[Call]:
    """Return the calls that are rejected at the first try, in the order of API Gateway's checks."""
    token = callers.user_token
    head, _, signature = token.rpartition(".")
    changed = f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    with callers.tenants() as register:
        expired = _keys(register, "expired").value
        register.rotate("expired", overlap_seconds=-1)
        revoked = _keys(register, "revoked")
        register.revoke("revoked", revoked.key_id)
        disabled = _keys(register, "disabled").value
        register.change("disabled", enabled=False)
        limited = _keys(register, "vision-only", TenantAccess(services=["vision"])).value

    return [
        _refused("a path that is not there", 403, "forbidden", method="GET", path="/nowhere", body=None),
        _refused("no token", 401, "unauthorized", caller="anonymous"),
        _bearer("a token that was changed", 401, "unauthorized", changed),
        _bearer("an unknown key", 401, "unauthorized", NewKey.for_tenant("acme").value),
        _bearer("a key that has expired", 401, "unauthorized", expired),
        _bearer("a key that was revoked", 401, "unauthorized", revoked.value),
        _bearer("a tenant that is disabled", 403, "forbidden", disabled),
        _bearer("a service that the tenant may not use", 403, "forbidden", limited),
        replace(
            _bearer("the same through the dispatcher", 403, "forbidden", limited),
            path="/ai-service",
            body={"service": "language.analysis", "input": {"text": "Ada was here."}},
        ),
        replace(
            _bearer("a workflow that the tenant may not use", 403, "forbidden", limited),
            path="/workflows/summary",
            body={"text": "Ada was here."},
        ),
        _refused(
            "a call that is not signed",
            403,
            "forbidden",
            method="GET",
            path="/health",
            body=None,
            caller="anonymous",
        ),
        _refused(
            "a signature for another call",
            403,
            "invalid_signature",
            method="GET",
            path="/health",
            body=None,
            caller="anonymous",
            headers=callers.signed("GET", "http://127.0.0.1/another", None),
        ),
        _refused(
            "a job without an Idempotency-Key",
            400,
            "invalid_request",
            path="/workflows/document/jobs",
            body={"input": {"pages": [{"image": "aGk="}]}},
        ),
        _refused(
            "a body that does not fit the model",
            400,
            "invalid_request",
            body={"text": 5},
            shown='{"text": 5}',
        ),
    ]


@contextmanager
def limited_tenant(
    callers: Callers, outputs: Mapping[str, object], *, quota: int | None = None, burst: int | None = None
) -> Iterator[Call]:
    """A call by a tenant that has a plan of its own with these limits; tenant and plan are gone afterwards."""
    gateway, dynamodb = callers.client("apigateway"), callers.client("dynamodb")
    limits: dict[str, Any] = {}
    if quota is not None:
        limits["quota"] = {"limit": quota, "period": "DAY"}
    if burst is not None:
        limits["throttle"] = {"burstLimit": burst, "rateLimit": 0.1}
    stage = {"apiId": str(outputs["rest_api_id"]), "stage": str(outputs["stage_name"])}
    plan = gateway.create_usage_plan(name=f"demo-{time.time_ns()}", apiStages=[stage], **limits)["id"]
    register = TenantRegister(dynamodb, gateway, table=str(outputs["tenants_table"]), usage_plan_id=str(plan))
    key = register.add("limited", TenantAccess())
    try:
        yield _bearer("", 200, "", key.value)
    finally:
        register.delete("limited")
        gateway.delete_usage_plan(usagePlanId=plan)


def preflights(origin: str, stranger: str) -> list[tuple[Call, Callable[[Mapping[str, str]], str]]]:
    """Return a preflight of a page that may call and of one that may not, each with the check of the headers."""

    def allowed(headers: Mapping[str, str]) -> str:
        found = headers.get("access-control-allow-origin")
        expect(found == origin, f"Access-Control-Allow-Origin: {origin}", dict(headers))
        return f"Access-Control-Allow-Origin: {found}"

    def not_allowed(headers: Mapping[str, str]) -> str:
        found = headers.get("access-control-allow-origin")
        expect(found != stranger and found != "*", "another origin, or none", dict(headers))
        return f"the browser refuses: Access-Control-Allow-Origin is {found or 'not there'}"

    def preflight(title: str, page: str) -> Call:
        headers = {"Origin": page, "Access-Control-Request-Method": "POST"}
        return replace(
            _ANALYSIS, title=title, method="OPTIONS", body=None, caller="anonymous", headers=headers
        )

    return [
        (preflight("may this page call?", origin), allowed),
        (preflight("may a page of another origin?", stranger), not_allowed),
    ]


def _keys(register: TenantRegister, tenant: str, access: TenantAccess | None = None) -> NewKey:
    """Create a tenant with a key, in place of the one that an earlier run has left."""
    if register.find(tenant) is not None:
        register.delete(tenant)
    return register.add(tenant, access or TenantAccess())


def _bearer(title: str, status: int, code: str, token: str) -> Call:
    return _refused(title, status, code, headers={"Authorization": f"Bearer {token}"})


def _refused(title: str, status: int, code: str, **other: Any) -> Call:
    return replace(_ANALYSIS, title=title, status=status, check=error(code), **other)


def described(content: bytes) -> str:
    """Return what an error says, for people."""
    try:
        answer = json.loads(content)
        return f"{answer['code']}: {answer['message']}"
    except (ValueError, KeyError, TypeError):
        raise WrongAnswer(f"expected an error as JSON, got {content[:200]!r}") from None
