"""Stages of REST APIs with their canaries and deployments.

moto 5.2.5 gives a stage with any method setting a throttle of 1,000 requests a second (AWS: the account's limit of 10,000,
burst 5,000), does not remove method settings, and ignores the client certificate and unknown settings. It drops canary
settings, and at CreateDeployment the settings of a stage that exists; here a stage has its canary as `canary_settings`, a dictionary as API Gateway writes it.

moto deletes a deployment that a stage still serves; AWS rejects that, and Terraform's `create_before_destroy` relies on it.
Each new deployment and stage registers a mock of every route with the `responses` library, which only tests inside moto's
own process use, and which is never removed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.apigateway.exceptions import BadRequestException
from moto.apigateway.models import APIGatewayBackend, RestAPI, Stage
from moto.apigateway.responses import APIGatewayResponse

from local_cloud.moto_backends import boolean
from local_cloud.moto_gaps.json_patch import apply_patch, patched, read, shape_of
from local_cloud.patches import extends, replaces

ACCOUNT_RATE_LIMIT = 10_000.0
ACCOUNT_BURST_LIMIT = 5_000
# By path: the member, and its default.
_METHOD_SETTINGS: Mapping[str, tuple[str, Any]] = {
    "metrics/enabled": ("metricsEnabled", False),
    "logging/loglevel": ("loggingLevel", None),
    "logging/dataTrace": ("dataTraceEnabled", False),
    "throttling/burstLimit": ("throttlingBurstLimit", ACCOUNT_BURST_LIMIT),
    "throttling/rateLimit": ("throttlingRateLimit", ACCOUNT_RATE_LIMIT),
    "caching/enabled": ("cachingEnabled", False),
    "caching/ttlInSeconds": ("cacheTtlInSeconds", 300),
    "caching/dataEncrypted": ("cacheDataEncrypted", False),
    "caching/requireAuthorizationForCacheControl": ("requireAuthorizationForCacheControl", True),
    "caching/unauthorizedCacheControlHeaderStrategy": (
        "unauthorizedCacheControlHeaderStrategy", "SUCCEED_WITH_RESPONSE_HEADER",
    ),
}  # fmt: skip
_ACCESS_LOG = ("/accessLogSettings/destinationArn", "/accessLogSettings/format")
_CANARY = "/canarySettings"
_OVERRIDES = "stageVariableOverrides"
_SCALARS = ("percentTraffic", "deploymentId", "useStageCache")


@extends(Stage, "__init__")
def _note_time(original: Callable[..., None], stage: Any, *arguments: Any, **options: Any) -> None:
    original(stage, *arguments, **options)
    stage.created_at = stage.updated_at = int(time.time())


Stage.created_at = Stage.updated_at = None
Stage.client_certificate_id = Stage.documentation_version = None
Stage.canary_settings = None
RestAPI.update_integration_mocks = lambda _api, _stage_name: None


@extends(Stage)
def _to_json(original: Callable[[Any], dict[str, Any]], stage: Any) -> dict[str, Any]:
    return {
        **original(stage),
        "clientCertificateId": stage.client_certificate_id,
        "documentationVersion": stage.documentation_version,
        "canarySettings": stage.canary_settings,
        "createdDate": stage.created_at,
        "lastUpdatedDate": stage.updated_at,
    }


@extends(APIGatewayResponse)
def _create_stage(original: Callable[[Any], Any], response: Any) -> Any:
    given = response._get_param
    api = response.backend.get_rest_api(response.path.split("/")[2])
    settings = given("canarySettings")
    canary = _new_canary(api, settings, given("deploymentId")) if settings else None
    original(response)
    stage = api.stages[given("stageName")]
    stage.canary_settings, stage.documentation_version = canary, given("documentationVersion")
    return json.dumps(stage.to_json())


@extends(RestAPI)
def _delete_deployment(original: Callable[[Any, str], Any], api: Any, deployment_id: str) -> Any:
    api.get_deployment(deployment_id)
    for stage in api.stages.values():
        if stage.deployment_id == deployment_id:
            raise BadRequestException("Active stages pointing to this deployment must be moved or deleted")
    for stage in api.stages.values():
        if (stage.canary_settings or {}).get("deploymentId") == deployment_id:
            raise BadRequestException(
                "Active stages with canary settings pointing to this deployment must be moved or deleted"
            )
    return original(api, deployment_id)


@replaces(APIGatewayResponse)
def _create_deployment(self: Any) -> str:
    """Deploy; a stage that exists keeps its settings."""
    api = self.backend.get_rest_api(self.path.split("/")[2])
    name, variables = self._get_param("stageName"), self._get_param("variables")
    stage = api.stages.get(name) if name else None
    settings, description = self._get_param("canarySettings"), self._get_param("stageDescription")
    if settings and not name:
        given = "null" if name is None else name
        raise BadRequestException(
            "Invalid deployment content specified.Non null and non empty stageName must be provided for canary "
            f"deployment. Provided value is {given}"
        )
    if settings and stage is None:
        raise BadRequestException(
            f"Invalid deployment content specified.Stage {name} must already be created before making a canary release "
            "deployment"
        )
    deployment = self.backend.create_deployment(
        api.id, None if stage else name, self._get_param("description") or "", variables or {}
    )
    if stage is None:
        stage = api.stages.get(name) if name else None
    elif not settings:
        stage.deployment_id = deployment.id
        stage.variables = {**(stage.variables or {}), **(variables or {})}
    if stage is not None:
        if settings:
            stage.canary_settings = _new_canary(api, settings, deployment.id)
        if description is not None:
            stage.description = description
    return json.dumps(deployment.to_json())


@replaces(APIGatewayBackend)
def _update_stage(
    backend: Any, function_id: str, stage_name: str, patch_operations: Iterable[dict[str, Any]]
) -> Any:
    api, stage = backend.get_rest_api(function_id), backend.get_stage(function_id, stage_name)
    for operation in patch_operations:
        _check_access_log(operation)
        if not _patch_canary(api, stage, operation) and not _patch_method_settings(stage, operation):
            apply_patch(stage, "Stage", [operation])
    stage.updated_at = int(time.time())
    stage.cache_cluster_status = "AVAILABLE" if stage.cache_cluster_enabled else "NOT_AVAILABLE"
    return stage


def _check_access_log(operation: Mapping[str, Any]) -> None:
    path = operation["path"]
    if operation["op"] == "remove" or not path.startswith("/accessLogSettings"):
        return
    if path not in _ACCESS_LOG:
        raise BadRequestException(
            f"Invalid accessLogSettings path. Must be one of : [{', '.join(_ACCESS_LOG)}]"
        )
    if not operation.get("value"):
        raise BadRequestException("Access Log value must not be empty")


def _patch_method_settings(stage: Any, operation: dict[str, Any]) -> bool:
    """Carry out an operation such as `/*/*/throttling/rateLimit`; False if it is about something else."""
    resource, _, rest = operation["path"].removeprefix("/").partition("/")
    method, _, setting = rest.partition("/")
    key = f"{resource}/{method}"
    if operation["op"] == "remove" and method and not setting and resource != "variables":
        if key not in stage.method_settings:
            raise BadRequestException(
                f"Cannot remove method setting {key} because there is no method setting for this method "
            )
        stage.method_settings = {name: value for name, value in stage.method_settings.items() if name != key}
        return True
    if setting not in _METHOD_SETTINGS:
        return False
    name, default = _METHOD_SETTINGS[setting]
    value = (
        default
        if operation["op"] == "remove"
        else read(shape_of("MethodSetting").members[name], operation["value"])
    )
    of_all = stage.method_settings.get("*/*") or dict(_METHOD_SETTINGS.values())
    present = stage.method_settings.get(key) or of_all
    stage.method_settings = stage.method_settings | {key: {**present, name: value}}
    return True


def _new_canary(api: Any, settings: Mapping[str, Any], deployment_id: str) -> dict[str, Any]:
    """Return the canary of a new stage; without a deployment of its own it has the stage's."""
    canary = {
        "percentTraffic": float(settings.get("percentTraffic") or 0.0),
        "deploymentId": settings.get("deploymentId") or deployment_id,
        "stageVariableOverrides": dict(settings.get(_OVERRIDES) or {}),
        "useStageCache": boolean(settings.get("useStageCache")),
    }
    _check_canary(api, canary)
    return canary


def _patch_canary(api: Any, stage: Any, operation: Mapping[str, Any]) -> bool:
    """Carry out an operation on the canary, or one that promotes it; False if it is about something else."""
    kind, path = operation["op"], operation["path"]
    if kind == "copy":
        _promote(stage, operation.get("from") or "", path)
        return True
    if (kind, path) == ("remove", _CANARY):
        stage.canary_settings = None
        return True
    rest = path.removeprefix(f"{_CANARY}/")
    name, _, member = rest.partition("/")
    if not path.startswith(f"{_CANARY}/") or (kind == "remove" and not (name == _OVERRIDES and member)):
        return False
    if kind == "add" and name == "deploymentId":
        raise BadRequestException(f"Invalid add operation with path: {path}")
    if name != _OVERRIDES and (name not in _SCALARS or member):
        return False
    present = stage.canary_settings or _new_canary(api, {}, stage.deployment_id)
    canary = patched(shape_of("CanarySettings"), present, kind, rest, operation.get("value"))
    canary[_OVERRIDES] = canary[_OVERRIDES] or {}
    _check_canary(api, canary)
    stage.canary_settings = canary
    return True


def _promote(stage: Any, source: str, path: str) -> None:
    canary = stage.canary_settings
    if path not in ("/deploymentId", "/variables") or not source.startswith(f"{_CANARY}/"):
        raise BadRequestException(
            f"Invalid copy operation with path: {path} and from {source}. Valid copy:path are [/deploymentId, /variables] "
            f"and valid copy:from are [{_CANARY}/deploymentId, {_CANARY}/{_OVERRIDES}]"
        )
    if canary is None:
        raise BadRequestException("Promotion not available. Canary does not exist.")
    if (source, path) == (f"{_CANARY}/deploymentId", "/deploymentId"):
        stage.deployment_id = canary["deploymentId"]
    elif (source, path) == (f"{_CANARY}/{_OVERRIDES}", "/variables"):
        stage.variables = {**(stage.variables or {}), **canary[_OVERRIDES]}
    else:
        raise BadRequestException(f"Invalid copy from '{source}' to '{path}'.")


def _check_canary(api: Any, canary: Mapping[str, Any]) -> None:
    if not 0 <= canary["percentTraffic"] <= 100:
        raise BadRequestException("Canary traffic percentage must be between 0.0 and 100.0")
    if canary["deploymentId"] not in api.deployments:
        raise BadRequestException("Deployment id does not exist")
