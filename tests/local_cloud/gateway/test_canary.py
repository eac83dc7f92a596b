"""A share of a stage's requests goes to its canary."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from local_cloud.gateway.deployed import choose_release
from tests.support.cloud_in_thread import DeployedApi

CANARY = {
    "percentTraffic": 25.0,
    "deploymentId": "new",
    "stageVariableOverrides": {"color": "green"},
    "useStageCache": False,
}
IN_STAGE = ("old", None)
IN_CANARY = ("new", {"color": "green"})


def stage(percent: float | None) -> Any:
    canary = None if percent is None else CANARY | {"percentTraffic": percent}
    return SimpleNamespace(deployment_id="old", canary_settings=canary)


@pytest.mark.parametrize(
    ("percent", "drawn", "expected"),
    [
        (None, 0.0, IN_STAGE),
        (0.0, 0.0, IN_STAGE),
        (25.0, 0.0, IN_CANARY),
        (25.0, 0.2499, IN_CANARY),
        (25.0, 0.25, IN_STAGE),
        (100.0, 0.999999, IN_CANARY),
    ],
)
def test_the_choice(percent: float | None, drawn: float, expected: tuple[str, Any]) -> None:
    assert choose_release(stage(percent), lambda: drawn) == expected


def test_a_canary_serves_its_deployment_with_its_variables(make_api: Callable[..., DeployedApi]) -> None:
    api = make_api(lambda event: {"statusCode": 200, "body": json.dumps(event["stageVariables"])})
    api.method("/a")
    api.deploy()
    api.method("/b")
    new = api.aws.create_deployment(restApiId=api.api_id)["id"]

    def get(path: str) -> tuple[int, bytes]:
        response: Any = api.call("GET", path)
        return response.status, response.content

    def settle(**values: str) -> None:
        operations = [
            {"op": "replace", "path": f"/{path.replace('__', '/')}", "value": value}
            for path, value in values.items()
        ]
        api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)

    settle(
        variables__color="blue",
        variables__size="m",
        canarySettings__deploymentId=new,
        canarySettings__stageVariableOverrides__color="green",
        canarySettings__percentTraffic="0",
    )
    assert get("/a") == (200, b'{"color": "blue", "size": "m"}')
    assert get("/b")[0] == 403
    settle(canarySettings__percentTraffic="100")
    assert get("/b") == (200, b'{"color": "green", "size": "m"}')
