"""Rendering of steps in Amazon States Language, with JSONata as the query language."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.workflows.branches import CaughtBranch
from constructs_lib.workflows.expressions import Expression, Item
from constructs_lib.workflows.failures import Catch
from constructs_lib.workflows.step import Chain, Step
from constructs_lib.workflows.steps import CatchingState, Choice, Continue, Fallback, GoTo, Guarded, State
from constructs_lib.workflows.tasks import CalledFunction, FunctionTask, Place, TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Workflow as data.

    Attributes:
        asl: Definition in Amazon States Language.
        functions: Functions that it calls, each once.
        permissions: Further permissions of its role, each once.
        item_readers: Names of the states that read the `Item` of their iteration.
    """

    asl: dict[str, Any]
    functions: tuple[CalledFunction, ...] = ()
    permissions: tuple[PolicyStatement, ...] = ()
    item_readers: frozenset[str] = frozenset()


def render(
    where: str, step: Step, *, place: Place | None = None, timeout_seconds: int | None = None
) -> Rendered:
    """Return a workflow of these steps.

    Args:
        where: The path of the workflow, for error messages.
        step: Steps.
        place: Partition and region. Default: `us-east-1`.
        timeout_seconds: Timeout of the workflow in seconds. Default: AWS's.

    Raises:
        ConstructError: if two states have the same name, or a step has no predecessor.
    """
    if not isinstance(step, Step):
        raise InvalidArgumentError(
            where,
            f"definition is of type {type(step).__name__}",
            "pass a state, or several states joined by '>>'",
        )
    rendering = _Rendering(where, Place() if place is None else place)
    machine = rendering.machine(step)
    asl: dict[str, Any] = {"QueryLanguage": "JSONata"}
    if timeout_seconds is not None:
        asl["TimeoutSeconds"] = timeout_seconds
    tasks = rendering.tasks[::-1]  # rendered from the end, so that each step has its next state
    calls = [one.call(rendering.place) for one in tasks]
    functions = {one.function.function_name: one.function for one in tasks if isinstance(one, FunctionTask)}
    permissions: list[PolicyStatement] = []
    for call in calls:
        permissions += [one for one in call.permissions if one not in permissions]
    return Rendered(
        asl={**asl, **machine},
        functions=tuple(functions.values()),
        permissions=tuple(permissions),
        item_readers=frozenset(rendering.item_readers),
    )


@dataclass(slots=True)
class _Scope:
    """States of one machine: the workflow itself, a branch, or an iteration."""

    states: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    state: State
    scope: _Scope
    following: str | None


@dataclass(frozen=True, slots=True)
class _Failures:
    """Catches besides a state's own, and the steps after them."""

    catches: tuple[Catch, ...]
    following: str | None


class _Rendering:
    def __init__(self, where: str, place: Place) -> None:
        self.place = place
        self.tasks: list[TaskState] = []
        self.item_readers: set[str] = set()
        self._where = where
        self._known: dict[str, _Known] = {}

    def machine(self, step: Step) -> dict[str, Any]:
        """Return the machine of these steps; see `Machines`."""
        scope = _Scope()
        start = self._start(step, None)
        self._add(scope, step, None)
        return {"StartAt": start, "States": _in_order(start, scope.states)}

    def _start(self, step: Step, following: str | None) -> str:
        match step:
            case Chain():
                for index, one in enumerate(step.steps):
                    if not isinstance(one, Continue):
                        return self._start(one, None)
                    if index + 1 == len(step.steps):
                        break
            case Fallback() | Guarded():
                return step.first.name
            case CaughtBranch():
                return step.tried.name
            case GoTo() | State():
                return step.name
            case Continue():
                pass
            case _:
                raise InvalidArgumentError(
                    self._where,
                    f"{step!r} is not a step of a workflow",
                    "use a state, or several joined by '>>'",
                )
        if following is None:
            raise ConflictError(
                self._where, "Continue() has no next step", "end with a state, such as Succeed('done')"
            )
        return following

    def _add(self, scope: _Scope, step: Step, following: str | None) -> None:
        match step:
            case Chain():
                for one in reversed(step.steps):
                    self._add(scope, one, following)
                    following = self._start(one, following)
            case Fallback():
                caught = Catch(to=step.instead, errors=step.errors, result=step.error_result)
                self._add_state(scope, step.first, following, _Failures((caught,), following))
            case Guarded():
                self._add(scope, step.then, following)
                then = self._start(step.then, following)
                self._add_state(scope, step.first, then, _Failures(step.catch, following))
            case CaughtBranch():
                self._add_state(scope, step.failed, None)
                self._add_state(scope, step.tried, None)
                if step.tried.name in scope.states:
                    body = scope.states[step.tried.name]
                    body["Catch"] = [step.caught(step.failed.name)]
            case State():
                self._add_state(scope, step, following)
            case _:
                pass

    def _add_state(
        self, scope: _Scope, state: State, following: str | None, failures: _Failures | None = None
    ) -> None:
        if self._is_known(scope, state, following):
            return
        self._known[state.name] = _Known(state, scope, following)
        body = scope.states[state.name] = {}
        body.update(state.fields(self))
        origin = getattr(state, "state", state)
        if isinstance(origin, TaskState):
            self.tasks.append(origin)
        if _reads_item(origin):
            self.item_readers.add(state.name)
        if isinstance(state, Choice):
            self._add_rules(scope, state, body, following)
        elif not state.ends:
            body.update({"End": True} if following is None else {"Next": following})
        if failures is None:
            failures = _Failures((), following)
        catches = (*state.catch, *failures.catches) if isinstance(state, CatchingState) else ()
        if catches:
            body["Catch"] = [one.asl(self._start(one.to, failures.following)) for one in catches]
            for one in catches:
                self._add(scope, one.to, failures.following)

    def _add_rules(self, scope: _Scope, choice: Choice, body: dict[str, Any], following: str | None) -> None:
        body["Choices"] = [
            {"Condition": f"{{% {condition.code} %}}", "Next": self._start(step, following)}
            for condition, step in choice.rules
        ]
        body["Default"] = self._start(choice.default, following)
        for step in (*(step for _, step in choice.rules), choice.default):
            self._add(scope, step, following)

    def _is_known(self, scope: _Scope, state: State, following: str | None) -> bool:
        existing = self._known.get(state.name)
        if existing is None:
            return False
        where = f"{self._where}/{state.name}"
        if existing.state is not state:
            raise ConflictError(where, "two states have this name", "give one of them another name")
        if existing.scope is not scope:
            raise ConflictError(
                where,
                "is in two branches or iterations, which cannot share a state",
                "create a second state with another name",
            )
        if existing.following != following and not state.ends:
            raise ConflictError(
                where,
                f"goes on {_at(existing.following)} in one place and {_at(following)} in another",
                "create a second state with another name, or use GoTo",
            )
        return True


def _at(following: str | None) -> str:
    return "nowhere" if following is None else f"at '{following}'"


def _reads_item(state: State) -> bool:
    return is_dataclass(state) and any(_has_item(getattr(state, one.name)) for one in fields(state))


def _has_item(value: Any) -> bool:
    if isinstance(value, Item):
        return True
    if isinstance(value, Expression):
        return "$states.input" in value.code
    if isinstance(value, dict):
        return any(_has_item(one) for one in value.values())
    if isinstance(value, list | tuple) and not isinstance(value, str):
        return any(_has_item(one) for one in value)
    return False


def _in_order(start: str, states: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the states in the order of a run, and then those that are never reached."""
    order: dict[str, None] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in order or name not in states:
            continue
        order[name] = None
        waiting += reversed(targets(states[name]))
    return {name: states[name] for name in (*order, *(one for one in states if one not in order))}


def targets(state: dict[str, Any]) -> list[str]:
    """Return the names of a state's possible next states, in the definition's order."""
    found = [state.get("Next"), *(one.get("Next") for one in state.get("Choices", ()))]
    found += [state.get("Default"), *(one.get("Next") for one in state.get("Catch", ()))]
    return [one for one in found if isinstance(one, str)]
