"""Deployed REST APIs: stages with their routes, as the stage's deployment has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from local_cloud.documents import read_documents
from local_cloud.gateway.definition import Method
from local_cloud.gateway.deployed import find_stage
from local_cloud.gateway.errors import GatewayError
from local_cloud.gateway.exchange import DeployedStage
from local_cloud.gateway.lambda_proxy import named_function
from local_cloud.gateway.throttle import method_settings
from local_cloud.moto_backends import every

_STATE_MACHINE = re.compile(r"stateMachine:([\w-]+)")
_ACTION = re.compile(r":action/(\w+)$")


def list_apis(directory: Path) -> list[dict[str, Any]]:
    """Return the stages of all REST APIs."""
    documents = read_documents(directory)
    return [_stage(stage, documents.get(stage.api.name)) for stage in _stages()]


def _stages() -> Iterator[DeployedStage]:
    from moto.apigateway.models import apigateway_backends

    apis = [api for backend in every(apigateway_backends) for api in list(backend.apis.values())]
    for api_id, name in [(api.id, name) for api in apis for name in list(api.stages)]:
        with suppress(GatewayError):  # deleted meanwhile, or without a deployment
            yield find_stage(api_id, name, draw=lambda: 1.0)


def _stage(stage: DeployedStage, document: Mapping[str, Any] | None) -> dict[str, Any]:
    api = stage.api
    routes = [_route(stage, method) for method in api.router if method.http_method != "OPTIONS"]
    return {
        "id": api.api_id,
        "name": api.name,
        "stage": stage.name,
        "region": api.region,
        "path": f"/_aws/execute-api/{api.api_id}/{stage.name}",
        "firewall": bool(stage.settings.web_acl_arn),
        "routes": sorted(routes, key=lambda route: (route["path"], route["method"])),
        "document": document,
    }


def _route(stage: DeployedStage, method: Method) -> dict[str, Any]:
    integration = method.integration
    authorizer = stage.api.authorizers.get(method.authorizer_id or "") or {}
    throttle = method_settings(stage.settings.method_settings, method.resource_path, method.http_method)
    return {
        "method": method.http_method,
        "path": method.resource_path,
        "authorization": {"kind": method.authorization, "name": str(authorizer.get("name") or "")},
        "api_key": method.api_key_required,
        "validates_body": method.validates_body and bool(method.request_models),
        "target": None if integration is None else _target(integration),
        "streams": integration is not None and integration.streams,
        "timeout_seconds": None if integration is None else integration.timeout_seconds,
        "rate": _limit(throttle, "throttlingRateLimit"),
        "burst": _limit(throttle, "throttlingBurstLimit"),
    }


def _limit(throttle: Mapping[str, Any] | None, name: str) -> float | None:
    value = float((throttle or {}).get(name, -1))
    return value if value >= 0 else None


def _target(integration: Any) -> dict[str, str]:
    """Return what a route leads to: its kind, and its name."""
    function = named_function(integration.uri)
    if function is not None:
        return {"kind": "function", "name": function.split(":")[6]}
    if ":states:action/" in integration.uri:
        machine = next(filter(None, map(_STATE_MACHINE.search, integration.request_templates.values())), None)
        if machine is not None:
            return {"kind": "workflow", "name": machine[1]}
    action = _ACTION.search(integration.uri)
    return {"kind": integration.kind, "name": action[1] if action else integration.uri}
