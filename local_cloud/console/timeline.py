"""Timeline of a state machine's execution: the visits to its states, with the times, the outcome, the input and the output.

Each event of a history names the event before it. So states of concurrent branches and iterations can be
distinguished.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Outcome = Literal["succeeded", "caught", "failed", "aborted", "timed out", "running"]

_FAILURES = ("Failed", "TimedOut", "Aborted")
_ATTEMPTS = ("Scheduled", "ParallelStateStarted", "MapStateStarted")
_ENDS: dict[str, Outcome] = {
    "ExecutionAborted": "aborted",
    "ExecutionFailed": "failed",
    "ExecutionSucceeded": "succeeded",
    "ExecutionTimedOut": "timed out",
}


@dataclass(slots=True)
class Row:
    """One visit to one state.

    Attributes:
        kind: Its type, such as `Task`.
        depth: How many Parallel and Map states it is inside of.
        iteration: The index of the iteration of the Map that it is inside of; None outside of one.
        start_ms: When it was entered, in milliseconds after the start of the execution.
        duration_ms: How long it took; until the last that is known of it if it was not left.
        outcome: What came of it. `caught` means that it failed and a Catch led on.
        attempts: How often it was tried; 0 for states that have nothing to try.
        output: The output, as JSON; None until it was left.
    """

    state: str
    kind: str
    depth: int
    iteration: int | None
    start_ms: float
    duration_ms: float
    outcome: Outcome
    attempts: int
    error: str | None
    cause: str | None = field(default=None, compare=False)
    input: str | None = field(default=None, compare=False)
    output: str | None = field(default=None, compare=False)


@dataclass(slots=True)
class _Scope:
    """A state that was entered, or an iteration of a Map, whose row has no name; `outer` is what it is inside of."""

    outer: _Scope | None
    entered: datetime
    row: Row
    left: bool = False
    failing: bool = False

    def note(self, when: datetime) -> None:
        """Note that something was last known of it at a time."""
        self.row.duration_ms = _milliseconds(self.entered, when)

    def fail(self, details: Mapping[str, Any]) -> None:
        """Note that it failed."""
        self.failing = True
        self.row.error = details.get("error") or self.row.error
        self.row.cause = details.get("cause") or self.row.cause


def timeline(events: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Read a history.

    Args:
        events: All events of GetExecutionHistory, in any order.

    Returns:
        The states in the order in which they were entered.
    """
    ordered = sorted(events, key=lambda event: int(event["id"]))
    scopes: dict[int, _Scope | None] = {0: None}
    states: list[_Scope] = []
    end: Outcome = "running"
    for event in ordered:
        kind, when = str(event["type"]), event["timestamp"]
        scope = scopes.get(int(event["previousEventId"]))
        details = details_of(event)
        if kind.endswith("StateEntered") or kind == "MapIterationStarted":
            start_ms = _milliseconds(ordered[0]["timestamp"], when)
            scope = _Scope(scope, when, _row(scope, kind.removesuffix("StateEntered"), start_ms, details))
            if scope.row.state:
                states.append(scope)
        elif kind.endswith("StateExited"):
            state = _named(scope, details["name"])
            if state is not None:
                state.note(when)
                state.left, state.row.output = True, details.get("output")
                scope = state.outer
        elif kind in _ENDS:
            end = _ENDS[kind]
            _blame(states, details)
        else:
            _note(scope, kind, when, details)
        scopes[int(event["id"])] = scope
    for state in states:
        state.row.outcome = _outcome(state, end)
    return [state.row for state in states]


def _row(outer: _Scope | None, kind: str, start_ms: float, details: Mapping[str, Any]) -> Row:
    depth, iteration = 0, details.get("index")
    if outer is not None:
        depth = outer.row.depth + bool(outer.row.state)
        iteration = outer.row.iteration if iteration is None else iteration
    name = "" if kind == "MapIterationStarted" else details["name"]
    return Row(name, kind, depth, iteration, start_ms, 0.0, "running", 0, None, input=details.get("input"))


def details_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the details of an event, of any type."""
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def _named(scope: _Scope | None, name: str) -> _Scope | None:
    """The state of that name that this is, or is inside of."""
    while scope is not None and (scope.row.state != name or scope.left):
        scope = scope.outer
    return scope


def _note(scope: _Scope | None, kind: str, when: datetime, details: Mapping[str, Any]) -> None:
    """Remember what an event says of the state that it belongs to."""
    container = next((word for word in ("Parallel", "Map") if kind.startswith(f"{word}State")), None)
    if scope is not None and scope.row.kind == "Fail" and kind.endswith(_FAILURES):
        scope.fail(details)  # it has no event of its own
    while scope is not None and (not scope.row.state or container not in (None, scope.row.kind)):
        scope = scope.outer
    if scope is None:
        return
    scope.note(when)
    if kind.endswith(_ATTEMPTS):
        scope.row.attempts += 1
        scope.failing = False
    elif kind.endswith(_FAILURES):
        scope.fail(details)


def _blame(states: Sequence[_Scope], details: Mapping[str, Any]) -> None:
    """Give the error of the execution to the state that it ended in, if that has none yet."""
    error = details.get("error")
    if error is not None and states and not states[-1].left and states[-1].row.error is None:
        states[-1].fail(details)


def _outcome(state: _Scope, end: Outcome) -> Outcome:
    if state.row.kind == "Succeed" and end == "succeeded":
        return "succeeded"
    if state.left:
        return "caught" if state.failing else "succeeded"
    if state.failing and end != "running":
        return "failed"
    return "aborted" if end in ("succeeded", "failed") else end


def _milliseconds(since: datetime, when: datetime) -> float:
    return (when - since).total_seconds() * 1000
