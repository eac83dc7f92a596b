"""Tokens of Cognito user pools: verified with the keys of moto's pools, as they are at each request.

joserfc verifies them: it is the library that moto signs them with, is maintained and typed, and makes its
caller name the algorithms that are accepted. Here that is RS256 alone, so neither `none` nor HS256 with the
public key as its secret gets through. Nothing is remembered between requests: a verification takes a tenth of
a millisecond, and a pool or a client that is deleted counts at once, independent of the authorizer's TTL.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError

from local_cloud.gateway.authorization.identity_sources import identity_values
from local_cloud.gateway.errors import (
    AUTHORIZER_CONFIGURATION,
    TOKEN_EXPIRED,
    UNAUTHORIZED,
    GatewayError,
    fits,
)
from local_cloud.gateway.exchange import Exchange

LEEWAY_SECONDS = 60
"""By how much the clock of who issued a token may be fast (`iat`, `nbf`); its end is its end."""

_BEARER = re.compile(r"Bearer +", re.IGNORECASE)
_DATES = frozenset({"exp", "iat"})


def authorize_token(exchange: Exchange, authorizer: Mapping[str, Any]) -> None:
    """Let a request pass if it has a good token, and note the token's claims.

    A method without scopes takes ID tokens; one with scopes takes access tokens that have one of them.
    """
    values = identity_values(exchange, authorizer)
    if not values:
        raise GatewayError(AUTHORIZER_CONFIGURATION, "the authorizer has no identity source")
    token = _BEARER.sub("", values[0].strip(), count=1)
    pool, issuer = _pool(authorizer, token)
    claims = _verified(token, pool, issuer, exchange.received_at)
    _check_use(claims, pool, exchange.routed.authorization_scopes)
    expression = authorizer.get("identityValidationExpression")
    audience = str(claims.get("aud", claims.get("client_id")))
    if expression and not fits(expression, audience, AUTHORIZER_CONFIGURATION):
        raise GatewayError(UNAUTHORIZED, f"the token's audience does not match {expression}")
    exchange.authorizer = {"claims": {name: _text(name, value) for name, value in claims.items()}}


def _pool(authorizer: Mapping[str, Any], token: str) -> tuple[Any, str]:
    """Return the user pool that a token says it is from, if that is one of the authorizer's, and its issuer."""
    from moto.cognitoidp.models import cognitoidp_backends

    try:
        claimed = json.loads(jws.extract_compact(token.encode()).payload)["iss"]
    except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise GatewayError(UNAUTHORIZED, f"the token is malformed: {error}") from error
    for arn in authorizer.get("providerARNs") or ():
        _, _, _, region, account, resource = arn.split(":", 5)
        pool_id = resource.removeprefix("userpool/")
        issuer = f"https://cognito-idp.{region}.amazonaws.com/{pool_id}"
        if issuer != claimed:
            continue
        pool = cognitoidp_backends[account][region].user_pools.get(pool_id)
        if pool is None:
            raise GatewayError(AUTHORIZER_CONFIGURATION, f"there is no user pool {arn}")
        return pool, issuer
    raise GatewayError(UNAUTHORIZED, "the token is of an issuer that is none of the authorizer's user pools")


def _verified(token: str, pool: Any, issuer: str, now: float) -> dict[str, Any]:
    """Return the claims of a token that a pool has signed and that is valid now."""
    registry = jwt.JWTClaimsRegistry(
        now=int(now),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        exp={"essential": True},
    )
    try:
        claims = jwt.decode(token, pool.json_web_key, algorithms=["RS256"]).claims
        registry.validate(claims)
    except ExpiredTokenError as error:
        raise _expired(pool) from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise GatewayError(UNAUTHORIZED, f"the token is not good: {error}") from error
    if claims["exp"] <= now:
        raise _expired(pool)
    return claims


def _check_use(claims: Mapping[str, Any], pool: Any, scopes: tuple[str, ...]) -> None:
    use, client = ("access", claims.get("client_id")) if scopes else ("id", claims.get("aud"))
    if claims.get("token_use") != use:
        raise GatewayError(
            UNAUTHORIZED, f"the method takes {use} tokens, and this is one for {claims.get('token_use')!r}"
        )
    if not isinstance(client, str) or client not in pool.clients:
        raise GatewayError(UNAUTHORIZED, f"the token is for a client that user pool {pool.id} does not have")
    if scopes and not set(scopes).intersection(str(claims.get("scope", "")).split()):
        raise GatewayError(UNAUTHORIZED, f"the token has none of the scopes {', '.join(scopes)}")


def _expired(pool: Any) -> GatewayError:
    return GatewayError(TOKEN_EXPIRED, f"the token of user pool {pool.id} has expired")


def _text(name: str, value: Any) -> str:
    """Return a claim as functions see it: everything is text, some times are dates and lists have commas."""
    if name in _DATES and isinstance(value, int | float):
        with contextlib.suppress(OSError, OverflowError, ValueError):  # a year that no calendar has
            return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(value))
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(_text("", entry) for entry in value)
    return json.dumps(value)
