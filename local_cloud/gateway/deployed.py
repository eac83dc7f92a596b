"""Looks up in moto what is deployed, at each request: Terraform's last word counts, and nothing is kept beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local_cloud.gateway.errors import FORBIDDEN, GatewayError
from local_cloud.gateway.exchange import DeployedStage
from local_cloud.gateway.snapshot import snapshot_of
from local_cloud.moto_backends import every

Draw = Callable[[], float]
"""Returns a number from 0 up to but not including 1, such as `random.random`."""


def choose_release(stage: Any, draw: Draw) -> tuple[str, Mapping[str, str] | None]:
    """Return the deployment for one request: the stage's, or its canary's with its stage variables.

    Args:
        stage: moto's stage.
        draw: Decides for the canary when it returns less than the canary's share; with a share of 0 or 100 percent the
            answer is certain.
    """
    canary = getattr(stage, "canary_settings", None)
    if not canary or draw() * 100 >= canary["percentTraffic"]:
        return stage.deployment_id, None
    return canary["deploymentId"], canary["stageVariableOverrides"]


def find_stage(api_id: str, stage_name: str, draw: Draw) -> DeployedStage:
    """Return a stage with the deployment that it serves, which `draw` chooses where the stage has a canary."""
    api = _find_api(api_id)
    if api is None:
        raise GatewayError(FORBIDDEN, f"there is no REST API {api_id}")
    stage = api.stages.get(stage_name)
    if stage is None:
        names = ", ".join(sorted(api.stages)) or "none"
        raise GatewayError(FORBIDDEN, f"{api.name} has no stage {stage_name!r}; it has: {names}")
    deployment_id, overrides = choose_release(stage, draw)
    deployment = api.deployments.get(deployment_id)
    definition = None if deployment is None else snapshot_of(deployment)
    if definition is None:
        raise GatewayError(
            FORBIDDEN, f"stage {stage_name} of {api.name} serves a deployment that does not exist"
        )
    return DeployedStage(
        name=stage_name,
        api=definition,
        settings=stage,
        is_canary=overrides is not None,
        overrides=overrides or {},
    )


def function_policy(function_arn: str) -> Iterable[Mapping[str, Any]]:
    """Return the statements of a function's policy, those of all its versions and aliases; none for no function."""
    from moto.awslambda.models import lambda_backends

    _, _, _, region, account, _, name, *_ = function_arn.split(":")
    backend = lambda_backends.get(account, {}).get(region)  # moto's own look-up takes a lock
    function = None if backend is None else backend._lambdas._functions.get(name)
    statements: list[Mapping[str, Any]] = [] if function is None else function["latest"].policy.statements
    return statements


def _find_api(api_id: str) -> Any:
    from moto.apigateway.models import apigateway_backends

    return next(
        (backend.apis[api_id] for backend in every(apigateway_backends) if api_id in backend.apis), None
    )
