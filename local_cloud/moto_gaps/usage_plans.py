"""Usage plans: changes of their limits and of the stages that they are for.

moto 5.2.5 takes no limits for a single method and cuts rates to whole numbers. It fails when a stage with such limits is
taken out of a plan, as Terraform does before it deletes the plan.
"""

from __future__ import annotations

from typing import Any

from moto.apigateway.exceptions import NotFoundException
from moto.apigateway.models import UsagePlan

from local_cloud.moto_gaps.json_patch import Patchable, apply_patch, plain, unescape
from local_cloud.patches import replaces

_PATCHABLE = Patchable(plain("name", "description", "productCode"))
_NUMBERS = {"rateLimit": float, "burstLimit": int, "limit": int, "offset": int}


@replaces(UsagePlan)
def _apply_patch_operations(plan: Any, operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        match operation["path"].lstrip("/").split("/"):
            case ["apiStages"]:
                _patch_stages(plan, operation)
            case ["apiStages", stage, "throttle", *rest]:
                _patch_method_limits(_stage(plan, stage), rest, operation)
            case ["quota" | "throttle" as group] if operation["op"] == "remove":
                setattr(plan, group, None)
            case ["quota" | "throttle" as group, name]:
                setattr(plan, group, _with(getattr(plan, group), name, operation))
            case _:
                apply_patch(plan, _PATCHABLE, [operation])


def _patch_stages(plan: Any, operation: dict[str, Any]) -> None:
    api, _, stage = operation["value"].partition(":")
    others = [item for item in plan.api_stages if (item["apiId"], item["stage"]) != (api, stage)]
    plan.api_stages = others if operation["op"] == "remove" else [*others, {"apiId": api, "stage": stage}]


def _patch_method_limits(stage: dict[str, Any], rest: list[str], operation: dict[str, Any]) -> None:
    """Change what `throttle/{method}/rateLimit` names; without a limit or a method all of them go.

    A method is a resource's path and an HTTP method. Terraform writes its slashes as they are, others as `~1`.
    """
    limits = dict(stage.get("throttle") or {})
    *method, last = rest or [""]
    if last in ("rateLimit", "burstLimit"):
        key = unescape("/".join(method))
        limits[key] = _with(limits.get(key), last, operation)
    elif rest:
        limits.pop(unescape("/".join(rest)), None)
    else:
        limits = {}
    stage["throttle"] = limits


def _with(values: dict[str, Any] | None, name: str, operation: dict[str, Any]) -> dict[str, Any]:
    remaining = {key: value for key, value in (values or {}).items() if key != name}
    return (
        remaining
        if operation["op"] == "remove"
        else remaining | {name: _NUMBERS.get(name, str)(operation["value"])}
    )


def _stage(plan: Any, name: str) -> dict[str, Any]:
    api, _, stage = unescape(name).partition(":")
    for item in plan.api_stages:
        if (item["apiId"], item["stage"]) == (api, stage):
            found: dict[str, Any] = item
            return found
    raise NotFoundException(
        f"Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {plan.id}"
    )
