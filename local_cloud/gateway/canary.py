"""Choice of the deployment for a request: the stage's, or its canary's for a share of the requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Draw = Callable[[], float]
"""Returns a number from 0 up to but not including 1, such as `random.random`."""


@dataclass(frozen=True, slots=True)
class Release:
    """Deployment and stage variables for a request.

    Attributes:
        overrides: Stage variables that have another value there.
    """

    deployment_id: str
    is_canary: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)


def choose_release(stage: Any, draw: Draw) -> Release:
    """Choose for one request.

    Args:
        stage: moto's stage.
        draw: Decides for the canary when it returns less than the canary's share; with a share of 0 or 100 percent the
            answer is certain.
    """
    canary = getattr(stage, "canary_settings", None)
    if not canary or draw() * 100 >= canary["percentTraffic"]:
        return Release(stage.deployment_id)
    return Release(canary["deploymentId"], is_canary=True, overrides=canary["stageVariableOverrides"])
