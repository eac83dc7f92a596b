"""Parts of a template, each with what it does: an expression has a value, a node writes text."""
# ruff: noqa: D102 - `Expression`, `Step` and `Node` describe the methods

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from local_cloud.gateway.velocity import values
from local_cloud.gateway.velocity.values import VelocityError

LONGEST_RANGE = 100_000
MOST_ITERATIONS = 1000
DEEPEST_CALL = 20


class Break(Exception):
    """The innermost loop ends."""


class Stop(Exception):
    """The template ends."""


class Evaluation:
    """One evaluation of a template: its variables and macros, which change as it goes on."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables
        self.macros: dict[str, Macro] = {}
        self._depth = 0

    @contextmanager
    def names(self, names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
        """Lend variables to a loop or a macro; yields their values before."""
        before = {name: self.variables.get(name) for name in names}
        try:
            yield before
        finally:
            self.variables.update(before)

    @contextmanager
    def deeper(self, name: str) -> Iterator[None]:
        """Bound how deeply macros and definitions call each other."""
        if self._depth >= DEEPEST_CALL:
            raise VelocityError(f"{name} calls itself more than {DEEPEST_CALL} times")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1


class Expression(Protocol):
    """Part that has a value."""

    def value(self, evaluation: Evaluation, /) -> Any:
        """Return the value."""


class Step(Protocol):
    """Part of a reference after its name."""

    def of(self, owner: Any, evaluation: Evaluation, /) -> Any:
        """Return what the step gives of a value; None for what the value does not have."""

    def assign(self, owner: Any, new: Any, evaluation: Evaluation, /) -> None:
        """Carry out `#set` for the reference that ends with this step."""


class Node(Protocol):
    """Part that writes text."""

    def render(self, evaluation: Evaluation, out: list[str], /) -> None:
        """Append the text."""


@dataclass(frozen=True, slots=True)
class Block:
    """Parts one after another."""

    nodes: tuple[Node, ...]

    def render(self, evaluation: Evaluation, out: list[str]) -> None:
        for node in self.nodes:
            node.render(evaluation, out)

    def text(self, evaluation: Evaluation) -> str:
        """Return the text of the parts."""
        out: list[str] = []
        self.render(evaluation, out)
        return "".join(out)


# --- expressions --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text without references, a boolean, or null."""

    literal: Any

    def value(self, _evaluation: Evaluation) -> Any:
        return self.literal


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A text in double quotes, which is a template of its own."""

    content: Block

    def value(self, evaluation: Evaluation) -> Any:
        return self.content.text(evaluation)


@dataclass(frozen=True, slots=True)
class Property:
    """`.name`."""

    name: str

    def of(self, owner: Any, _evaluation: Evaluation) -> Any:
        return values.property_of(owner, self.name)

    def assign(self, owner: Any, new: Any, _evaluation: Evaluation) -> None:
        values.set_item(owner, self.name, new)


@dataclass(frozen=True, slots=True)
class Call:
    """`.name(arguments)`."""

    name: str
    arguments: tuple[Expression, ...]

    def of(self, owner: Any, evaluation: Evaluation) -> Any:
        return values.call(owner, self.name, [argument.value(evaluation) for argument in self.arguments])

    def assign(self, _owner: Any, _new: Any, _evaluation: Evaluation) -> None:
        raise VelocityError(f"#set cannot change what {self.name}() returns")


@dataclass(frozen=True, slots=True)
class Index:
    """`[index]`."""

    index: Expression

    def of(self, owner: Any, evaluation: Evaluation) -> Any:
        return values.item_of(owner, self.index.value(evaluation))

    def assign(self, owner: Any, new: Any, evaluation: Evaluation) -> None:
        values.set_item(owner, self.index.value(evaluation), new)


@dataclass(frozen=True, slots=True)
class Reference:
    """`$name.property.method()[index]`; `alternate` replaces null and false, as in `${name|'none'}`."""

    name: str
    steps: tuple[Step, ...] = ()
    alternate: Expression | None = None

    def value(self, evaluation: Evaluation) -> Any:
        """Return what it stands for; an empty text where there is nothing, as in API Gateway."""
        value = evaluation.variables.get(self.name)
        if isinstance(value, Definition):
            with evaluation.deeper(f"${value.name}"):
                value = value.body.text(evaluation)
        for step in self.steps:
            if value is None:
                break
            value = step.of(value, evaluation)
        if self.alternate is not None and not values.is_true(value):
            return self.alternate.value(evaluation)
        return "" if value is None else value

    def render(self, evaluation: Evaluation, out: list[str]) -> None:
        out.append(values.to_text(self.value(evaluation)))

    def assign(self, new: Any, evaluation: Evaluation) -> None:
        """Carry out `#set`."""
        if not self.steps:
            evaluation.variables[self.name] = new
            return
        *path, last = self.steps
        last.assign(Reference(self.name, tuple(path)).value(evaluation), new, evaluation)


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Expression, ...]

    def value(self, evaluation: Evaluation) -> Any:
        return [item.value(evaluation) for item in self.items]


@dataclass(frozen=True, slots=True)
class Range:
    """`[first..last]`, which may count down."""

    first: Expression
    last: Expression

    def value(self, evaluation: Evaluation) -> Any:
        first, last = self.first.value(evaluation), self.last.value(evaluation)
        if not isinstance(first, int) or not isinstance(last, int):
            raise VelocityError(f"a range needs whole numbers, not {first!r} and {last!r}")
        if abs(last - first) > LONGEST_RANGE:
            raise VelocityError(f"the range {first}..{last} is too long")
        return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{"key": value}`."""

    entries: tuple[tuple[Expression, Expression], ...]

    def value(self, evaluation: Evaluation) -> Any:
        return {key.value(evaluation): entry.value(evaluation) for key, entry in self.entries}


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: Expression

    def value(self, evaluation: Evaluation) -> Any:
        return not values.is_true(self.operand.value(evaluation))


@dataclass(frozen=True, slots=True)
class Negative:
    """`-operand`."""

    operand: Expression

    def value(self, evaluation: Evaluation) -> Any:
        value = self.operand.value(evaluation)
        return -value if values.is_number(value) else None


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and an operator."""

    operator: str
    left: Expression
    right: Expression

    def value(self, evaluation: Evaluation) -> Any:
        """Return the result of the operation; None for numbers that cannot be computed."""
        name, left = self.operator, self.left.value(evaluation)
        if name == "&&":
            return values.is_true(left) and values.is_true(self.right.value(evaluation))
        if name == "||":
            return values.is_true(left) or values.is_true(self.right.value(evaluation))
        right = self.right.value(evaluation)
        if name in ("==", "!="):
            return values.are_equal(left, right) == (name == "==")
        both_numbers = values.is_number(left) and values.is_number(right)
        if name in _ORDERS:
            both_texts = isinstance(left, str) and isinstance(right, str)
            return (both_numbers or both_texts) and _ORDERS[name](left, right)
        if name == "+" and (isinstance(left, str) or isinstance(right, str)):
            return values.to_text(left) + values.to_text(right)
        return _ARITHMETIC[name](left, right) if both_numbers else None


def _divide(left: Any, right: Any) -> Any:
    """Divide as Java does: whole numbers give a whole number, cut off towards zero; by zero is nothing."""
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    return left / right


def _modulo(left: Any, right: Any) -> Any:
    if right == 0:
        return None
    rest = math.fmod(left, right)
    return int(rest) if isinstance(left, int) and isinstance(right, int) else rest


_Operation = Callable[[Any, Any], Any]
_ORDERS: dict[str, _Operation] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_ARITHMETIC: dict[str, _Operation] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divide, "%": _modulo,
}  # fmt: skip


# --- text and directives ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself."""

    text: str

    def render(self, _evaluation: Evaluation, out: list[str]) -> None:
        out.append(self.text)


@dataclass(frozen=True, slots=True)
class Set:
    """`#set($reference = value)`."""

    target: Reference
    source: Expression

    def render(self, evaluation: Evaluation, _out: list[str]) -> None:
        self.target.assign(self.source.value(evaluation), evaluation)


@dataclass(frozen=True, slots=True)
class If:
    """`#if … #elseif … #else … #end`."""

    branches: tuple[tuple[Expression, Block], ...]
    otherwise: Block

    def render(self, evaluation: Evaluation, out: list[str]) -> None:
        for condition, block in self.branches:
            if values.is_true(condition.value(evaluation)):
                return block.render(evaluation, out)
        return self.otherwise.render(evaluation, out)


@dataclass(frozen=True, slots=True)
class Foreach:
    """`#foreach($name in list) … #else … #end`."""

    name: str
    source: Expression
    body: Block
    otherwise: Block

    def render(self, evaluation: Evaluation, out: list[str]) -> None:
        items = _elements(self.source.value(evaluation))[:MOST_ITERATIONS]
        if not items:
            self.otherwise.render(evaluation, out)
        names = (self.name, "foreach", "velocityCount", "velocityHasNext")
        with evaluation.names(names) as outer:
            try:
                for index, item in enumerate(items):
                    is_last = index == len(items) - 1
                    loop: Mapping[str, Any] = {
                        "index": index,
                        "count": index + 1,
                        "hasNext": not is_last,
                        "first": index == 0,
                        "last": is_last,
                        "parent": outer["foreach"],
                    }
                    lent = (item, values.HostObject(properties=loop), index + 1, not is_last)
                    evaluation.variables.update(zip(names, lent, strict=True))
                    self.body.render(evaluation, out)
            except Break:
                pass


def _elements(value: Any) -> list[Any]:
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    return [] if value is None or isinstance(value, str | int | float | values.HostObject) else [value]


@dataclass(frozen=True, slots=True)
class Leave:
    """`#break`, which ends the innermost loop, or `#stop`, which ends the template."""

    loop_only: bool

    def render(self, _evaluation: Evaluation, _out: list[str]) -> None:
        raise Break if self.loop_only else Stop


@dataclass(frozen=True, slots=True)
class Macro:
    """`#macro(name $parameter …) … #end`."""

    name: str
    parameters: tuple[str, ...]
    body: Block

    def render(self, evaluation: Evaluation, _out: list[str]) -> None:
        evaluation.macros.setdefault(self.name, self)


@dataclass(frozen=True, slots=True)
class MacroCall:
    """`#name(arguments)`: a macro, or its own text where no macro has the name."""

    name: str
    arguments: tuple[Expression, ...]
    text: str

    def render(self, evaluation: Evaluation, out: list[str]) -> None:
        macro = evaluation.macros.get(self.name)
        if macro is None:
            out.append(self.text)
            return
        with evaluation.deeper(f"#{self.name}"):
            arguments = [argument.value(evaluation) for argument in self.arguments]
            with evaluation.names(macro.parameters):
                evaluation.variables.update(dict.fromkeys(macro.parameters))
                evaluation.variables.update(zip(macro.parameters, arguments, strict=False))
                macro.body.render(evaluation, out)


@dataclass(frozen=True, slots=True)
class Definition:
    """`#define($name) … #end`: the body is evaluated again wherever `$name` stands."""

    name: str
    body: Block

    def render(self, evaluation: Evaluation, _out: list[str]) -> None:
        evaluation.variables[self.name] = self
