from __future__ import annotations

import json
from typing import Any

import pytest

from handlers.common.caller import Caller, Limit
from handlers.common.errors import Forbidden, InternalError

PSEUDONYM = "0123456789abcdefghijkl+/"
LIMITS = [["tenant:acme", "day", "nano_usd", 5_000_000_000], ["key:k1", "minute", "requests", 0]]
CONTEXT = {
    "principalId": "acme",
    "caller": PSEUDONYM,
    "tenant": "acme",
    "key": "k1",
    "services": "vision,chat",
    "models": "fast",
    "limits": json.dumps(LIMITS, separators=(",", ":")),
}


def caller_of(authorizer: dict[str, Any] | None, **identity: str) -> Caller | None:
    context = {"identity": {"sourceIp": "203.0.113.7", **identity}}
    return Caller.from_event({"requestContext": {**context, "authorizer": authorizer}})


def test_the_context_describes_the_caller() -> None:
    caller = caller_of(CONTEXT)
    assert caller == Caller(
        principal="tenant:acme",
        tenant="acme",
        key="k1",
        pseudonym=PSEUDONYM,
        services=frozenset({"vision", "chat"}),
        models=frozenset({"fast"}),
        limits=(
            Limit("tenant:acme", "day", "nano_usd", 5_000_000_000),
            Limit("key:k1", "minute", "requests", 0),
        ),
    )
    assert [limit.to_json() for limit in caller.limits] == LIMITS
    assert (caller.may_use_service("vision"), caller.may_use_service("language")) == (True, False)
    assert (caller.may_use_model("fast"), caller.may_use_model("vision")) == (True, False)


def test_a_star_allows_all_and_an_empty_list_nothing() -> None:
    caller = caller_of({**CONTEXT, "services": "*", "models": ""})
    assert caller is not None
    assert caller.may_use_service("anything")
    assert not caller.may_use_model("fast")


@pytest.mark.parametrize("name", sorted(set(CONTEXT) - {"tenant", "services", "models"}))
@pytest.mark.parametrize("value", [None, "", 1, "{", "[1]", "{}"])
def test_a_broken_context_fails_closed(name: str, value: Any) -> None:
    if name in {"principalId", "key"} and isinstance(value, str) and value:
        return
    with pytest.raises(InternalError):
        caller_of({**CONTEXT, name: value})


@pytest.mark.parametrize("name", ["services", "models"])
def test_a_context_without_rights_fails_closed(name: str) -> None:
    with pytest.raises(InternalError):
        caller_of({key: value for key, value in CONTEXT.items() if key != name})


@pytest.mark.parametrize(
    "limit",
    [
        ["tenant:acme", "day", "nano_usd"],
        ["", "day", "requests", 1],
        [1, "day", "requests", 1],
        ["tenant:acme", "hour", "requests", 1],
        ["tenant:acme", "day", "euros", 1],
        ["tenant:acme", "day", "requests", -1],
        ["tenant:acme", "day", "requests", 1.5],
        ["tenant:acme", "day", "requests", True],
        ["tenant:acme", ["day"], "requests", 1],
    ],
)
def test_a_limit_that_cannot_be_read_fails_closed(limit: list[object]) -> None:
    with pytest.raises(InternalError):
        caller_of({**CONTEXT, "limits": json.dumps([limit])})


def test_claims_of_the_pool_describe_a_user_without_limits() -> None:
    caller = caller_of({"claims": {"sub": "ada"}})
    assert caller == Caller("user:ada", "users", "users")
    assert caller.may_use_service("vision")
    assert caller.may_use_model("fast")


def test_the_context_of_another_authorizer_describes_its_principal() -> None:
    caller = caller_of({"principalId": "ada", "caller": "not a hash"})
    assert caller == Caller("principal:ada", "ada", "ada")


@pytest.mark.parametrize(
    "context",
    [
        {"claims": {"sub": "ada", "scope": "shop/pay shop/read"}},
        {"principalId": "ada", "scopes": "shop/pay,shop/read"},
        {**CONTEXT, "scopes": "shop/pay,shop/read"},
    ],
    ids=["access token", "another authorizer", "the project's"],
)
def test_scopes_come_from_the_authorizer(context: dict[str, object]) -> None:
    caller = caller_of(context)
    assert caller.scopes == {"shop/pay", "shop/read"}


def test_a_user_whom_the_authorizer_describes_is_the_one_of_the_claims() -> None:
    described = caller_of({**CONTEXT, "principalId": "ada", "tenant": "users", "key": PSEUDONYM})
    by_claims = caller_of({"claims": {"sub": "ada"}})
    assert described is not None
    assert by_claims is not None
    assert (described.principal, described.tenant) == (by_claims.principal, by_claims.tenant)


def test_a_service_or_a_model_that_is_not_granted_is_forbidden() -> None:
    caller = caller_of(CONTEXT)
    assert caller is not None
    caller.require_service("vision")
    caller.require_model("fast")
    with pytest.raises(Forbidden, match=r"^These credentials may not use the service language\.$"):
        caller.require_service("language")
    with pytest.raises(Forbidden, match=r"^These credentials may not use the model smart\.$") as refused:
        caller.require_model("smart")
    assert refused.value.param == "model"


def test_a_signature_describes_an_operator() -> None:
    caller = caller_of(None, userArn="arn:aws:iam::123456789012:user/ada")
    assert caller == Caller("iam:arn:aws:iam::123456789012:user/ada", "operators", "operators")


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"requestContext": {"authorizer": None}}])
def test_a_route_without_authorization_has_no_caller(event: dict[str, Any]) -> None:
    assert Caller.from_event(event) is None


@pytest.mark.parametrize("pseudonym", ["ada@shop.example", PSEUDONYM + "A", PSEUDONYM[:-1] + "\n", 5])
def test_only_what_looks_like_a_pseudonym_reaches_the_logs(pseudonym: Any) -> None:
    with pytest.raises(InternalError):
        caller_of({**CONTEXT, "caller": pseudonym})
    caller = caller_of({"principalId": "ada", "caller": PSEUDONYM})
    assert caller is not None
    assert caller.pseudonym is None


def test_a_caller_travels_with_the_events_of_calls_that_are_made_for_it() -> None:
    caller = caller_of({**CONTEXT, "scopes": "approve"})
    assert caller is not None
    assert caller.scopes == {"approve"}
    assert Caller.from_json(json.loads(json.dumps(caller.to_json()))) == caller


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"principal": "user:a"}, {"services": 1, "models": [], "scopes": [], "limits": []}],
)
def test_what_is_not_a_caller_fails_closed(value: object) -> None:
    with pytest.raises(InternalError):
        Caller.from_json(value)
