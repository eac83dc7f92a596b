"""Structure check of definitions in Amazon States Language, rendered or hand-written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from constructs_lib.errors import ConflictError, ConstructError, InvalidArgumentError, LimitExceededError
from constructs_lib.workflows.steps import MAX_NAME_LENGTH
from constructs_lib.workflows.tasks import LONGEST_TIMEOUT_SECONDS

WorkflowKind = Literal["EXPRESS", "STANDARD"]
"""Kinds of workflows: `EXPRESS` runs up to five minutes, `STANDARD` up to a year with a history of each step."""

MAX_DEFINITION_BYTES: Final = 1_048_576
"""Step Functions' quota for a definition: 1 MB."""

EXPRESS_SECONDS: Final = 300
"""Longest duration of an Express workflow, in seconds."""

_TYPES: Final = ("Choice", "Fail", "Map", "Parallel", "Pass", "Succeed", "Task", "Wait")
_FAILING: Final = ("Map", "Parallel", "Task")
_ENDING: Final = ("Fail", "Succeed")
_ALL: Final = "States.ALL"
_FAILED: Final = "States.TaskFailed"
_TIMEOUTS: Final = ("States.Timeout", "States.HeartbeatTimeout")


def check_structure(where: str, asl: Mapping[str, Any], kind: WorkflowKind) -> None:
    """Check a definition as far as possible without running it.

    Args:
        where: The path of the workflow.
        asl: Definition.
        kind: Kind of the workflow.

    Raises:
        ConstructError: if Step Functions would reject it, or a part of it can never run or end.
    """
    _Checker(where, kind).check(asl)


def machines_in(state: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the machines inside a state: its branches or its iteration."""
    inner = state.get("ItemProcessor", state.get("Iterator"))
    return (*state.get("Branches", ()), *((inner,) if isinstance(inner, Mapping) else ()))


def all_states(machine: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the states of a machine and of all machines inside it, by name."""
    for name, state in machine["States"].items():
        yield name, state
        for inner in machines_in(state):
            yield from all_states(inner)


def edges(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the names of a state's possible next states, each with the field that names it."""
    for index, rule in enumerate(state.get("Choices", ())):
        yield rule.get("Next"), f"rule {index + 1}"
    if "Default" in state:
        yield state["Default"], "Default"
    if "Next" in state:
        yield state["Next"], "Next"
    for caught in state.get("Catch", ()):
        yield caught.get("Next"), "Catch"


class _Checker:
    def __init__(self, where: str, kind: WorkflowKind) -> None:
        self._where = where
        self._kind = kind
        self._names: set[str] = set()
        self._seconds: int | None = None

    def check(self, asl: Mapping[str, Any]) -> None:
        size = len(json.dumps(asl).encode())
        if size > MAX_DEFINITION_BYTES:
            raise LimitExceededError(
                self._where,
                f"the definition has {size:,} bytes and Step Functions accepts {MAX_DEFINITION_BYTES:,}",
                "split the workflow and start one part from the other",
            )
        if "TimeoutSeconds" in asl:
            self._seconds = self._check_seconds(self._where, "TimeoutSeconds", asl["TimeoutSeconds"])
        if self._kind == "EXPRESS" and self._seconds is not None and self._seconds > EXPRESS_SECONDS:
            raise LimitExceededError(
                self._where,
                f"may take {self._seconds} s, and an Express workflow ends after {EXPRESS_SECONDS}",
                "lower its timeout, or use kind='STANDARD'",
            )
        self._check_machine(self._where, asl)

    def _check_machine(self, where: str, machine: object) -> None:
        if not isinstance(machine, Mapping) or not isinstance(machine.get("States"), Mapping):
            raise InvalidArgumentError(where, "has no States", "add an object with the states by name")
        states = machine["States"]
        if not states:
            raise InvalidArgumentError(where, "has no states", "add one")
        if machine.get("StartAt") not in states:
            raise InvalidArgumentError(
                where,
                f"starts at {machine.get('StartAt')!r}, which is not one of its states",
                "correct StartAt",
            )
        for name, state in states.items():
            self._check_state(f"{self._where}/{name}", name, state, states)
        self._check_reached(where, machine["StartAt"], states)
        self._check_ends(states)
        for name, state in states.items():
            for inner in machines_in(state):
                self._check_machine(f"{self._where}/{name}", inner)

    def _check_state(self, where: str, name: str, state: object, states: Mapping[str, Any]) -> None:
        self._check_name(where, name)
        if not isinstance(state, Mapping) or state.get("Type") not in _TYPES:
            found = state.get("Type") if isinstance(state, Mapping) else None
            raise InvalidArgumentError(where, f"Type {found!r} is not known", f"use {', '.join(_TYPES)}")
        kind = state["Type"]
        self._check_transition(where, kind, state)
        for target, by in edges(state):
            if target not in states:
                raise InvalidArgumentError(
                    where,
                    f"{by} is {target!r}, which does not exist",
                    "name a state of the same workflow, branch or iteration",
                )
        if kind not in _FAILING and ("Retry" in state or "Catch" in state):
            raise InvalidArgumentError(where, f"a {kind} has no Retry and no Catch", "take them out")
        for field in ("Retry", "Catch"):
            _check_failures(where, field, state.get(field, ()))
        self._check_kind(where, kind, state)

    def _check_name(self, where: str, name: str) -> None:
        if len(name) > MAX_NAME_LENGTH:
            raise LimitExceededError(
                where,
                f"the name has {len(name)} characters and the quota is {MAX_NAME_LENGTH}",
                "shorten it",
            )
        if name in self._names:
            raise ConflictError(where, "two states have this name", "give one of them another name")
        self._names.add(name)

    def _check_kind(self, where: str, kind: str, state: Mapping[str, Any]) -> None:
        match kind:
            case "Task":
                self._check_task(where, state)
            case "Wait":
                self._check_wait(where, state)
            case "Parallel" if not state.get("Branches"):
                raise InvalidArgumentError(where, "has no Branches", "add one")
            case "Map":
                self._check_map(where, state)

    def _check_transition(self, where: str, kind: str, state: Mapping[str, Any]) -> None:
        goes_on = [field for field in ("Next", "End") if field in state]
        if kind == "Choice" and not state.get("Choices"):
            raise InvalidArgumentError(where, "has no Choices", "add a rule")
        if kind in (*_ENDING, "Choice"):
            if goes_on:
                raise InvalidArgumentError(where, f"a {kind} has no {goes_on[0]}", "take it out")
        elif len(goes_on) != 1 or state.get("End") is False:
            raise InvalidArgumentError(
                where,
                "has neither Next nor End" if not goes_on else "has both Next and End, or End: false",
                "set Next, or End: true",
            )

    def _check_reached(self, where: str, start: str, states: Mapping[str, Any]) -> None:
        reached = {start}
        waiting = [start]
        while waiting:
            for target, _ in edges(states[waiting.pop()]):
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        lost = [name for name in states if name not in reached]
        if lost:
            raise ConflictError(
                f"{self._where}/{lost[0]}",
                "no state leads to it",
                f"add a transition to it in {where}, or remove it",
            )

    def _check_ends(self, states: Mapping[str, Any]) -> None:
        # If no rule of a Choice without a Default is true, the workflow fails (States.NoChoiceMatched).
        ends = {
            name
            for name, state in states.items()
            if state["Type"] in _ENDING
            or state.get("End")
            or (state["Type"] == "Choice" and "Default" not in state)
        }
        found = True
        while found:
            more = {
                name
                for name, state in states.items()
                if name not in ends and any(target in ends for target, _ in edges(state))
            }
            ends |= more
            found = bool(more)
        endless = [name for name in states if name not in ends]
        if endless:
            raise ConflictError(
                f"{self._where}/{endless[0]}",
                "this loop has no exit",
                "add a transition to a state that ends",
            )

    def _check_task(self, where: str, state: Mapping[str, Any]) -> None:
        resource = state.get("Resource")
        if not isinstance(resource, str) or not resource:
            raise InvalidArgumentError(where, "has no Resource", "set Resource to the ARN of the call")
        timeout = heartbeat = None
        if "TimeoutSeconds" in state:
            timeout = self._check_seconds(where, "TimeoutSeconds", state["TimeoutSeconds"])
        if "HeartbeatSeconds" in state:
            heartbeat = self._check_seconds(where, "HeartbeatSeconds", state["HeartbeatSeconds"])
        if heartbeat is not None and timeout is not None and heartbeat >= timeout:
            raise ConflictError(
                where,
                f"HeartbeatSeconds {heartbeat} is not below TimeoutSeconds {timeout}",
                "lower the first, or raise the second",
            )
        whole = self._seconds or (EXPRESS_SECONDS if self._kind == "EXPRESS" else None)
        if timeout is not None and whole is not None and timeout > whole:
            raise ConflictError(
                where,
                f"may take {timeout} s, and the whole workflow ends after {whole}",
                "lower the timeout of the state, or raise that of the workflow",
            )
        if self._kind == "EXPRESS" and (
            re.search(r"\.(sync(:2)?|waitForTaskToken)$", resource) or ":activity:" in resource
        ):
            raise ConflictError(
                where,
                f"an Express workflow cannot wait for {resource}",
                "call it without waiting, or use kind='STANDARD'",
            )

    def _check_wait(self, where: str, state: Mapping[str, Any]) -> None:
        given = [f for f in ("Seconds", "Timestamp", "SecondsPath", "TimestampPath") if f in state]
        if len(given) != 1:
            raise InvalidArgumentError(
                where, f"has {' and '.join(given) or 'no duration'}", "pass Seconds or Timestamp"
            )
        seconds = state.get("Seconds")
        if self._kind == "EXPRESS" and isinstance(seconds, int) and seconds >= EXPRESS_SECONDS:
            raise LimitExceededError(
                where,
                f"waits {seconds} s, and an Express workflow ends after {EXPRESS_SECONDS}",
                "wait less, or use kind='STANDARD'",
            )

    def _check_map(self, where: str, state: Mapping[str, Any]) -> None:
        if not machines_in(state):
            raise InvalidArgumentError(where, "has no ItemProcessor", "add the states of an iteration")
        mode = machines_in(state)[0].get("ProcessorConfig", {}).get("Mode", "INLINE")
        if mode == "DISTRIBUTED" and self._kind == "EXPRESS":
            raise ConflictError(
                where, "an Express workflow has no distributed Map", "use Mode INLINE, or kind='STANDARD'"
            )
        at_once = state.get("MaxConcurrency", 0)
        if isinstance(at_once, bool) or (isinstance(at_once, int | float) and at_once < 0):
            raise LimitExceededError(where, f"MaxConcurrency is {at_once}", "use 0 or more")

    def _check_seconds(self, where: str, field: str, value: object) -> int | None:
        if isinstance(value, str) and value.strip().startswith("{%"):
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidArgumentError(where, f"{field} {value!r} is not a whole number", "use 1 or more")
        if not 1 <= value <= LONGEST_TIMEOUT_SECONDS:
            raise LimitExceededError(where, f"{field} is {value}", f"use 1 to {LONGEST_TIMEOUT_SECONDS}")
        return value


def _check_failures(where: str, field: str, entries: object) -> None:
    if not isinstance(entries, list | tuple):
        raise InvalidArgumentError(where, f"{field} is not a list", "pass a list")
    taken: set[str] = set()
    for entry in entries:
        names = entry.get("ErrorEquals") if isinstance(entry, Mapping) else None
        if not isinstance(names, list | tuple) or not names:
            raise InvalidArgumentError(where, f"a {field} has no ErrorEquals", "name the errors")
        if _ALL in taken:
            raise _unused(where, field, list(names), _ALL)
        if _ALL in names and len(names) > 1:
            raise ConflictError(
                where, f"a {field} names {_ALL} and others, which it covers", f"name {_ALL} alone"
            )
        covered = [n for n in names if n in taken or (_FAILED in taken and n not in (_ALL, *_TIMEOUTS))]
        if len(covered) == len(names):
            raise _unused(where, field, covered, covered[0] if covered[0] in taken else _FAILED)
        taken.update(names)


def _unused(where: str, field: str, names: list[str], by: str) -> ConstructError:
    return ConflictError(
        where,
        f"a {field} for {', '.join(names)} comes after one for {by}, and is never used",
        "put it first, or remove it",
    )
