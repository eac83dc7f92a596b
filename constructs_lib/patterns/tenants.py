"""Authorizer for users of a user pool and tenants with keys, and the table of what each may use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jsii
from cdktf_cdktf_provider_aws.dynamodb_table_item import DynamodbTableItem
from constructs import Construct, IValidation

from constructs_lib.api.rest_api_base import RestApiBase
from constructs_lib.authorization.lambda_authorizer import LambdaAuthorizer
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_mapping, check_type, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.functions.function import Function
from constructs_lib.kms.hmac_key import HmacKey
from constructs_lib.metering.tenant_records import (
    ACCESS,
    GROUP,
    USERS,
    TenantAccess,
    check_group,
    check_tenant,
)
from constructs_lib.metering.usage_plan import UsagePlan
from constructs_lib.patterns.service_archive import service_archive
from constructs_lib.references import attribute
from constructs_lib.stacks import check_same_stack
from constructs_lib.storage.table import Table

if TYPE_CHECKING:
    from cdktf import TerraformResource

    from constructs_lib.api.stage import Stage
    from constructs_lib.api.throttle import Throttle
    from constructs_lib.archive import Archive
    from constructs_lib.authorization.authorizer import AuthorizerBackend
    from constructs_lib.authorization.user_pool import UserPool
    from constructs_lib.metering.usage_plan import Quota
    from constructs_lib.routes.definitions import AuthorizationDefinition, AuthorizerDefinition

_AUTHORIZER: Final = "bearer"
"""Name of the authorizer, and of the security scheme in the OpenAPI document."""

_TIMEOUT_SECONDS: Final = 5


@dataclass(slots=True)
class _Record:
    """Record of the table that the stack declares.

    Attributes:
        tenant: Id of the tenant.
        record: Its sort key.
        access: Its content.
        resource: The `aws_dynamodb_table_item`.
    """

    tenant: str
    record: str
    access: TenantAccess
    resource: DynamodbTableItem


class Tenants(AwsConstruct):
    """Lambda authorizer for every route, with a table of tenants.

    Callers send `Authorization: Bearer …` with a key of a tenant, or with the ID token of a user of the pool. API Gateway
    invokes the function for each request: a revoked key is rejected at the next one. The table has the hashes of keys, and what
    each tenant, all users and each group of users may use. `ai-orchestrator tenants` manages tenants and keys; those that are
    declared here with `add` are managed by Terraform, except for their keys.

    As `default_authorization` of a `RestApi`, it also chooses the usage plan (`api_key_source="AUTHORIZER"`, `meter`): each
    tenant has an API key in a plan, which no caller needs to know.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its id in `scope`.
        users: User pool with at least one client. Default: none; tenants only.
        user_access: What every user may use who is in none of `user_groups`. Default: everything, without limits.
        user_groups: What the users in groups of the pool may use, by the names of the groups. A user in several has
            what one of them has. Default: none.
        archive: Code of the function. Default: the archive of `handlers/authorizer`.
        deletion_protection: Whether AWS refuses to delete the table. Default: the stack's, True.

    Raises:
        ConstructError: An argument is not valid.
        ArchiveError: The archive cannot be built.

    Example:
        >>> pool = UserPool(stack, "users")
        >>> client_id = pool.add_client("shop")
        >>> tenants = Tenants(stack, "tenants", users=pool, archive=archive)
        >>> tenants.add("acme", TenantAccess(limits=[UsageLimit("tenant", "day", "usd", 5)]))
        >>> shop = RestApi(stack, "shop", name="shop", default_authorization=tenants)
        >>> method = shop.root.add_method("GET", LambdaIntegration(function))
        >>> tenants.meter(stages=[shop.deploy("prod")], throttle=Throttle(rate_limit=10, burst_limit=20))
        >>> method.definition.api_key_required
        True
    """

    names_api_keys: Final = True
    """The authorizer names the API key that a request counts for; see `RestApi`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        users: UserPool | None = None,
        user_access: TenantAccess | None = None,
        user_groups: Mapping[str, TenantAccess] | None = None,
        archive: Archive | None = None,
        deletion_protection: bool | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        check_type(where, "user_access", user_access, TenantAccess)
        check_mapping(where, "user_groups", user_groups)
        for name, access in (user_groups or {}).items():
            check_group(where, name)
            check_type(where, f"user_groups[{name!r}]", access, TenantAccess)
        _check_users(where, scope, users, user_access, user_groups)
        super().__init__(scope, construct_id)
        self._table = Table(
            self,
            "table",
            table_name=AwsStack.of(scope).physical_name(where),
            partition_key="tenant",
            sort_key="record",
            ttl_attribute="expires_at",
            deletion_protection=deletion_protection,
        )
        self._caller_key = HmacKey(self, "caller-key")
        self._function = Function(
            self,
            "authorizer",
            archive=archive or service_archive(AwsStack.of(self), "authorizer"),
            description="Authorizer of users and tenants",
            memory_mb=512,
            timeout_seconds=_TIMEOUT_SECONDS,
            environment={
                "TENANTS_TABLE": self._table.table_name,
                "CALLER_KEY_ID": self._caller_key.arn,
                **({} if users is None else _environment_of(users)),
            },
        )
        self._table.grant(self._function.role, "Query")
        self._caller_key.grant_generate(self._function.role)
        self._authorizer = LambdaAuthorizer(name=_AUTHORIZER, function=self._function, kind="REQUEST")
        self._records: list[_Record] = []
        self._plans: dict[str, UsagePlan] = {}
        self._metered_apis: list[str] = []
        self.node.add_validation(_IsMetered(self))
        if users is not None:
            self._declare(USERS, ACCESS, user_access or TenantAccess())
            for name, access in (user_groups or {}).items():
                self._declare(USERS, f"{GROUP}{name}", access)
            self.node.add_validation(_KnowsAllClients(self, users))

    @property
    def table(self) -> Table:
        """The table of tenants."""
        return self._table

    @property
    def function(self) -> Function:
        """The function that API Gateway invokes."""
        return self._function

    @property
    def caller_key(self) -> HmacKey:
        """The key that computes the pseudonyms of callers for the logs."""
        return self._caller_key

    @property
    def plan(self) -> UsagePlan:
        """The usage plan of tenants.

        Raises:
            ConflictError: `meter` was not called.
        """
        if not self._plans:
            raise ConflictError(path_of(self), "has no usage plan", "call meter(stages=[…]) first")
        return self._plans[_AUTHORIZER]

    def add(self, tenant: str, access: TenantAccess | None = None) -> None:
        """Declare a tenant. Its keys are created by `ai-orchestrator tenants rotate`, as no secret belongs into the stack.

        Args:
            tenant: Id of the tenant: 1-63 lower case letters, digits and `-`.
            access: What it may use. Default: everything, without limits.

        Raises:
            ConstructError: An argument is not valid, or the tenant exists.
        """
        where = f"{path_of(self)}/{tenant}"
        check_tenant(where, tenant)
        check_type(where, "access", access, TenantAccess)
        if any(record.tenant == tenant for record in self._records):
            raise ConflictError(where, "exists already", "give the tenant another id")
        record = self._declare(tenant, ACCESS, access or TenantAccess())
        if self._plans:
            self._put_into_plan(record, self.plan)

    def meter(
        self, *, stages: Sequence[Stage], throttle: Throttle | None = None, quota: Quota | None = None
    ) -> None:
        """Create the usage plans of stages whose API has `api_key_source="AUTHORIZER"`.

        Tenants have the limits, each for itself. Users have a plan of their own, with the throttle of the first stage for
        all of them together.

        Args:
            stages: The stages.
            throttle: Requests of a tenant per second, and at once. Default: 100 and 200.
            quota: Requests of a tenant in a period. Default: no limit.

        Raises:
            ConstructError: An argument is not valid, or `meter` was called before.
        """
        if self._plans:
            raise ConflictError(
                path_of(self), "has a usage plan already", "pass all stages to one call of meter"
            )
        self._plans[_AUTHORIZER] = UsagePlan(self, "plan", stages=stages, throttle=throttle, quota=quota)
        if any(record.tenant == USERS for record in self._records):
            self._plans[USERS] = UsagePlan(self, "users-plan", stages=stages, throttle=stages[0].throttle)
        for record in self._records:
            if record.record == ACCESS:
                self._put_into_plan(record, self._plans.get(record.tenant, self.plan))

    def definition(self) -> AuthorizationDefinition:
        """Return the authorization as data; see `Authorization`."""
        return self._authorizer.definition()

    def authorizer(self, where: str, scope: Construct) -> AuthorizerDefinition:
        """Return the authorizer as data; see `AuthorizerSettings`."""
        if isinstance(scope, RestApiBase) and scope.definition.authorizers_name_keys:
            self._metered_apis.append(path_of(scope))
        return self._authorizer.authorizer(where, scope)

    def backend(self) -> AuthorizerBackend:
        """Return the function's alias; see `AuthorizerSettings`."""
        return self._authorizer.backend()

    def permit(self, scope: Construct, source_arn: str) -> tuple[TerraformResource, ...]:
        """Create the permission; see `AuthorizerSettings`."""
        return self._authorizer.permit(scope, source_arn)

    def _declare(self, tenant: str, record: str, access: TenantAccess) -> _Record:
        keys = (self._table.partition_key, self._table.sort_key)
        resource = self._create(
            DynamodbTableItem,
            f"{tenant}={record.replace('#', '=')}",
            table_name=attribute(self._table.resource, "name"),
            hash_key=keys[0],
            range_key=keys[1],
            item=_item(tenant, record, access),
        )
        declared = _Record(tenant, record, access, resource)
        self._records.append(declared)
        return declared

    def _put_into_plan(self, record: _Record, plan: UsagePlan) -> None:
        key = plan.add_tenant(record.tenant)
        value = attribute(key.resource, "value")
        record.resource.item = _item(record.tenant, record.record, record.access, usage_key={"S": value})


def _item(tenant: str, record: str, access: TenantAccess, **more: Any) -> str:
    # What the stack declares, the command must not change: Terraform would change it back.
    item = access.to_item(tenant, record, declared={"BOOL": True}, **more)
    return json.dumps(item, sort_keys=True, separators=(",", ":"))


def _check_users(
    where: str,
    scope: Construct,
    users: UserPool | None,
    access: TenantAccess | None,
    groups: Mapping[str, TenantAccess] | None,
) -> None:
    if users is None:
        if access is not None or groups:
            raise ConflictError(
                where,
                "user_access and user_groups are for users, and there are none",
                "pass users=UserPool(…)",
            )
        return
    check_same_stack(where, scope, users)
    if not users.client_ids:
        raise InvalidArgumentError(
            where, "users has no client, so that no user could sign in", "call users.add_client(…) first"
        )


def _environment_of(users: UserPool) -> dict[str, str]:
    return {
        "USER_POOL_ISSUER": f"https://{attribute(users.resource, 'endpoint')}",
        "USER_POOL_CLIENTS": ",".join(users.client_ids),
    }


@jsii.implements(IValidation)
class _IsMetered:
    """Run by `app.synth()`: `meter` comes after the stages."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    def validate(self) -> list[str]:
        tenants = self._tenants
        if tenants._plans or not tenants._metered_apis:
            return []
        api = tenants._metered_apis[0]
        return [
            f"{path_of(tenants)}: requests to '{api}' need a usage plan, and there is none; call meter(stages=[…])"
        ]


@jsii.implements(IValidation)
class _KnowsAllClients:
    """Run by `app.synth()`: clients may be added until then."""

    def __init__(self, tenants: Tenants, users: UserPool) -> None:
        self._path = path_of(tenants)
        self._users = users
        self._known = users.client_ids

    def validate(self) -> list[str]:
        if self._users.client_ids == self._known:
            return []
        problem = f"the tokens of a client that was added to '{path_of(self._users)}' later would be rejected"
        return [f"{self._path}: {problem}; call add_client before"]
