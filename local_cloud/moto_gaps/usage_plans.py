"""Usage plans: changes of their limits and of the stages that they are for.

moto 5.2.5 takes no limits for a single method and cuts rates to whole numbers. It fails when a stage with such limits is
taken out of a plan, as Terraform does before it deletes the plan.
"""

from __future__ import annotations

from typing import Any

from moto.apigateway.exceptions import BadRequestException, NotFoundException
from moto.apigateway.models import UsagePlan

from local_cloud.moto_gaps.json_patch import apply_patch, patched, shape_of, unescape
from local_cloud.patches import replaces


@replaces(UsagePlan)
def _apply_patch_operations(plan: Any, operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        match operation["path"].lstrip("/").split("/"):
            case ["apiStages"]:
                _patch_stages(plan, operation)
            case ["apiStages", stage, "throttle", *rest]:
                _patch_method_limits(_stage(plan, stage), rest, operation)
            case _:
                apply_patch(plan, "UsagePlan", [operation])


def _patch_stages(plan: Any, operation: dict[str, Any]) -> None:
    api, colon, stage = (operation.get("value") or "").partition(":")
    if not colon:
        raise BadRequestException("Invalid API Stage specified")
    if operation["op"] == "remove":
        gone = _stage(plan, f"{api}:{stage}")
        plan.api_stages = [item for item in plan.api_stages if item is not gone]
    else:
        others = [item for item in plan.api_stages if (item["apiId"], item["stage"]) != (api, stage)]
        plan.api_stages = [*others, {"apiId": api, "stage": stage}]


def _patch_method_limits(stage: dict[str, Any], rest: list[str], operation: dict[str, Any]) -> None:
    """Change what `throttle/{method}/rateLimit` names; without a limit or a method all of them go.

    A method is a resource's path and an HTTP method. Terraform writes its slashes as they are, others as `~1`.
    """
    limits = dict(stage.get("throttle") or {})
    *method, last = rest or [""]
    if last in ("rateLimit", "burstLimit"):
        key = unescape("/".join(method))
        throttle = shape_of("ThrottleSettings")
        limits[key] = patched(throttle, limits.get(key), operation["op"], last, operation.get("value"))
    elif rest:
        limits.pop(unescape("/".join(rest)), None)
    else:
        limits = {}
    stage["throttle"] = limits


def _stage(plan: Any, name: str) -> dict[str, Any]:
    api, _, stage = unescape(name).partition(":")
    for item in plan.api_stages:
        if (item["apiId"], item["stage"]) == (api, stage):
            found: dict[str, Any] = item
            return found
    raise NotFoundException(
        f"Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {plan.id}"
    )
