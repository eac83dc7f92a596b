"""Tenants of a deployed API: their records in DynamoDB, their keys, and their API keys in the usage plan.

A command that was cut short can be repeated: it uses what the first run created. Conditions on the records keep two commands at
the same time apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from constructs_lib.errors import ConstructError
from constructs_lib.metering.tenant_records import (
    ACCESS,
    GROUP,
    KEY,
    USERS,
    NewKey,
    TenantAccess,
    check_group,
    check_tenant,
)
from constructs_lib.metering.usage_limit import UsageLimit
from deploy_tools.errors import DeploymentError

TENANT_OUTPUTS: Final = ("tenants_table", "usage_plan_id")
"""Outputs of a stack with tenants: the table of `Tenants`, and the usage plan of their API keys."""

MAX_KEYS: Final = 10
"""Keys of a tenant that are valid at the same time."""

_DAY_SECONDS: Final = 86_400
_REVOKED_DAYS: Final = 90
"""Days after which a revoked key is no longer listed."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """Key of a tenant, without the key itself.

    Attributes:
        key_id: Its id.
        created_at: In seconds since 1970.
        expires_at: In seconds since 1970; None for never.
        revoked_at: In seconds since 1970; None for a key that was not revoked.
    """

    key_id: str
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def state(self, now: float) -> str:
        """Return `valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


@dataclass(frozen=True, slots=True)
class TenantInfo:
    """Tenant, or a group of users.

    Attributes:
        tenant: Id of the tenant; `users` for the users of the pool.
        access: What it may use.
        group: Name of the group; None for a tenant.
        enabled: Whether it may call.
        declared: Whether the stack declares it, so that Terraform manages it.
        keys: Its keys, the oldest first.
    """

    tenant: str
    access: TenantAccess
    group: str | None = None
    enabled: bool = True
    declared: bool = False
    keys: tuple[KeyInfo, ...] = ()

    @property
    def name(self) -> str:
        """The id of the tenant, and the name of the group if it is one."""
        return self.tenant if self.group is None else f"{self.tenant}/{self.group}"


class TenantRegister:
    """The tenants of one deployment.

    Args:
        dynamodb: boto3 client of DynamoDB.
        apigateway: boto3 client of API Gateway.
        table: Name of the table of tenants.
        usage_plan_id: Id of the usage plan of tenants.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        dynamodb: Any,
        apigateway: Any,
        *,
        table: str,
        usage_plan_id: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dynamodb = dynamodb
        self._apigateway = apigateway
        self._table = table
        self._usage_plan_id = usage_plan_id
        self._clock = clock

    def all(self) -> list[TenantInfo]:
        """Return all tenants and groups, sorted by name."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        return sorted(_infos(item for page in pages for item in page["Items"]), key=lambda one: one.name)

    def find(self, tenant: str, group: str | None = None) -> TenantInfo | None:
        """Return a tenant or a group; None if there is none."""
        return next((one for one in self._infos(tenant) if one.group == group), None)

    def required(self, tenant: str, group: str | None = None) -> TenantInfo:
        """Return a tenant or a group.

        Raises:
            DeploymentError: There is none.
        """
        found = self.find(tenant, group)
        if found is None:
            name = tenant if group is None else f"{tenant}/{group}"
            raise DeploymentError(f"tenant {name} does not exist; `tenants list` shows all")
        return found

    def add(self, tenant: str, access: TenantAccess, *, expires_days: int | None = None) -> NewKey:
        """Create a tenant and its first key.

        Args:
            tenant: Its id.
            access: What it may use.
            expires_days: Days after which the key expires. Default: never.

        Raises:
            DeploymentError: The id is not valid, or the tenant exists.
        """
        with _explained():
            check_tenant("tenants add", tenant)
        if self.find(tenant) is not None:
            raise DeploymentError(f"tenant {tenant} exists already; `tenants set` changes it")
        usage_key = {"S": self._usage_key(tenant)}
        now = int(self._clock())
        key = NewKey.for_tenant(tenant)
        self._write(
            f"tenant {tenant} exists already; `tenants set` changes it",
            _put(access.to_item(tenant, ACCESS, usage_key=usage_key), "attribute_not_exists(tenant)"),
            _put(key.to_item(tenant, created_at=now, expires_at=_end(now, expires_days))),
        )
        return key

    def rotate(
        self, tenant: str, *, overlap_seconds: int = _DAY_SECONDS, expires_days: int | None = None
    ) -> NewKey:
        """Create a key, and let the valid keys of the tenant expire.

        Args:
            tenant: Id of the tenant.
            overlap_seconds: Seconds for which the valid keys stay valid. Default: a day.
            expires_days: Days after which the new key expires. Default: never.

        Raises:
            DeploymentError: The tenant does not exist, has too many keys, or another command changed its keys.
        """
        current = self._of_tenant(tenant)
        now = self._clock()
        valid = [key for key in current.keys if key.state(now) == "valid"]
        if len(valid) >= MAX_KEYS:
            raise DeploymentError(f"tenant {tenant} has {MAX_KEYS} valid keys; revoke one of them first")
        created_at, ends = int(now), int(now) + overlap_seconds
        key = NewKey.for_tenant(tenant)
        self._write(
            f"another command changed the keys of {tenant}; look at `tenants list {tenant}` and run it again",
            _put(key.to_item(tenant, created_at=created_at, expires_at=_end(created_at, expires_days))),
            *(
                _update(
                    tenant,
                    f"{KEY}{one.key_id}",
                    "SET expires_at = :ends",
                    "attribute_exists(sha256) AND attribute_not_exists(revoked_at)",
                    {":ends": {"N": str(ends)}},
                )
                for one in valid
                if one.expires_at is None or one.expires_at > ends
            ),
        )
        return key

    def revoke(self, tenant: str, key_id: str | None = None) -> list[str]:
        """Revoke a key, or all keys of a tenant. The next request with one of them is rejected.

        Args:
            tenant: Id of the tenant.
            key_id: Id of the key. Default: all that are not revoked.

        Returns:
            The ids of the keys that were revoked.

        Raises:
            DeploymentError: The tenant or the key does not exist.
        """
        keys = {key.key_id: key for key in self._of_tenant(tenant).keys}
        if key_id is not None and key_id not in keys:
            raise DeploymentError(
                f"tenant {tenant} has no key {key_id}; `tenants list {tenant}` shows its keys"
            )
        now = int(self._clock())
        revoked = [
            one for one in keys.values() if one.revoked_at is None and one.key_id == (key_id or one.key_id)
        ]
        for one in revoked:
            self._write(
                f"key {one.key_id} is gone; run it again",
                _update(
                    tenant,
                    f"{KEY}{one.key_id}",
                    "SET revoked_at = :now, expires_at = :gone",
                    "attribute_exists(sha256)",
                    {":now": {"N": str(now)}, ":gone": {"N": str(now + _REVOKED_DAYS * _DAY_SECONDS)}},
                ),
            )
        return [one.key_id for one in revoked]

    def change(
        self,
        tenant: str,
        *,
        group: str | None = None,
        services: Sequence[str] | None = None,
        models: Sequence[str] | None = None,
        limits: Sequence[UsageLimit] | None = None,
        scopes: Sequence[str] | None = None,
        enabled: bool | None = None,
    ) -> TenantInfo:
        """Change what a tenant, or the users in a group, may use. The next request is held to it.

        Args:
            tenant: Id of the tenant; `users` for the users of the pool.
            group: Name of a group of the pool, whose record is created if there is none. Only for `users`.
            services: Names of services. Default: unchanged.
            models: Names of models. Default: unchanged.
            limits: The limits. Default: unchanged.
            scopes: What it may do besides. Default: unchanged.
            enabled: Whether the tenant may call. Default: unchanged.

        Raises:
            DeploymentError: The tenant does not exist, the stack declares it, or an argument is not valid.
        """
        current = self._changeable(tenant, group)
        with _explained():
            access = TenantAccess(
                services=current.access.services if services is None else services,
                models=current.access.models if models is None else models,
                limits=current.access.limits if limits is None else limits,
                scopes=current.access.scopes if scopes is None else scopes,
            )
        changed = replace(current, access=access, enabled=current.enabled if enabled is None else enabled)
        record = ACCESS if group is None else f"{GROUP}{group}"
        item = access.to_item(tenant, record)
        names = ("services", "models", "limits", "scopes")
        self._write(
            f"tenant {current.name} is gone, or declared in the stack meanwhile; run it again",
            _update(
                tenant,
                record,
                f"SET {', '.join(f'{name} = :{name}' for name in names)}, enabled = :enabled",
                "attribute_not_exists(declared)" + (" AND attribute_exists(tenant)" if group is None else ""),
                {f":{name}": item[name] for name in names} | {":enabled": {"BOOL": changed.enabled}},
            ),
        )
        return changed

    def delete(self, tenant: str, group: str | None = None) -> None:
        """Delete a tenant with its keys and its API key, or a group of users.

        Raises:
            DeploymentError: It does not exist, or the stack declares it.
        """
        current = self.required(tenant, group)
        _check_not_declared(current)
        if group is None:
            for key in self._api_keys(tenant):
                self._apigateway.delete_usage_plan_key(usagePlanId=self._usage_plan_id, keyId=key["id"])
                self._apigateway.delete_api_key(apiKey=key["id"])
            records = [*(f"{KEY}{one.key_id}" for one in current.keys), ACCESS]
        else:
            records = [f"{GROUP}{group}"]
        for record in records:
            self._dynamodb.delete_item(
                TableName=self._table, Key={"tenant": {"S": tenant}, "record": {"S": record}}
            )

    def _infos(self, tenant: str) -> list[TenantInfo]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="tenant = :tenant",
            ExpressionAttributeValues={":tenant": {"S": tenant}},
            ConsistentRead=True,
        )
        return list(_infos(item for page in pages for item in page["Items"]))

    def _of_tenant(self, tenant: str) -> TenantInfo:
        if tenant == USERS:
            raise DeploymentError("users have no keys: they sign in to the user pool; name a tenant")
        return self.required(tenant)

    def _changeable(self, tenant: str, group: str | None) -> TenantInfo:
        if group is None:
            current = self.required(tenant)
        elif tenant != USERS:
            raise DeploymentError(f"tenant {tenant} has no groups; --group goes with {USERS} only")
        else:
            with _explained():
                check_group("tenants set", group)
            current = self.find(tenant, group) or TenantInfo(tenant, TenantAccess(), group)
        _check_not_declared(current)
        return current

    def _usage_key(self, tenant: str) -> str:
        """Return the value of the tenant's API key in the usage plan; create it unless it exists."""
        found = self._api_keys(tenant)
        if not found:
            plan = self._apigateway.get_usage_plan(usagePlanId=self._usage_plan_id)
            key = self._apigateway.create_api_key(
                name=f"{plan['name']}-{tenant}",
                description="Tenant's place in the usage plan; no caller sends it",
                enabled=True,
            )
            self._apigateway.create_usage_plan_key(
                usagePlanId=self._usage_plan_id, keyId=key["id"], keyType="API_KEY"
            )
            found = [key]
        return str(self._apigateway.get_api_key(apiKey=found[0]["id"], includeValue=True)["value"])

    def _api_keys(self, tenant: str) -> list[Mapping[str, Any]]:
        plan = self._apigateway.get_usage_plan(usagePlanId=self._usage_plan_id)
        name = f"{plan['name']}-{tenant}"
        pages = self._apigateway.get_paginator("get_usage_plan_keys").paginate(
            usagePlanId=self._usage_plan_id, nameQuery=name
        )
        return [key for page in pages for key in page["items"] if key["name"] == name]

    def _write(self, conflict: str, *operations: Mapping[str, Any]) -> None:
        """Carry out writes together.

        Raises:
            DeploymentError: A condition does not hold; with the message `conflict`.
        """
        named = [
            {kind: {"TableName": self._table, **parameters} for kind, parameters in operation.items()}
            for operation in operations
        ]
        try:
            self._dynamodb.transact_write_items(TransactItems=named)
        except self._dynamodb.exceptions.TransactionCanceledException:
            raise DeploymentError(conflict) from None


def _put(item: Mapping[str, Any], condition: str | None = None) -> dict[str, Any]:
    return {"Put": {"Item": item, **({} if condition is None else {"ConditionExpression": condition})}}


def _update(
    tenant: str, record: str, change: str, condition: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "Update": {
            "Key": {"tenant": {"S": tenant}, "record": {"S": record}},
            "UpdateExpression": change,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
    }


def _end(now: int, days: int | None) -> int | None:
    return None if days is None else now + days * _DAY_SECONDS


def _infos(items: Iterator[Mapping[str, Any]]) -> Iterator[TenantInfo]:
    """Yield the tenants and groups of the items of a table."""
    described: list[Mapping[str, Any]] = []
    keys: dict[str, list[KeyInfo]] = {}
    for item in items:
        record = item["record"]["S"]
        if record.startswith(KEY):
            keys.setdefault(item["tenant"]["S"], []).append(_key(record.removeprefix(KEY), item))
        else:
            described.append(item)
    for item in described:
        tenant, record = item["tenant"]["S"], item["record"]["S"]
        is_group = record.startswith(GROUP)
        yield TenantInfo(
            tenant,
            TenantAccess.from_item(item),
            record.removeprefix(GROUP) if is_group else None,
            item.get("enabled", {"BOOL": True})["BOOL"],
            "declared" in item,
            ()
            if is_group
            else tuple(sorted(keys.get(tenant, []), key=lambda key: (key.created_at, key.key_id))),
        )


def _key(key_id: str, item: Mapping[str, Any]) -> KeyInfo:
    def seconds(name: str) -> int | None:
        return int(item[name]["N"]) if name in item else None

    return KeyInfo(key_id, seconds("created_at") or 0, seconds("expires_at"), seconds("revoked_at"))


def _check_not_declared(current: TenantInfo) -> None:
    if current.declared:
        raise DeploymentError(
            f"tenant {current.name} is declared in the stack, and Terraform would undo the change; change it there and deploy"
        )


@contextmanager
def _explained() -> Iterator[None]:
    """Turn an error of the constructs into one of the commands."""
    try:
        yield
    except ConstructError as error:
        raise DeploymentError(str(error)) from None
