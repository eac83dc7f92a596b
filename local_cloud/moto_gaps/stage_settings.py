"""Stages: settings that moto sets otherwise than AWS, or cannot take away.

moto 5.2.5 gives a stage with any method setting a throttle of 1,000 requests a second (AWS: the account's limit of
10,000, burst 5,000), keeps method settings that were deleted, and ignores the client certificate and what it does not
know. It also drops canary settings, so that all calls would go to the stage's own deployment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from local_cloud.moto_gaps.canary_settings import new_canary, patch_canary
from local_cloud.moto_gaps.json_patch import Patchable, Scalar, apply_patch, boolean

ACCOUNT_RATE_LIMIT = 10_000.0
ACCOUNT_BURST_LIMIT = 5_000

_DEFAULT_METHOD_SETTINGS = {
    "metricsEnabled": False,
    "loggingLevel": "OFF",
    "dataTraceEnabled": False,
    "throttlingBurstLimit": ACCOUNT_BURST_LIMIT,
    "throttlingRateLimit": ACCOUNT_RATE_LIMIT,
    "cachingEnabled": False,
    "cacheTtlInSeconds": 300,
    "cacheDataEncrypted": False,
    "requireAuthorizationForCacheControl": True,
    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
}
_METHOD_SETTINGS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "metrics/enabled": ("metricsEnabled", boolean),
    "logging/loglevel": ("loggingLevel", str),
    "logging/dataTrace": ("dataTraceEnabled", boolean),
    "throttling/burstLimit": ("throttlingBurstLimit", int),
    "throttling/rateLimit": ("throttlingRateLimit", float),
    "caching/enabled": ("cachingEnabled", boolean),
    "caching/ttlInSeconds": ("cacheTtlInSeconds", int),
    "caching/dataEncrypted": ("cacheDataEncrypted", boolean),
    "caching/requireAuthorizationForCacheControl": ("requireAuthorizationForCacheControl", boolean),
    "caching/unauthorizedCacheControlHeaderStrategy": ("unauthorizedCacheControlHeaderStrategy", str),
}
_PATCHABLE = Patchable(
    scalars={
        "deploymentId": Scalar("deployment_id"),
        "description": Scalar("description", default=""),
        "tracingEnabled": Scalar("tracing_enabled", boolean, default=False),
        "cacheClusterEnabled": Scalar("cache_cluster_enabled", boolean, default=False),
        "cacheClusterSize": Scalar("cache_cluster_size"),
        "clientCertificateId": Scalar("client_certificate_id"),
    },
    maps={
        "variables": Scalar("variables"),
        "accessLogSettings": Scalar("access_log_settings"),
    },
)


def apply() -> None:
    """Replace the update of stages, and add what their description lacks."""
    from moto.apigateway.models import APIGatewayBackend, Stage
    from moto.apigateway.responses import APIGatewayResponse

    original_json = Stage.to_json
    original_create = APIGatewayResponse.create_stage

    def to_json(stage: Any) -> dict[str, Any]:
        description: dict[str, Any] = original_json(stage)
        if certificate := getattr(stage, "client_certificate_id", None):
            description["clientCertificateId"] = certificate
        if canary := getattr(stage, "canary_settings", None):
            description["canarySettings"] = canary
        return description

    def create_stage(self: Any) -> Any:
        settings = self._get_param("canarySettings")
        if not settings:
            return original_create(self)
        api = self.backend.get_rest_api(self.path.split("/")[2])
        canary = new_canary(api, settings, self._get_param("deploymentId"))
        status, headers, _ = original_create(self)
        stage = api.stages[self._get_param("stageName")]
        stage.canary_settings = canary
        return status, headers, json.dumps(stage.to_json())

    Stage.to_json = to_json
    APIGatewayBackend.update_stage = _update_stage
    APIGatewayResponse.create_stage = create_stage


def _update_stage(
    backend: Any, function_id: str, stage_name: str, patch_operations: Iterable[dict[str, Any]]
) -> Any:
    api, stage = backend.get_rest_api(function_id), backend.get_stage(function_id, stage_name)
    for operation in patch_operations:
        if patch_canary(api, stage, operation):
            continue
        if operation["path"] == "/accessLogSettings":
            stage.access_log_settings = None
        elif not _patch_method_settings(stage, operation):
            apply_patch(stage, _PATCHABLE, [operation])
    if stage.access_log_settings is not None and not stage.access_log_settings.get("destinationArn"):
        stage.access_log_settings = None
    stage.cache_cluster_status = "AVAILABLE" if stage.cache_cluster_enabled else "NOT_AVAILABLE"
    return stage


def _patch_method_settings(stage: Any, operation: dict[str, Any]) -> bool:
    """Carry out an operation such as `/*/*/throttling/rateLimit`; False if it is about something else."""
    from moto.apigateway.exceptions import BadRequestException

    resource, _, rest = operation["path"].removeprefix("/").partition("/")
    method, _, setting = rest.partition("/")
    key = f"{resource}/{method}"
    if operation["op"] == "remove" and method and not setting and resource not in _PATCHABLE.maps:
        if key not in stage.method_settings:
            raise BadRequestException(
                f"Cannot remove method setting {key} because there is no method setting for this method "
            )
        stage.method_settings = {name: value for name, value in stage.method_settings.items() if name != key}
        return True
    if setting not in _METHOD_SETTINGS:
        return False
    name, read = _METHOD_SETTINGS[setting]
    settings = dict(stage.method_settings.get(key) or _DEFAULT_METHOD_SETTINGS)
    settings[name] = (
        _DEFAULT_METHOD_SETTINGS[name] if operation["op"] == "remove" else read(operation["value"])
    )
    stage.method_settings = stage.method_settings | {key: settings}
    return True
