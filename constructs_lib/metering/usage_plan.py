"""Usage plans: limits of API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import jsii
from cdktf_cdktf_provider_aws.api_gateway_usage_plan import (
    ApiGatewayUsagePlan,
    ApiGatewayUsagePlanApiStages,
    ApiGatewayUsagePlanApiStagesThrottle,
    ApiGatewayUsagePlanQuotaSettings,
    ApiGatewayUsagePlanThrottleSettings,
)
from cdktf_cdktf_provider_aws.api_gateway_usage_plan_key import ApiGatewayUsagePlanKey
from constructs import Construct, IValidation

from constructs_lib.api.method import Method
from constructs_lib.api.stage import Stage
from constructs_lib.api.throttle import Throttle
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import (
    check_choice,
    check_list,
    check_mapping,
    check_pattern,
    check_range,
    check_text,
    check_type,
    path_below,
    path_of,
)
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.metering.api_key import ApiKey, check_name
from constructs_lib.references import attribute, token
from constructs_lib.stacks import check_same_stack

QuotaPeriod = Literal["DAY", "WEEK", "MONTH"]
"""The time after which a quota starts anew, in UTC; weeks start on Sunday."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Quota of a key. API Gateway answers more requests with 429.

    Attributes:
        limit: The number of requests in a period, 1 to 2147483647.
        period: `DAY`, `WEEK` or `MONTH`. Default: `MONTH`.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> Quota(limit=10_000)
        Quota(limit=10000, period='MONTH')
    """

    limit: int
    period: QuotaPeriod = "MONTH"

    def __post_init__(self) -> None:
        check_range("Quota", "limit", self.limit, 1, 2_147_483_647)
        check_choice("Quota", "period", self.period, QuotaPeriod)


class UsagePlan(AwsConstruct):
    """Limits of each of its API keys (`aws_api_gateway_usage_plan`), such as those of a tenant or a tariff.

    It is for the methods with `api_key_required=True`; the others are limited by the stage's `throttle` only.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Name in AWS. Default: the stack's prefix and the path below the stack.
        stages: The stages that its keys are good for; at least one.
        throttle: How many requests each key has a second and at once. Default: 100 and 200.
        quota: How many requests each key has in a period. Default: no end of them.
        method_throttles: Other limits for single methods, by method. Default: none.
        description: Description in AWS. Default: none.

    Raises:
        ConstructError: if an argument is not valid, or a limit would limit nothing.

    Example:
        >>> method = api.root.add_method(
        ...     "GET", LambdaIntegration(function), authorization=IamAuthorization(), api_key_required=True
        ... )
        >>> stage = Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
        >>> plan = UsagePlan(
        ...     stack,
        ...     "basic",
        ...     name="basic",
        ...     stages=[stage],
        ...     throttle=Throttle(rate_limit=5, burst_limit=10),
        ...     quota=Quota(limit=1000, period="DAY"),
        ...     method_throttles={method: Throttle(rate_limit=1, burst_limit=2)},
        ... )
        >>> plan.add_tenant("acme").name
        'basic-acme'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str | None = None,
        stages: Sequence[Stage],
        throttle: Throttle | None = None,
        quota: Quota | None = None,
        method_throttles: Mapping[Method, Throttle] | None = None,
        description: str | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        check_type(where, "throttle", throttle, Throttle)
        check_type(where, "quota", quota, Quota)
        check_mapping(where, "method_throttles", method_throttles)
        check_list(where, "stages", stages)
        limits = throttle or Throttle()
        name = AwsStack.of(scope).physical_name(where) if name is None else name
        check_name(where, name)
        check_text(where, "description", description)
        if not stages:
            raise InvalidArgumentError(where, "has no stages, and limits nothing", "pass at least one Stage")
        if len(set(stages)) < len(stages):
            raise ConflictError(where, "stages has a stage twice", "remove one of the two")
        for stage in stages:
            check_same_stack(where, scope, stage)
        for method, throttle_of_method in (method_throttles or {}).items():
            _check_method(where, method, throttle_of_method, stages)
        super().__init__(scope, construct_id)
        self._name = name
        self._stages = tuple(stages)
        self._keys: list[ApiKey] = []
        self._resource = self._create(
            ApiGatewayUsagePlan,
            "Resource",
            name=name,
            description=description,
            api_stages=[_api_stage(stage, method_throttles or {}) for stage in stages],
            throttle_settings=ApiGatewayUsagePlanThrottleSettings(
                rate_limit=limits.rate_limit, burst_limit=limits.burst_limit
            ),
            quota_settings=None
            if quota is None
            else ApiGatewayUsagePlanQuotaSettings(limit=quota.limit, period=quota.period),
        )
        for stage in stages:
            stage.deployment.api._context.planned_stages.add(stage.stage_name)
        self.node.add_validation(_LimitsSomething(self))

    @property
    def name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def plan_id(self) -> str:
        """Id; a reference."""
        return token(self._resource, "id")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that its keys are good for."""
        return self._stages

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """Keys of the plan, in the order they were added."""
        return tuple(self._keys)

    @property
    def resource(self) -> ApiGatewayUsagePlan:
        """The `aws_api_gateway_usage_plan`."""
        return self._resource

    def add_key(self, key: ApiKey) -> ApiGatewayUsagePlanKey:
        """Give a key what the plan allows (`aws_api_gateway_usage_plan_key`).

        Args:
            key: The key.

        Raises:
            ConstructError: if the key is in the plan, or in another plan of one of its stages, which AWS refuses.
        """
        where = path_of(self)
        check_same_stack(where, self, key)
        for stage in self._stages:
            _check_key(where, key, stage)
        for stage in self._stages:
            stage.deployment.api._context.keys_in_plans.add((path_of(key), stage.stage_name))
        self._keys.append(key)
        resource = self._create(
            ApiGatewayUsagePlanKey,
            f"key={path_of(key).replace('/', '=')}",
            usage_plan_id=attribute(self._resource, "id"),
            key_id=attribute(key.resource, "id"),
            key_type="API_KEY",
        )
        key.shown_by.append(resource)
        return resource

    def add_tenant(self, name: str) -> ApiKey:
        """Create a key for a tenant, named after the plan and the tenant, and add it.

        Args:
            name: The tenant, unique in this plan.

        Raises:
            ConstructError: if the name is not valid, or taken.
        """
        where = f"{path_of(self)}/{name}"
        check_pattern(where, "name", name, r"[A-Za-z0-9_-]{1,64}", "use 1 to 64 letters, digits, '-' and '_'")
        if self.node.try_find_child(f"tenant={name}") is not None:
            raise ConflictError(where, "exists already", "give the tenant another name")
        key = ApiKey(self, f"tenant={name}", name=f"{self._name}-{name}")
        self.add_key(key)
        return key


def _check_key(where: str, key: ApiKey, stage: Stage) -> None:
    if (path_of(key), stage.stage_name) in stage.deployment.api._context.keys_in_plans:
        raise ConflictError(
            where,
            f"key '{key.name}' is in a usage plan of stage '{stage.stage_name}' already, and AWS allows one",
            "make another ApiKey",
        )


def _check_method(where: str, method: Method, throttle: Throttle, stages: Sequence[Stage]) -> None:
    called = f"{method.http_method} {method.path}"
    serving = [stage for stage in stages if _serves(stage, method)]
    if not serving:
        raise ConflictError(
            where, f"method_throttles has {called}, which none of its stages serves", "remove it"
        )
    if not method.definition.api_key_required:
        raise ConflictError(
            where,
            f"method_throttles has {called}, which is called without a key, so that no plan limits it",
            "add the method with api_key_required=True",
        )
    for stage in serving:
        most = stage.throttle
        if throttle.rate_limit > most.rate_limit or throttle.burst_limit > most.burst_limit:
            raise ConflictError(
                where,
                f"method_throttles allows {called} {throttle.rate_limit} a second and {throttle.burst_limit} at once, "
                f"and stage '{stage.stage_name}' takes {most.rate_limit} and {most.burst_limit}",
                "lower the one, or raise the stage's throttle",
            )


def _serves(stage: Stage, method: Method) -> bool:
    return any(route is method.definition for route in stage.deployment.api.definition.routes)


def _api_stage(stage: Stage, throttles: Mapping[Method, Throttle]) -> ApiGatewayUsagePlanApiStages:
    own = [
        ApiGatewayUsagePlanApiStagesThrottle(
            path=f"{method.path}/{method.http_method}",
            rate_limit=throttle.rate_limit,
            burst_limit=throttle.burst_limit,
        )
        for method, throttle in throttles.items()
        if _serves(stage, method)
    ]
    return ApiGatewayUsagePlanApiStages(
        api_id=attribute(stage.deployment.api.resource, "id"),
        stage=attribute(stage.resource, "stage_name"),
        throttle=own or None,
    )


@jsii.implements(IValidation)
class _LimitsSomething:
    """Run by `app.synth()`: methods may be added until then."""

    def __init__(self, plan: UsagePlan) -> None:
        self._plan = plan

    def validate(self) -> list[str]:
        return [
            f"usage plan '{self._plan.name}' limits nothing of stage '{stage.stage_name}': no method of REST API "
            f"'{stage.deployment.api.name}' has api_key_required=True"
            for stage in self._plan.stages
            if not any(route.api_key_required for route in stage.deployment.api.definition.routes)
        ]
