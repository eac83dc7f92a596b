"""ID tokens of a Cognito user pool: verified with the keys that the pool publishes.

The keys are fetched once and remembered for an hour. A token with an unknown key id has them fetched again, as a pool may
have got a new key, but at most once in 30 seconds: tokens with made-up ids must not turn every request into two. If the pool does
not answer, the keys that were fetched before stay in use.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable, ServiceError

KEYS_LIFETIME_SECONDS: Final = 3_600
"""After this time the keys are fetched again."""

REFETCH_SECONDS: Final = 30
"""The shortest time between two fetches."""

_LEEWAY_SECONDS: Final = 60
"""By how much the clock of the issuer may be fast (`iat`, `nbf`). `exp` has no leeway."""

_FETCH_SECONDS: Final = 2.0
_MOST_TOKEN_CHARACTERS: Final = 8_192
_MOST_KEYS_BYTES: Final = 65_536
_SUB: Final = re.compile(r"[A-Za-z0-9_:-]{1,128}")


class InvalidToken(Exception):
    """The token is not one of the pool's that is valid now; the message says why, without any part of it."""


@dataclass(frozen=True, slots=True)
class User:
    """User of the pool.

    Attributes:
        sub: Id of the user, which never changes.
        groups: Names of the user's groups.
    """

    sub: str
    groups: tuple[str, ...]


class UserTokens:
    """Verifies ID tokens of a user pool.

    Args:
        issuer: The pool's URL, which is the claim `iss` of its tokens, such as
            `https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab1`.
        client_ids: The app clients whose tokens are accepted.
        fetch: Fetches the pool's keys as JSON, from a URL within some seconds. Default: over HTTPS.
        failed: Is given the error where the keys cannot be fetched and those that were fetched before are used. Default:
            the error is dropped.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        issuer: str,
        client_ids: frozenset[str],
        *,
        fetch: Callable[[str, float], bytes] | None = None,
        failed: Callable[[ServiceError], None] = lambda _error: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._client_ids = client_ids
        self._fetch = fetch or _fetched
        self._failed = failed
        self._clock = clock
        self._keys: Mapping[str, RSAKey] = {}
        self._fetched_at: float | None = None

    @classmethod
    def from_environment(cls, *, failed: Callable[[ServiceError], None]) -> UserTokens | None:
        """Return the verifier of the pool USER_POOL_ISSUER; None without it.

        USER_POOL_CLIENTS has the ids of its clients, separated by commas.
        """
        issuer = os.environ.get("USER_POOL_ISSUER")
        if not issuer:
            return None
        clients = frozenset(filter(None, os.environ["USER_POOL_CLIENTS"].split(",")))
        return cls(issuer, clients, failed=failed)

    def user(self, token: str, *, deadline: Deadline) -> User:
        """Return the user of a token.

        Args:
            token: The token.
            deadline: When the pool's keys must be there.

        Raises:
            InvalidToken: It is not an ID token that the pool issued for one of the clients, or it has expired.
            BackendUnavailable: The pool's keys cannot be fetched.
        """
        if len(token) > _MOST_TOKEN_CHARACTERS:
            raise InvalidToken("the token is too long")
        now = self._clock()
        registry = jwt.JWTClaimsRegistry(
            now=int(now),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            exp={"essential": True},
            token_use={"essential": True, "value": "id"},
        )

        def key_of(signed: Any) -> RSAKey:
            return self._key(signed.headers().get("kid"), deadline)

        try:
            claims = jwt.decode(token, key_of, algorithms=["RS256"]).claims
            registry.validate(claims)
        except (JoseError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise InvalidToken(f"the token is not valid: {type(error).__name__}") from None
        if claims["exp"] <= now:
            raise InvalidToken("the token has expired")
        audience = claims.get("aud")
        if not isinstance(audience, str) or audience not in self._client_ids:
            raise InvalidToken("the token is for another client")
        sub, groups = claims.get("sub"), claims.get("cognito:groups", [])
        if not isinstance(sub, str) or not _SUB.fullmatch(sub):
            raise InvalidToken("the token has no sub")
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise InvalidToken("the groups of the token cannot be read")
        return User(sub, tuple(groups))

    def _key(self, key_id: object, deadline: Deadline) -> RSAKey:
        age = None if self._fetched_at is None else self._clock() - self._fetched_at
        is_known = isinstance(key_id, str) and key_id in self._keys
        if age is None or age >= (KEYS_LIFETIME_SECONDS if is_known else REFETCH_SECONDS):
            self._refresh(deadline)
        if not isinstance(key_id, str) or key_id not in self._keys:
            raise InvalidToken("the pool has no key of the token's id")
        return self._keys[key_id]

    def _refresh(self, deadline: Deadline) -> None:
        seconds = min(_FETCH_SECONDS, deadline.seconds_left())
        try:
            keys = _read(self._fetch(f"{self._issuer}/.well-known/jwks.json", seconds))
        except (OSError, http.client.HTTPException, JoseError, ValueError, LookupError, TypeError) as error:
            unavailable = BackendUnavailable(
                "The keys of the user pool cannot be fetched. Try again later.",
                detail=f"jwks: {type(error).__name__}",
            )
            if not self._keys:
                raise unavailable from error
            # Signing keys change rarely: what was fetched before verifies the tokens while the pool does not answer.
            self._failed(unavailable)
            self._fetched_at = self._clock() - KEYS_LIFETIME_SECONDS + REFETCH_SECONDS
            return
        self._keys, self._fetched_at = keys, self._clock()


def _read(body: bytes) -> dict[str, RSAKey]:
    return {
        entry["kid"]: RSAKey.import_key(entry)
        for entry in json.loads(body)["keys"]
        if entry["kty"] == "RSA" and entry.get("use", "sig") == "sig"
    }


def _fetched(url: str, seconds: float) -> bytes:
    """Fetch the keys from the pool, or from the endpoint of AWS's APIs where it is not AWS's own (AWS_ENDPOINT_URL)."""
    place, endpoint = urlsplit(url), os.environ.get("AWS_ENDPOINT_URL")
    host = urlsplit(endpoint) if endpoint else place
    kind = http.client.HTTPSConnection if host.scheme == "https" else http.client.HTTPConnection
    connection = kind(host.netloc, timeout=max(seconds, 0.1))
    try:
        connection.request("GET", place.path)
        response = connection.getresponse()
        body = response.read(_MOST_KEYS_BYTES)
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise http.client.HTTPException(f"status {response.status}")
    return body
