"""ID tokens of a user pool: which are accepted, and how often the pool's keys are fetched."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from handlers.authorizer.user_tokens import (
    KEYS_LIFETIME_SECONDS,
    REFETCH_SECONDS,
    InvalidToken,
    User,
    UserTokens,
)
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable, ServiceError

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab1"
NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "sub": "6f0f7c2e-1111-4222-8333-123456789abc",
    "iss": ISSUER,
    "aud": "client1",
    "token_use": "id",
    "iat": NOW - 10,
    "exp": NOW + 3_600,
    "cognito:groups": ["staff"],
}
FIRST, SECOND = (RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}) for kid in ("one", "two"))


class Pool:
    """User pool that publishes keys, and counts how often they are fetched."""

    def __init__(self, *keys: RSAKey) -> None:
        self.keys = list(keys)
        self.fetched: list[str] = []
        self.error: Exception | None = None
        self.body: bytes | None = None

    def fetch(self, url: str, seconds: float) -> bytes:
        assert 0 <= seconds <= 2
        self.fetched.append(url)
        if self.error is not None:
            raise self.error
        entries = [{**key.as_dict(private=False), "alg": "RS256"} for key in self.keys]
        return json.dumps({"keys": entries}).encode() if self.body is None else self.body


class Clock:
    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


def signed(claims: Mapping[str, Any] = CLAIMS, key: Any = FIRST, **header: Any) -> str:
    return jwt.encode(
        {"alg": "RS256", "kid": key.kid, **header}, dict(claims), key, algorithms=["RS256", "HS256"]
    )


def encoded(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_with_the_public_key() -> str:
    """A token whose HMAC takes the pool's public key, which everybody has, as its secret."""
    signed_part = f"{encoded({'alg': 'HS256', 'kid': FIRST.kid})}.{encoded(CLAIMS)}"
    mac = hmac.digest(FIRST.as_pem(private=False), signed_part.encode(), "sha256")
    return f"{signed_part}.{encoded(mac)}"


def user_of(tokens: UserTokens, token: str) -> User:
    return tokens.user(token, deadline=Deadline.after(5))


@pytest.fixture
def pool() -> Pool:
    return Pool(FIRST)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failures() -> list[ServiceError]:
    return []


@pytest.fixture
def tokens(pool: Pool, clock: Clock, failures: list[ServiceError]) -> UserTokens:
    clients = frozenset({"client1", "client2"})
    return UserTokens(ISSUER, clients, fetch=pool.fetch, failed=failures.append, clock=clock)


def test_an_id_token_of_the_pool_names_the_user_and_the_groups(tokens: UserTokens, pool: Pool) -> None:
    assert user_of(tokens, signed()) == User(CLAIMS["sub"], ("staff",))
    ungrouped = {name: value for name, value in CLAIMS.items() if name != "cognito:groups"}
    assert user_of(tokens, signed(ungrouped | {"aud": "client2"})) == User(CLAIMS["sub"], ())
    assert pool.fetched == [f"{ISSUER}/.well-known/jwks.json"]


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other"},
        {"iss": None},
        {"aud": "client3"},
        {"aud": ["client1"]},
        {"aud": None},
        {"aud": "", "client_id": "client1"},
        {"token_use": "access"},
        {"token_use": None},
        {"exp": NOW},
        {"exp": None},
        {"exp": "soon"},
        {"exp": float("nan")},
        {"nbf": NOW + 3_600},
        {"iat": NOW + 3_600},
        {"sub": None},
        {"sub": ""},
        {"sub": "a b"},
        {"sub": 5},
        {"cognito:groups": "staff"},
        {"cognito:groups": [5]},
    ],
)
def test_a_claim_that_is_not_right_is_rejected(tokens: UserTokens, changes: dict[str, Any]) -> None:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    with pytest.raises(InvalidToken):
        user_of(tokens, signed(claims))


def test_a_token_with_another_signature_is_rejected(tokens: UserTokens) -> None:
    forged = RSAKey.generate_key(2048, {"kid": "one"})
    header, payload, signature = signed().split(".")
    other = signed(CLAIMS | {"sub": "someone-else"}).split(".")[1]
    for token in (
        signed(key=forged),
        signed_with_the_public_key(),
        f"{encoded({'alg': 'none', 'kid': 'one'})}.{payload}.",
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}.{payload}.{signature}.x",
        f"{signature}.{payload}.{header}",
        "a.b.c",
        "",
        "é",
        "a" * 9_000,
    ):
        with pytest.raises(InvalidToken):
            user_of(tokens, token)


@pytest.mark.parametrize("header", [{}, {"kid": 5}, {"kid": ""}, {"kid": "three"}, {"kid": ["one"]}])
def test_a_key_id_that_the_pool_does_not_have_is_rejected(tokens: UserTokens, header: dict[str, Any]) -> None:
    _, payload, signature = signed().split(".")
    with pytest.raises(InvalidToken):
        user_of(tokens, f"{encoded({'alg': 'RS256', **header})}.{payload}.{signature}")


def test_a_new_key_of_the_pool_is_fetched_but_not_for_every_unknown_id(
    tokens: UserTokens, pool: Pool, clock: Clock
) -> None:
    user_of(tokens, signed())
    pool.keys = [FIRST, SECOND]
    with pytest.raises(InvalidToken):
        user_of(tokens, signed(key=SECOND))
    assert len(pool.fetched) == 1, "the keys were fetched a moment ago"
    clock.now += REFETCH_SECONDS
    assert user_of(tokens, signed(key=SECOND)).sub == CLAIMS["sub"]
    assert len(pool.fetched) == 2
    for _ in range(20):
        with pytest.raises(InvalidToken):
            user_of(tokens, signed(kid="made-up"))
    assert len(pool.fetched) == 2


def test_keys_are_fetched_again_after_an_hour_and_a_removed_one_is_rejected(
    tokens: UserTokens, pool: Pool, clock: Clock
) -> None:
    lasting = signed(CLAIMS | {"exp": NOW + 86_400})
    user_of(tokens, lasting)
    pool.keys = [SECOND]
    clock.now += KEYS_LIFETIME_SECONDS - 1
    user_of(tokens, lasting)
    clock.now += 1
    with pytest.raises(InvalidToken):
        user_of(tokens, lasting)


@pytest.mark.parametrize(
    "body", [None, b"", b"[]", b"{}", b'{"keys": [{}]}', b'{"keys": [{"kty": "RSA", "kid": "one"}]}']
)
def test_while_the_pool_does_not_answer_known_keys_verify_and_unknown_ones_are_an_outage(
    pool: Pool, tokens: UserTokens, clock: Clock, failures: list[ServiceError], body: bytes | None
) -> None:
    def break_pool() -> None:
        pool.body, pool.error = body, OSError("unreachable") if body is None else None

    break_pool()
    with pytest.raises(BackendUnavailable):
        user_of(tokens, signed())
    pool.body = pool.error = None
    lasting = signed(CLAIMS | {"exp": NOW + 86_400})
    user_of(tokens, lasting)
    break_pool()
    clock.now += KEYS_LIFETIME_SECONDS
    fetched = len(pool.fetched)
    for _ in range(3):
        assert user_of(tokens, lasting).sub == CLAIMS["sub"]
    assert len(pool.fetched) == fetched + 1
    assert [type(error) for error in failures] == [BackendUnavailable]
    clock.now += REFETCH_SECONDS
    user_of(tokens, lasting)
    assert len(pool.fetched) == fetched + 2


def test_without_a_pool_there_are_no_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER_POOL_ISSUER", raising=False)
    assert UserTokens.from_environment(failed=pytest.fail) is None
