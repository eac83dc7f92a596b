"""Longest duration of a definition by its own timeouts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from constructs_lib.workflows.structure import EXPRESS_SECONDS, WorkflowKind, machines_in

_DEFAULT_ATTEMPTS: Final = 3


def longest_seconds(asl: Mapping[str, Any], kind: WorkflowKind) -> float:
    """Return the longest time that a workflow may run, in seconds. Infinite if no timeout ends it.

    It assumes that every task takes its whole timeout, with all retries and the longest pauses. Only the
    workflow's own timeout bounds loops and a `Map` over a list that is not known at synth.

    Args:
        asl: Definition with a valid structure.
        kind: Kind of the workflow.
    """
    whole = _number(asl.get("TimeoutSeconds"))
    limit = EXPRESS_SECONDS if kind == "EXPRESS" else math.inf
    return min(whole, limit, _machine(asl))


def _machine(machine: Mapping[str, Any]) -> float:
    states = machine["States"]
    seconds: dict[str, float] = {}
    on_the_way: set[str] = set()

    def longest(name: str) -> float:
        if name in on_the_way:
            return math.inf
        if name not in seconds:
            on_the_way.add(name)
            state = states[name]
            following = [
                longest(target)
                for entry in (state, *state.get("Choices", ()), *state.get("Catch", ()))
                for target in (entry.get("Next"), entry.get("Default"))
                if target is not None
            ]
            on_the_way.discard(name)
            seconds[name] = _state(state) + max(following, default=0)
        return seconds[name]

    return longest(machine["StartAt"])


def _state(state: Mapping[str, Any]) -> float:
    match state["Type"]:
        case "Task":
            once = _number(state.get("TimeoutSeconds"))
        case "Wait":
            once = _number(state.get("Seconds"))
        case "Parallel":
            once = max(_machine(branch) for branch in machines_in(state))
        case "Map":
            once = _map(state)
        case _:
            return 0
    attempts, pauses = 1, 0.0
    for retry in state.get("Retry", ()):
        again = retry.get("MaxAttempts", _DEFAULT_ATTEMPTS)
        attempts += again
        pause, longest = retry.get("IntervalSeconds", 1), retry.get("MaxDelaySeconds", math.inf)
        for _ in range(min(again, 1_000)):
            pauses += min(pause, longest)
            pause *= retry.get("BackoffRate", 2.0)
    return once * attempts + pauses


def _map(state: Mapping[str, Any]) -> float:
    (iteration,) = (_machine(inner) for inner in machines_in(state))
    items = state.get("Items")
    if not isinstance(items, list):
        return math.inf if iteration > 0 else 0
    at_once = state.get("MaxConcurrency") or 40
    return iteration * math.ceil(len(items) / at_once) if isinstance(at_once, int) else math.inf


def _number(value: object) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else math.inf
