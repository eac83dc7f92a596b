"""Caller of a request, as the authorizer of the API describes it in the request's context.

API Gateway passes the context on as strings: `caller`, `tenant`, `key`, `services`, `models`, `scopes` and `limits`. Functions
read them from `requestContext.authorizer`, direct integrations as `$context.authorizer.*`. A client can change none of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from handlers.common.caller_hash import HASH
from handlers.common.errors import Forbidden, InternalError

Window = Literal["minute", "day", "month"]
Unit = Literal["requests", "tokens", "nano_usd"]

USER, TENANT, OPERATOR, OTHER = "user", "tenant", "iam", "principal"
"""Kinds of callers, with which `Caller.principal` begins. `principal`: the caller of another Lambda authorizer."""

USERS, OPERATORS = "users", "operators"
"""Tenants of the callers who belong to no tenant of the table: users of the pool, and callers who sign with IAM."""

ALL: Final = "*"
"""Every service, or every model."""

_WINDOWS, _UNITS = get_args(Window), get_args(Unit)


@dataclass(frozen=True, slots=True)
class Limit:
    """Most that may be used in one window.

    Attributes:
        scope: What is limited: `key:ID`, `tenant:ID` or `route:NAME`.
        window: Window of the clock in UTC, after which the use is counted from zero.
        unit: What is counted. `nano_usd` is money in billionths of a US dollar.
        maximum: The most of the unit in a window, 0 or more.
    """

    scope: str
    window: Window
    unit: Unit
    maximum: int

    @classmethod
    def from_json(cls, value: object) -> Limit:
        """Read `[scope, window, unit, maximum]`.

        Raises:
            ValueError: The value is not a limit.
        """
        if not isinstance(value, list) or len(value) != 4:
            raise ValueError("a limit is not [scope, window, unit, maximum]")
        scope, window, unit, maximum = value
        if not isinstance(scope, str) or not scope or window not in _WINDOWS or unit not in _UNITS:
            raise ValueError("scope, window or unit of a limit is not valid")
        if type(maximum) is not int or maximum < 0:
            raise ValueError("the maximum of a limit is not a whole number of 0 or more")
        return cls(scope, window, unit, maximum)

    def to_json(self) -> list[str | int]:
        """Return `[scope, window, unit, maximum]`."""
        return [self.scope, self.window, self.unit, self.maximum]


@dataclass(frozen=True, slots=True)
class Caller:
    """Caller of a request: identity, rights and limits.

    Attributes:
        principal: Owner of what the caller creates, such as a job: `user:SUB`, `tenant:ID`, `iam:ARN`, or
            `principal:NAME` for the caller of another Lambda authorizer. Not for logs, as it names a person.
        tenant: Id of the tenant; `users` for a user of the pool, `operators` for a caller who signs with IAM.
        key: Id of the tenant's key; for a user the pseudonym.
        pseudonym: Keyed hash of the caller for logs and the ledger (`caller_hash.py`). None for operators, and where the
            authorizer is another one.
        services: Names of the services that the caller may use. Default: all.
        models: Names of the models that the caller may use. Default: all.
        limits: The limits that apply to the caller. Default: none.
        scopes: What the caller may do besides, such as to decide approvals. Default: nothing.
    """

    principal: str
    tenant: str
    key: str
    pseudonym: str | None = None
    services: frozenset[str] = frozenset({ALL})
    models: frozenset[str] = frozenset({ALL})
    limits: tuple[Limit, ...] = ()
    scopes: frozenset[str] = frozenset()

    def may_use_service(self, name: str) -> bool:
        """Return whether the caller may use a service, such as `vision`."""
        return not self.services.isdisjoint({ALL, name})

    def may_use_model(self, name: str) -> bool:
        """Return whether the caller may use a model, such as `fast`."""
        return not self.models.isdisjoint({ALL, name})

    def require_service(self, name: str) -> None:
        """Check that the caller may use a service.

        Raises:
            Forbidden: The caller may not.
        """
        if not self.may_use_service(name):
            raise Forbidden(f"These credentials may not use the service {name}.")

    def require_model(self, name: str) -> None:
        """Check that the caller may use a model.

        Raises:
            Forbidden: The caller may not.
        """
        if not self.may_use_model(name):
            raise Forbidden(f"These credentials may not use the model {name}.", param="model")

    def to_json(self) -> dict[str, object]:
        """Return it as plain data, which travels with the events of calls that are made for it."""
        return {
            "principal": self.principal,
            "tenant": self.tenant,
            "key": self.key,
            "pseudonym": self.pseudonym,
            "services": sorted(self.services),
            "models": sorted(self.models),
            "limits": [limit.to_json() for limit in self.limits],
            "scopes": sorted(self.scopes),
        }

    @classmethod
    def from_json(cls, value: object) -> Caller:
        """Return what `to_json` made plain data of.

        Raises:
            InternalError: It is something else: it fails closed.
        """
        try:
            fields = dict(cast("Mapping[str, Any]", value))
            names = ("services", "models", "scopes")
            services, models, scopes = (frozenset(map(str, fields.pop(name))) for name in names)
            limits = tuple(map(Limit.from_json, fields.pop("limits")))
            return cls(**fields, services=services, models=models, limits=limits, scopes=scopes)
        except (KeyError, TypeError, ValueError):
            raise InternalError(detail="the caller of the event cannot be read") from None

    @classmethod
    def from_event(cls, event: Mapping[str, object]) -> Caller | None:
        """Return the caller of a proxy event of API Gateway; None for a route without authorization.

        The claims of a Cognito authorizer, the context of any other Lambda authorizer and a signature with IAM describe a
        caller without limits, who may use everything. Its scopes are those of the access token (`scope`), or of the context
        (`scopes`, separated by commas).

        Raises:
            InternalError: The context names a tenant, but the rest of it is missing or not valid.
        """
        context = _mapping(event.get("requestContext"))
        authorizer = _mapping(context.get("authorizer"))
        principal = _text(authorizer.get("principalId"))
        tenant = _text(authorizer.get("tenant"))
        if tenant is not None:
            return _described(authorizer, principal, tenant)
        claims = _mapping(authorizer.get("claims"))
        sub = _text(claims.get("sub"))
        if sub is not None:
            scopes = frozenset((_text(claims.get("scope")) or "").split())
            return cls(f"{USER}:{sub}", USERS, USERS, scopes=scopes)
        if principal is not None:
            scopes = _names(authorizer.get("scopes")) or frozenset()
            return cls(f"{OTHER}:{principal}", principal, principal, scopes=scopes)
        user_arn = _text(_mapping(context.get("identity")).get("userArn"))
        return None if user_arn is None else cls(f"{OPERATOR}:{user_arn}", OPERATORS, OPERATORS)


def _described(authorizer: Mapping[str, object], principal: str | None, tenant: str) -> Caller:
    """Return the caller whom the context describes; it fails closed where a part is missing."""
    key, pseudonym = _text(authorizer.get("key")), _hash(authorizer.get("caller"))
    services, models = _names(authorizer.get("services")), _names(authorizer.get("models"))
    if principal is None or key is None or pseudonym is None or services is None or models is None:
        raise InternalError(detail="the authorizer's context is not complete")
    kind = USER if tenant == USERS else TENANT
    limits = limits_of(authorizer.get("limits"))
    scopes = _names(authorizer.get("scopes")) or frozenset()
    return Caller(f"{kind}:{principal}", tenant, key, pseudonym, services, models, limits, scopes)


def limits_of(value: object) -> tuple[Limit, ...]:
    """Return the limits of a context's text.

    Raises:
        InternalError: They cannot be read: it fails closed.
    """
    try:
        limits = json.loads(cast("str", value))
        if not isinstance(limits, list):
            raise TypeError("limits are not a list")
        return tuple(Limit.from_json(limit) for limit in limits)
    except (TypeError, ValueError, RecursionError):
        raise InternalError(detail="the authorizer's limits cannot be read") from None


def _names(value: object) -> frozenset[str] | None:
    """Return the comma-separated names; none for an empty text, None for a value that is not a text."""
    return frozenset(name for name in value.split(",") if name) if isinstance(value, str) else None


def _hash(value: object) -> str | None:
    text = _text(value)
    return text if text is not None and HASH.fullmatch(text) else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
