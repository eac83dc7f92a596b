"""A new deployment for a few of the requests first, while the stage goes on with the old one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cdktf_cdktf_provider_aws.api_gateway_stage import ApiGatewayStageCanarySettings

from constructs_lib.api.deployment import Deployment
from constructs_lib.checks import check_range, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.references import attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Gives a part of a stage's requests to another deployment of its API.

    A `Deployment` follows its API, and Terraform removes the old snapshot when it makes the new one. For a canary both
    have to exist, so the stage's deployment is pinned to what it is, and a second one follows the API:

    1. Note down the digest that is live, which the deployment has as its trigger:
       `terraform state show ADDRESS_OF_THE_DEPLOYMENT`.
    2. Together with the change of the API, pin the deployment and make the second one:

           live = Deployment(self, "deployment", api=api, pinned_digest="9f86d0…")
           tried = Deployment(self, "tried", api=api)
           Stage(self, "stage", deployment=live, canary=Canary(percent=10, deployment=tried), …)

       When it is applied, 10 % of the requests get the changed API.
    3. To promote it, take out `pinned_digest`, `canary` and the second deployment: the stage moves to a deployment of
       the same API. To go back, undo the change of the API as well.

    Promote it here and not in AWS's console, or the next apply undoes it. It divides what API Gateway does with a
    request, not what the functions do: they change for all (see `Gradual` for these).

    Attributes:
        percent: How many of 100 requests get it, 1 to 99.
        deployment: What they get.
        variables: Stage variables that have another value for them, by name. Default: none.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> live = Deployment(stack, "live", api=api, pinned_digest="9f86d081" * 8)
        >>> method = api.root.add_method("PUT", LambdaIntegration(function), authorization=Public())
        >>> canary = Canary(percent=10, deployment=Deployment(stack, "tried", api=api))
        >>> stage = Stage(
        ...     stack, "stage", deployment=live, stage_name="prod", canary=canary, account=account
        ... )
    """

    percent: int
    deployment: Deployment
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_range("Canary", "percent", self.percent, 1, 99)
        if not isinstance(self.deployment, Deployment):
            raise InvalidArgumentError(
                "Canary", f"deployment is of type {type(self.deployment).__name__}", "pass a Deployment"
            )

    def settings(self) -> ApiGatewayStageCanarySettings:
        """Return it as a stage has it."""
        return ApiGatewayStageCanarySettings(
            deployment_id=attribute(self.deployment.resource, "id"),
            percent_traffic=self.percent,
            stage_variable_overrides=dict(self.variables) or None,
        )


def check_canary(where: str, canary: object, deployment: Deployment) -> None:
    """Check that a canary is another one than what the stage serves.

    Raises:
        ConstructError: if all requests would get the same, or another API.
    """
    if not isinstance(canary, Canary):
        raise InvalidArgumentError(
            where, f"canary is of type {type(canary).__name__}", "pass Canary(percent=..., deployment=...)"
        )
    if canary.deployment.api is not deployment.api:
        raise ConflictError(
            where,
            f"its canary is a deployment of {path_of(canary.deployment.api)} and it serves {path_of(deployment.api)}",
            "pass a Deployment of the same API",
        )
    if canary.deployment is deployment or not deployment.is_pinned or canary.deployment.is_pinned:
        raise ConflictError(
            where,
            "its canary would serve what the stage serves: only one of two deployments may follow the API",
            "pass the stage a Deployment with pinned_digest, and the canary one without",
        )
