"""Records of tenants in DynamoDB: what each may use, its keys, and the groups of users.

The table has the partition key `tenant` and the sort key `record`:

| record | attributes |
|---|---|
| `access` | `services`, `models`: lists of names, or `["*"]`; `scopes`: names; `limits`: JSON; `usage_key`: API key of the usage plan; `enabled` |
| `key#ID` | `sha256`; `expires_at` in seconds since 1970; `revoked_at` |
| `group#NAME` | for the tenant `users`: `services`, `models`, `scopes` and `limits` of the users in a group of the user pool |

`constructs_lib/patterns/tenant_records.py` writes them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from handlers.common.aws_api import AwsApi, Tries, reading_answer
from handlers.common.caller import ALL, Limit
from handlers.common.deadline import Deadline

_CHOICES: Final = (Tries(2, 0.5, 1), Tries(1, 0.5, 1))
_KEY, _GROUP = "key#", "group#"


@dataclass(frozen=True, slots=True)
class Access:
    """Rights and limits.

    Attributes:
        services: Names of services; `*` for all.
        models: Names of models; `*` for all.
        limits: The limits, each for a `key`, a `tenant` or a `route:NAME`.
        scopes: What the caller may do besides.
        usage_key: API key by which API Gateway finds the usage plan. None for a group.
        enabled: Whether the tenant may call.
    """

    services: frozenset[str]
    models: frozenset[str]
    limits: tuple[Limit, ...]
    scopes: frozenset[str] = frozenset()
    usage_key: str | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """Key of a tenant.

    Attributes:
        sha256: SHA-256 of the key in hexadecimal.
        expires_at: End of its validity, in seconds since 1970; None for none.
        revoked: Whether it was revoked.
    """

    sha256: str
    expires_at: int | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class TenantRecords:
    """All records of one tenant.

    Attributes:
        access: What it may use; None for a tenant that does not exist.
        keys: Its keys by their ids.
        groups: For the tenant `users`, what groups may use, by their names.
    """

    access: Access | None = None
    keys: Mapping[str, KeyRecord] = field(default_factory=dict)
    groups: Mapping[str, Access] = field(default_factory=dict)

    def access_of_user(self, groups: Sequence[str]) -> Access | None:
        """Return what a user in some groups may use: all that one of the groups may; without a group, the default.

        A limit holds for a user in several groups if each of them has one for its scope, window and unit. The highest
        applies.

        Args:
            groups: Names of the user's groups. Groups without a record are ignored.
        """
        found = [self.groups[name] for name in dict.fromkeys(groups) if name in self.groups]
        if self.access is None or not found:
            return self.access
        first, *others = (
            {(limit.scope, limit.window, limit.unit): limit for limit in one.limits} for one in found
        )
        limits = tuple(
            max((limit, *(other[key] for other in others)), key=lambda limit: limit.maximum)
            for key, limit in first.items()
            if all(key in other for other in others)
        )
        return Access(
            services=frozenset().union(*(one.services for one in found)),
            models=frozenset().union(*(one.models for one in found)),
            limits=limits,
            scopes=frozenset().union(*(one.scopes for one in found)),
            usage_key=self.access.usage_key,
            enabled=self.access.enabled,
        )


class TenantTable:
    """The DynamoDB table of tenants.

    Args:
        table: Its name.
        api: DynamoDB. Default: created from the environment.
    """

    def __init__(self, table: str, *, api: AwsApi | None = None) -> None:
        self._table = table
        self._api = api or AwsApi("dynamodb", choices=_CHOICES)

    @classmethod
    def from_environment(cls) -> TenantTable:
        """Return the table that TENANTS_TABLE names."""
        return cls(os.environ["TENANTS_TABLE"])

    def records(self, tenant: str, *, deadline: Deadline) -> TenantRecords:
        """Read all records of a tenant, as they are now.

        Args:
            tenant: Id of the tenant.
            deadline: When the answer must be there.

        Raises:
            ServiceError: DynamoDB fails, or a record cannot be read.
        """
        request: dict[str, object] = {
            "TableName": self._table,
            "KeyConditionExpression": "tenant = :tenant",
            "ExpressionAttributeValues": {":tenant": {"S": tenant}},
            "ConsistentRead": True,
        }
        items: list[Mapping[str, Any]] = []
        while True:
            answer = self._api.call("query", request, deadline=deadline)
            items += answer.get("Items", [])
            if not answer.get("LastEvaluatedKey"):
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        with reading_answer("dynamodb.query: a record of a tenant"):
            return _records({item["record"]["S"]: item for item in items})


def _records(items: Mapping[str, Mapping[str, Any]]) -> TenantRecords:
    return TenantRecords(
        access=_access(items["access"]) if "access" in items else None,
        keys={
            name.removeprefix(_KEY): KeyRecord(
                sha256=item["sha256"]["S"],
                expires_at=int(item["expires_at"]["N"]) if "expires_at" in item else None,
                revoked="revoked_at" in item,
            )
            for name, item in items.items()
            if name.startswith(_KEY)
        },
        groups={
            name.removeprefix(_GROUP): _access(item)
            for name, item in items.items()
            if name.startswith(_GROUP)
        },
    )


def _access(item: Mapping[str, Any]) -> Access:
    limits = json.loads(item["limits"]["S"])
    return Access(
        services=_names(item["services"]),
        models=_names(item["models"]),
        limits=tuple(map(Limit.from_json, limits)),
        scopes=frozenset(entry["S"] for entry in item["scopes"]["L"]) if "scopes" in item else frozenset(),
        usage_key=item["usage_key"]["S"] if "usage_key" in item else None,
        enabled=item["enabled"]["BOOL"] is True if "enabled" in item else True,
    )


def _names(attribute: Mapping[str, Any]) -> frozenset[str]:
    names = frozenset(entry["S"] for entry in attribute["L"])
    return frozenset({ALL}) if ALL in names else names
