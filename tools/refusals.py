"""Rejected requests: one call for each reason for which the deployed API rejects one.

Resources that a rejection needs, such as a usage plan with a quota of one request or a disabled partner, are created on
the local cloud and deleted afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from deploy_tools.callers import Callers
from tools.calls import Call, WrongAnswer, error, expect

_ANALYSIS = Call("", "POST", "/language/analysis", str, body={"text": "Ada was here."}, shown="{…}")
_DISPATCH = {"service": "language.analysis", "input": {"text": "Ada was here."}}
_PAST = {"N": "1000000000"}


def refusals(callers: Callers) -> list[Call]:
    """Return the calls that are rejected at the first try, in the order of API Gateway's checks."""
    token = callers.user_token
    head, _, signature = token.rpartition(".")
    changed = f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    unknown_key = callers.partner_key[::-1]
    other_key = {"Authorization": f"Bearer {callers.give_token('globex', api_key='x' * 20)}"}
    partner = replace(_ANALYSIS, path="/partners/ai-service", body=_DISPATCH, caller="partner")

    def bearer(title: str, *, status: int, code: str, header: str) -> Call:
        return replace(
            partner, title=title, status=status, check=error(code), headers={"Authorization": header}
        )

    return [
        _refused("a path that is not there", 403, "forbidden", method="GET", path="/nowhere", body=None),
        _refused("no token", 401, "unauthorized", caller="nobody"),
        _refused("a token that was changed", 401, "unauthorized", headers={"Authorization": changed}),
        bearer(
            "a partner's token that does not exist",
            status=401,
            code="unauthorized",
            header=f"Bearer {'x' * 43}",
        ),
        bearer(
            "a partner's token that has expired",
            status=401,
            code="unauthorized",
            header=f"Bearer {callers.give_token('acme', expires_at=_PAST)}",
        ),
        bearer(
            "a partner who is disabled",
            status=403,
            code="forbidden",
            header=f"Bearer {callers.give_token('acme', enabled={'BOOL': False})}",
        ),
        replace(
            partner,
            title="a partner without an API key",
            status=401,
            check=error("unauthorized"),
            caller="nobody",
            headers={"Authorization": callers.partner_headers["Authorization"]},
        ),
        replace(
            partner,
            title="a token with another partner's API key",
            status=403,
            check=error("forbidden"),
            headers=other_key,
        ),
        replace(
            partner,
            title="an API key that does not exist",
            status=403,
            check=error("forbidden"),
            headers={
                "Authorization": f"Bearer {callers.give_token('acme', api_key=unknown_key)}",
                "x-api-key": unknown_key,
            },
        ),
        _refused(
            "a call that is not signed",
            403,
            "forbidden",
            method="GET",
            path="/health",
            body=None,
            caller="nobody",
        ),
        _refused(
            "a signature for another call",
            403,
            "invalid_signature",
            method="GET",
            path="/health",
            body=None,
            caller="nobody",
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
def limited_partner(
    callers: Callers, outputs: Mapping[str, object], *, quota: int | None = None, burst: int | None = None
) -> Iterator[Call]:
    """Yield a call by a partner whose key has its own usage plan with these limits; delete the plan afterwards."""
    gateway = callers.client("apigateway")
    limits: dict[str, Any] = {}
    if quota is not None:
        limits["quota"] = {"limit": quota, "period": "DAY"}
    if burst is not None:
        limits["throttle"] = {"burstLimit": burst, "rateLimit": 0.1}
    stage = {"apiId": str(outputs["rest_api_id"]), "stage": str(outputs["stage_name"])}
    plan = gateway.create_usage_plan(name="demo", apiStages=[stage], **limits)["id"]
    key = gateway.create_api_key(name="demo", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    try:
        yield replace(
            _ANALYSIS,
            path="/partners/ai-service",
            body=_DISPATCH,
            caller="partner",
            headers={
                "Authorization": f"Bearer {callers.give_token('acme', api_key=key['value'])}",
                "x-api-key": key["value"],
            },
        )
    finally:
        gateway.delete_usage_plan_key(usagePlanId=plan, keyId=key["id"])
        gateway.delete_usage_plan(usagePlanId=plan)
        gateway.delete_api_key(apiKey=key["id"])


def preflights(origin: str, stranger: str) -> list[tuple[Call, Callable[[Mapping[str, str]], str]]]:
    """Return a preflight of an allowed page and of another one, each with the check of the headers."""

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
        return replace(_ANALYSIS, title=title, method="OPTIONS", body=None, caller="nobody", headers=headers)

    return [
        (preflight("may this page call?", origin), allowed),
        (preflight("may a page of another origin?", stranger), not_allowed),
    ]


def _refused(title: str, status: int, code: str, **other: Any) -> Call:
    return replace(_ANALYSIS, title=title, status=status, check=error(code), **other)


def described(content: bytes) -> str:
    """Return the code and the message of an error."""
    try:
        answer = json.loads(content)
        return f"{answer['code']}: {answer['message']}"
    except (ValueError, KeyError, TypeError):
        raise WrongAnswer(f"expected an error as JSON, got {content[:200]!r}") from None
