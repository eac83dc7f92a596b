"""Records of tenants in their DynamoDB table, and their keys.

`Tenants` writes those of the stack, `deploy_tools tenants` all others. `handlers/authorizer/records.py` reads them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from constructs_lib.checks import check_list, check_pattern, check_scope
from constructs_lib.errors import ConflictError, LimitExceededError
from constructs_lib.metering.usage_limit import UsageLimit

ALL: Final = "*"
"""Every service, or every model."""

USERS: Final = "users"
"""Tenant of the users of the pool."""

ACCESS, KEY, GROUP = "access", "key#", "group#"
"""Sort keys of records: what a tenant may use; a key, with its id; what users in a group may use, with its name."""

MAX_LIMITS: Final = 20
"""Limits of a tenant: with more, a call would be a larger transaction than DynamoDB takes."""

_RESERVED: Final = frozenset({USERS, "operators"})
_NAME: Final = r"[a-z0-9][a-z0-9._:-]{0,127}|\*"
_ALPHABET: Final = string.ascii_letters + string.digits
_SECRET_CHARACTERS: Final = 44
_KEY_ID_CHARACTERS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantAccess:
    """Rights and limits of a tenant, or of the users in a group.

    Attributes:
        services: Names of services, such as `vision`. Default: all.
        models: Names of models of `/v1`, such as `fast`. Default: all.
        limits: The limits of its use, at most 20. Default: none.
        scopes: What it may do besides, such as to decide the approvals with this scope. Default: nothing.

    Raises:
        ConstructError: An argument is not valid.

    Example:
        >>> access = TenantAccess(services=["chat"], models=["fast"], limits=[UsageLimit("tenant", "day", "usd", 5)])
        >>> access.to_item("acme", "access")["limits"]
        {'S': '[["tenant","day","nano_usd",5000000000]]'}
    """

    services: Sequence[str] = (ALL,)
    models: Sequence[str] = (ALL,)
    limits: Sequence[UsageLimit] = field(default=())
    scopes: Sequence[str] = ()

    def __post_init__(self) -> None:
        where = "TenantAccess"
        for argument, names in (("services", self.services), ("models", self.models)):
            check_list(where, argument, names)
            for name in names:
                check_pattern(
                    where, argument, name, _NAME, "use lower case letters, digits and '._:-', or '*' for all"
                )
            object.__setattr__(self, argument, tuple(dict.fromkeys(names)))
        check_list(where, "scopes", self.scopes)
        for name in self.scopes:
            check_scope(where, name)
        object.__setattr__(self, "scopes", tuple(dict.fromkeys(self.scopes)))
        check_list(where, "limits", self.limits)
        object.__setattr__(self, "limits", tuple(self.limits))
        if len(self.limits) > MAX_LIMITS:
            raise LimitExceededError(
                where, f"limits has {len(self.limits)} entries", f"use at most {MAX_LIMITS}"
            )
        places = [(limit.scope, limit.window, limit.unit) for limit in self.limits]
        twice = next((place for place in places if places.count(place) > 1), None)
        if twice is not None:
            raise ConflictError(
                where, f"limits has two entries for {'/'.join(twice)}", "remove one of the two"
            )

    def to_item(self, tenant: str, record: str, **more: Any) -> dict[str, Any]:
        """Return the record in DynamoDB's form.

        Args:
            tenant: Id of the tenant.
            record: Sort key of the record: `ACCESS`, or `GROUP` and the name of a group.
            more: Further attributes in DynamoDB's form.
        """
        limits = [limit.to_json() for limit in self.limits]
        return {
            "tenant": {"S": tenant},
            "record": {"S": record},
            "services": {"L": [{"S": name} for name in self.services]},
            "models": {"L": [{"S": name} for name in self.models]},
            "limits": {"S": json.dumps(limits, separators=(",", ":"))},
            "scopes": {"L": [{"S": name} for name in self.scopes]},
            **more,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> TenantAccess:
        """Read what `to_item` returns."""
        return cls(
            services=[entry["S"] for entry in item["services"]["L"]],
            models=[entry["S"] for entry in item["models"]["L"]],
            limits=[UsageLimit.from_json(entry) for entry in json.loads(item["limits"]["S"])],
            scopes=[entry["S"] for entry in item.get("scopes", {}).get("L", ())],
        )


@dataclass(frozen=True, slots=True)
class NewKey:
    """Key of a tenant that was just created.

    Attributes:
        key_id: Its id, which is not secret.
        value: The key. It is in this object only: the table gets its hash.
    """

    key_id: str
    value: str = field(repr=False)

    @classmethod
    def for_tenant(cls, tenant: str) -> NewKey:
        """Create a key with 262 random bits."""
        key_id = "".join(
            secrets.choice(string.ascii_lowercase + string.digits) for _ in range(_KEY_ID_CHARACTERS)
        )
        secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_CHARACTERS))
        return cls(key_id, f"aio_{tenant}_{key_id}_{secret}")

    def to_item(self, tenant: str, *, created_at: int, expires_at: int | None = None) -> dict[str, Any]:
        """Return the record in DynamoDB's form: it has the SHA-256 of the key.

        Args:
            tenant: Id of the tenant.
            created_at: Now, in seconds since 1970.
            expires_at: End of its validity, in seconds since 1970. Default: none.
        """
        ends = {} if expires_at is None else {"expires_at": {"N": str(expires_at)}}
        return {
            "tenant": {"S": tenant},
            "record": {"S": f"{KEY}{self.key_id}"},
            "sha256": {"S": hashlib.sha256(self.value.encode()).hexdigest()},
            "created_at": {"N": str(created_at)},
            **ends,
        }


def check_tenant(where: str, name: object) -> None:
    """Check the id of a tenant.

    Raises:
        ConstructError: It is not valid, or it is reserved.
    """
    check_pattern(
        where,
        "tenant",
        name,
        r"[a-z][a-z0-9-]{0,62}",
        "use 1 to 63 lower case letters, digits and '-', a letter first",
    )
    if name in _RESERVED:
        raise ConflictError(where, f"tenant '{name}' is reserved", "use another name")


def check_group(where: str, name: object) -> None:
    """Check the name of a group of a user pool.

    Raises:
        ConstructError: It is not valid.
    """
    check_pattern(where, "group", name, r"[\w+=,.@-]{1,128}", "use 1 to 128 letters, digits and '_+=,.@-'")
