"""The canary of a stage: a second deployment that gets a share of the stage's requests.

moto 5.2.5 drops canary settings. Here they are kept on moto's stage as `canary_settings`, a dictionary as API Gateway writes
it; `stage_settings` uses it where it replaces the creation and the update of stages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.moto_gaps.json_patch import boolean, unescape

PREFIX = "/canarySettings"
_OVERRIDES = "stageVariableOverrides"
_SCALARS: dict[str, Callable[[Any], Any]] = {
    "percentTraffic": float,
    "deploymentId": str,
    "useStageCache": boolean,
}


def new_canary(api: Any, settings: Mapping[str, Any], deployment_id: str) -> dict[str, Any]:
    """Return the canary of a new stage; without a deployment of its own it has the stage's."""
    canary = {
        "percentTraffic": float(settings.get("percentTraffic") or 0.0),
        "deploymentId": settings.get("deploymentId") or deployment_id,
        "stageVariableOverrides": dict(settings.get(_OVERRIDES) or {}),
        "useStageCache": boolean(settings.get("useStageCache")),
    }
    _check(api, canary)
    return canary


def patch_canary(api: Any, stage: Any, operation: Mapping[str, Any]) -> bool:
    """Carry out an operation on the canary, or one that promotes it; False if it is about something else."""
    kind, path = operation["op"], operation["path"]
    if kind == "copy":
        _promote(stage, operation.get("from") or "", path)
        return True
    if path != PREFIX and not path.startswith(f"{PREFIX}/"):
        return False
    if path == PREFIX:
        if kind != "remove":
            raise _refused(f"Invalid patch path  '{path}' specified for op '{kind}'.")
        stage.canary_settings = None
        return True
    canary = dict(getattr(stage, "canary_settings", None) or new_canary(api, {}, stage.deployment_id))
    name, _, member = path.removeprefix(f"{PREFIX}/").partition("/")
    if name == _OVERRIDES:
        canary[_OVERRIDES] = _overrides(canary[_OVERRIDES], kind, unescape(member), operation.get("value"))
    elif name in _SCALARS and not member and kind != "remove":
        canary[name] = _SCALARS[name](operation.get("value"))
    else:
        raise _refused(f"Invalid patch path  '{path}' specified for op '{kind}'.")
    _check(api, canary)
    stage.canary_settings = canary
    return True


def _overrides(present: Mapping[str, str], kind: str, name: str, value: Any) -> dict[str, str]:
    if not name:
        return {}
    kept = {key: text for key, text in present.items() if key != name}
    return kept if kind == "remove" else {**kept, name: value}


def _promote(stage: Any, source: str, path: str) -> None:
    canary = getattr(stage, "canary_settings", None)
    if canary is None:
        raise _refused(f"Invalid copy from '{source}': the stage has no canary settings.")
    if (source, path) == (f"{PREFIX}/deploymentId", "/deploymentId"):
        stage.deployment_id = canary["deploymentId"]
    elif (source, path) == (f"{PREFIX}/{_OVERRIDES}", "/variables"):
        stage.variables = {**(stage.variables or {}), **canary[_OVERRIDES]}
    else:
        raise _refused(f"Invalid copy from '{source}' to '{path}'.")


def _check(api: Any, canary: Mapping[str, Any]) -> None:
    if not 0 <= canary["percentTraffic"] <= 100:
        raise _refused("Canary traffic percentage must be between 0.0 and 100.0")
    if canary["deploymentId"] not in api.deployments:
        raise _refused(f"Deployment id {canary['deploymentId']} of the canary settings does not exist")


def _refused(message: str) -> Exception:
    from moto.apigateway.exceptions import BadRequestException

    error: Exception = BadRequestException(message)
    return error
