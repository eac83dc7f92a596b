"""Data flow check of a definition in JSONata: states read only variables that are set and not overwritten."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.workflows.steps import KEPT
from constructs_lib.workflows.structure import machines_in

_TEXT: Final = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/', re.DOTALL)
_READ: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)(?!\w)(?!\s*(?:\(|:=))")
_BOUND: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)\s*:=|(?:function|λ)\s*\(([^)]*)\)")
_FUNCTIONS: Final = frozenset(
    [
        "abs",
        "append",
        "assert",
        "average",
        "base64decode",
        "base64encode",
        "boolean",
        "ceil",
        "contains",
        "count",
        "decodeUrl",
        "decodeUrlComponent",
        "distinct",
        "each",
        "encodeUrl",
        "encodeUrlComponent",
        "error",
        "eval",
        "exists",
        "filter",
        "floor",
        "formatBase",
        "formatInteger",
        "formatNumber",
        "fromMillis",
        "hash",
        "join",
        "keys",
        "length",
        "lookup",
        "lowercase",
        "map",
        "match",
        "max",
        "merge",
        "millis",
        "min",
        "not",
        "now",
        "number",
        "pad",
        "parse",
        "parseInteger",
        "partition",
        "power",
        "random",
        "range",
        "reduce",
        "replace",
        "reverse",
        "round",
        "shuffle",
        "sift",
        "single",
        "sort",
        "split",
        "spread",
        "sqrt",
        "string",
        "substring",
        "substringAfter",
        "substringBefore",
        "sum",
        "toMillis",
        "trim",
        "type",
        "uppercase",
        "uuid",
        "zip",
        "states",
    ]
)
_OWN: Final = ("Branches", "ItemProcessor", "Iterator")


def check_data_flow(where: str, asl: Mapping[str, Any], item_readers: frozenset[str] = frozenset()) -> None:
    """Check a definition whose query language is JSONata.

    Args:
        where: The path of the workflow.
        asl: Definition with a valid structure.
        item_readers: Names of the states that read the item of their iteration.

    Raises:
        ConstructError: if a state reads a variable that is not set on a path to it, or overwrites one that a
            later state reads.
    """
    _DataFlow(where, item_readers).check(asl, {})


class _DataFlow:
    def __init__(self, where: str, item_readers: frozenset[str]) -> None:
        self._where = where
        self._item_readers = item_readers

    def check(self, machine: Mapping[str, Any], outside: Mapping[str, str]) -> None:
        """Check a machine. `outside` has the states that set variables in the machines around it, by variable."""
        states, start = machine["States"], machine["StartAt"]
        always = _forward(states, start, frozenset(outside), union=False)
        maybe = _forward(
            states, start, frozenset((name, owner) for name, owner in outside.items()), union=True
        )
        for name, state in states.items():
            self._check_kept(name, state)
            self._check_read(name, state, states, always[name], maybe[name])
            self._check_replaced(name, state, states, maybe[name])
        for name in self._item_readers & set(states):
            self._check_item(name, states, start)
        setters = {variable: name for name, state in states.items() for variable, _ in _assigned(state)}
        for name, state in states.items():
            for inner in machines_in(state):
                self._check_inner_names(inner, {**outside, **setters})
                certain = {one: owner for one, owner in maybe[name] if one in always[name]}
                self.check(inner, certain)

    def _check_kept(self, name: str, state: Mapping[str, Any]) -> None:
        if state.get("End") and state.get("Assign"):
            variable = next(iter(state["Assign"]))
            raise ConflictError(
                f"{self._where}/{name}",
                f"sets '{variable}' and ends, so no state can read it",
                "leave result out to return its result, or add a Succeed with an output",
            )

    def _check_inner_names(self, machine: Mapping[str, Any], outside: Mapping[str, str]) -> None:
        for name, state in machine["States"].items():
            for variable, _ in _assigned(state):
                if variable in outside:
                    raise ConflictError(
                        f"{self._where}/{name}",
                        f"sets '{variable}', which '{outside[variable]}' outside of its branch or iteration sets too",
                        "rename one of the two",
                    )
            for inner in machines_in(state):
                self._check_inner_names(inner, outside)

    def _check_read(
        self,
        name: str,
        state: Mapping[str, Any],
        states: Mapping[str, Any],
        always: frozenset[Any],
        maybe: frozenset[Any],
    ) -> None:
        names = {variable for variable, _ in maybe}
        for variable in sorted(_read(state)):
            if variable in always or (variable in _FUNCTIONS and variable not in names):
                continue
            where = f"{self._where}/{name}"
            if variable in names:
                raise ConflictError(
                    where,
                    f"reads '{variable}', which is not set on every path to it",
                    "set it on each path, for example by a Pass with variables={...}",
                )
            inside = next((one for one, other in states.items() if variable in _kept_inside(other)), None)
            raise InvalidArgumentError(
                where,
                f"reads '{variable}', which no state before it sets"
                + (f"; it is set inside '{inside}' and ends with it" if inside else ""),
                f"add a result to '{inside}' and read that"
                if inside
                else "set result on the state that should provide it",
            )

    def _check_replaced(
        self, name: str, state: Mapping[str, Any], states: Mapping[str, Any], maybe: frozenset[Any]
    ) -> None:
        for variable, target in _assigned(state):
            earlier = sorted(owner for name_set, owner in maybe if name_set == variable and owner != name)
            reader = _reader_after(states, target, variable) if earlier else None
            if reader is not None:
                raise ConflictError(
                    f"{self._where}/{name}",
                    f"overwrites variable '{variable}', which '{earlier[0]}' set and '{reader}' still reads",
                    "rename one of the two results",
                )

    def _check_item(self, name: str, states: Mapping[str, Any], start: str) -> None:
        waiting, seen = [start], {start}
        while waiting:
            one = waiting.pop()
            for target, output in _outputs(states[one]):
                if output == KEPT and target not in seen:
                    seen.add(target)
                    waiting.append(target)
                elif output != KEPT and name in _from(states, target):
                    raise ConflictError(
                        f"{self._where}/{name}",
                        f"reads its item, but the output of '{one}' has replaced the item",
                        f"add a result to '{one}', so that its output is its input",
                    )


def _forward(
    states: Mapping[str, Any], start: str, given: frozenset[Any], *, union: bool
) -> dict[str, frozenset[Any]]:
    """Return the variables that are set before each state, on some path (with their setter) or on every path."""
    found: dict[str, frozenset[Any]] = {start: given}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for target, assigned in _edges(states[name]):
            if union:
                replaced = frozenset(one for one in found[name] if one[0] not in assigned)
                after = replaced | {(variable, name) for variable in assigned}
            else:
                after = found[name] | assigned
            before = found.get(target)
            joined = after if before is None else before | after if union else before & after
            if joined != before:
                found[target] = joined
                waiting.append(target)
    return found


def _edges(state: Mapping[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    own = frozenset(state.get("Assign", ()))
    for rule in state.get("Choices", ()):
        yield rule["Next"], frozenset(rule.get("Assign", ()))
    for field in ("Default", "Next"):
        if field in state:
            yield state[field], own
    for caught in state.get("Catch", ()):
        yield caught["Next"], frozenset(caught.get("Assign", ()))


def _outputs(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    output = KEPT if state["Type"] in ("Choice", "Pass", "Wait") else None
    for rule in state.get("Choices", ()):
        yield rule["Next"], rule.get("Output", KEPT)
    for field in ("Default", "Next"):
        if field in state:
            yield state[field], state.get("Output", output)
    for caught in state.get("Catch", ()):
        yield caught["Next"], caught.get("Output")


def _assigned(state: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for target, assigned in _edges(state):
        for variable in sorted(assigned):
            yield variable, target


def _kept_inside(state: Mapping[str, Any]) -> set[str]:
    inside = [one for inner in machines_in(state) for one in inner["States"].values()]
    return {variable for one in inside for variable, _ in _assigned(one)}.union(*map(_kept_inside, inside))


def _reader_after(states: Mapping[str, Any], start: str | None, variable: str) -> str | None:
    return next((one for one in _from(states, start) if variable in _read_anywhere(states[one])), None)


def _from(states: Mapping[str, Any], start: str | None) -> dict[str, None]:
    """Return `start` and all states after it."""
    reached: dict[str, None] = {} if start is None else {start: None}
    waiting = list(reached)
    while waiting:
        for target, _ in _edges(states[waiting.pop()]):
            if target not in reached:
                reached[target] = None
                waiting.append(target)
    return reached


def _read(state: Mapping[str, Any]) -> set[str]:
    """Return the variables that a state itself reads."""
    found: set[str] = set()
    for code in _codes({field: value for field, value in state.items() if field not in _OWN}):
        plain = _TEXT.sub("", code)
        bound = {
            name
            for one, parameters in _BOUND.findall(plain)
            for name in (one, *re.findall(r"\$(\w+)", parameters))
        }
        found |= set(_READ.findall(plain)) - bound - {"states"}
    return found


def _read_anywhere(state: Mapping[str, Any]) -> set[str]:
    inside = (one for inner in machines_in(state) for one in inner["States"].values())
    return _read(state).union(*(_read_anywhere(one) for one in inside))


def _codes(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.strip().startswith("{%") and value.strip().endswith("%}"):
            yield value.strip()[2:-2]
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _codes(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _codes(one)
