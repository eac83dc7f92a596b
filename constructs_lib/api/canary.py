"""Canary of a stage: a new deployment for a share of the requests."""

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
    """Canary that sends a share of a stage's requests to another deployment of its API.

    A `Deployment` follows its API: Terraform replaces the snapshot when the API changes. A canary needs both
    snapshots. So pin the stage's deployment, and add a second one that follows the API:

    1. Read the digest of the live deployment, which is its trigger: `terraform state show
       ADDRESS_OF_THE_DEPLOYMENT`.
    2. Together with the change of the API, pin the deployment and add the second one:

           live = Deployment(self, "deployment", api=api, pinned_digest="9f86d0…")
           tried = Deployment(self, "tried", api=api)
           Stage(self, "stage", deployment=live, canary=Canary(percent=10, deployment=tried), …)

       When it is applied, 10 % of the requests get the changed API.
    3. To promote it, remove `pinned_digest`, `canary` and the second deployment. The stage moves to a
    deployment of the changed API. To roll back, undo the change of the API too.

    Do not promote it in the AWS console: the next apply would undo that. A canary covers the definition of
    the API, not the code of the functions; see `Gradual` for code.

    Attributes:
        percent: Share of the requests in percent, 1-99.
        deployment: Deployment that these requests get.
        variables: Stage variables that these requests get instead, by name. Default: none.

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
        """Return the settings for `aws_api_gateway_stage`."""
        return ApiGatewayStageCanarySettings(
            deployment_id=attribute(self.deployment.resource, "id"),
            percent_traffic=self.percent,
            stage_variable_overrides=dict(self.variables) or None,
        )


def check_canary(where: str, canary: object, deployment: Deployment) -> None:
    """Check that a canary serves another deployment than the stage.

    Raises:
        ConstructError: if both deployments are the same, or of different APIs.
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
