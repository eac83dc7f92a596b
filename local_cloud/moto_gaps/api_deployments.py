"""Deployments: what keeps one from being deleted, and work that moto does for nobody.

moto 5.2.5 deletes a deployment that a stage still serves; AWS refuses, and Terraform's `create_before_destroy` is
there for that. Each new deployment and stage also registers a mock of every route with the `responses` library, which
only tests inside moto's own process use, and which is never taken back.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Guard active deployments and register no mocks."""
    from moto.apigateway.exceptions import BadRequestException
    from moto.apigateway.models import RestAPI

    original = RestAPI.delete_deployment

    def delete_deployment(api: Any, deployment_id: str) -> Any:
        api.get_deployment(deployment_id)
        if any(stage.deployment_id == deployment_id for stage in api.stages.values()):
            raise BadRequestException("Active stages pointing to this deployment must be moved or deleted")
        canaries = [getattr(stage, "canary_settings", None) or {} for stage in api.stages.values()]
        if any(canary.get("deploymentId") == deployment_id for canary in canaries):
            raise BadRequestException(
                "Active stages with canary settings pointing to this deployment must be moved or deleted"
            )
        return original(api, deployment_id)

    RestAPI.delete_deployment = delete_deployment
    RestAPI.update_integration_mocks = lambda _api, _stage_name: None
