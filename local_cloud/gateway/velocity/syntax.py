"""Parts of a template, each a function that does its work: an expression returns a value, a node writes text."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

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


Expression = Callable[[Evaluation], Any]
Node = Callable[[Evaluation, list[str]], None]


@dataclass(frozen=True, slots=True)
class Step:
    """Part of a reference after its name.

    Attributes:
        of: Returns what the step gives of a value; None for what the value does not have.
        assign: Carries out `#set` for the reference that ends with this step.
    """

    of: Callable[[Any, Evaluation], Any]
    assign: Callable[[Any, Any, Evaluation], None]


@dataclass(frozen=True, slots=True)
class Block:
    """Parts one after another."""

    nodes: tuple[Node, ...]

    def __call__(self, evaluation: Evaluation, out: list[str]) -> None:
        """Write the text of the parts."""
        for node in self.nodes:
            node(evaluation, out)

    def text(self, evaluation: Evaluation) -> str:
        """Return the text of the parts."""
        out: list[str] = []
        self(evaluation, out)
        return "".join(out)


# --- expressions --------------------------------------------------------------------------------------------------


def index(key: Expression) -> Step:
    """Return the step `[index]`."""
    return Step(
        lambda owner, evaluation: values.item_of(owner, key(evaluation)),
        lambda owner, new, evaluation: values.set_item(owner, key(evaluation), new),
    )


def member(name: str) -> Step:
    """Return the step `.name`."""
    return Step(
        lambda owner, _: values.property_of(owner, name),
        lambda owner, new, _: values.set_item(owner, name, new),
    )


def call(name: str, arguments: tuple[Expression, ...]) -> Step:
    """Return the step `.name(arguments)`."""

    def assign(*_: Any) -> None:
        raise VelocityError(f"#set cannot change what {name}() returns")

    return Step(
        lambda owner, evaluation: values.call(owner, name, [argument(evaluation) for argument in arguments]),
        assign,
    )


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
            return self.alternate(evaluation)
        return "" if value is None else value

    def render(self, evaluation: Evaluation, out: list[str]) -> None:
        """Write what it stands for."""
        out.append(values.to_text(self.value(evaluation)))

    def assign(self, new: Any, evaluation: Evaluation) -> None:
        """Carry out `#set`."""
        if not self.steps:
            evaluation.variables[self.name] = new
            return
        *path, last = self.steps
        last.assign(Reference(self.name, tuple(path)).value(evaluation), new, evaluation)


def range_of(first: Any, last: Any) -> list[int]:
    """Return `[first..last]`, which may count down."""
    if not isinstance(first, int) or not isinstance(last, int):
        raise VelocityError(f"a range needs whole numbers, not {first!r} and {last!r}")
    if abs(last - first) > LONGEST_RANGE:
        raise VelocityError(f"the range {first}..{last} is too long")
    return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))


def negative(value: Any) -> Any:
    """Return the negative of a number; None for everything else."""
    return -value if values.is_number(value) else None


def binary(name: str, left: Expression, right: Expression) -> Expression:
    """Return an operation on two operands; its value is None for numbers that cannot be computed."""
    if name == "&&":
        return lambda evaluation: values.is_true(left(evaluation)) and values.is_true(right(evaluation))
    if name == "||":
        return lambda evaluation: values.is_true(left(evaluation)) or values.is_true(right(evaluation))
    return lambda evaluation: _operate(name, left(evaluation), right(evaluation))


def _operate(name: str, left: Any, right: Any) -> Any:
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


def text(content: str) -> Node:
    """Return text that stands for itself."""
    return lambda _, out: out.append(content)


def condition(branches: tuple[tuple[Expression, Block], ...], otherwise: Block) -> Node:
    """Return `#if … #elseif … #else … #end`."""

    def render(evaluation: Evaluation, out: list[str]) -> None:
        for test, block in branches:
            if values.is_true(test(evaluation)):
                return block(evaluation, out)
        return otherwise(evaluation, out)

    return render


def loop(name: str, source: Expression, body: Block, otherwise: Block) -> Node:
    """Return `#foreach($name in list) … #else … #end`."""

    def render(evaluation: Evaluation, out: list[str]) -> None:
        items = _elements(source(evaluation))[:MOST_ITERATIONS]
        if not items:
            otherwise(evaluation, out)
        names = (name, "foreach", "velocityCount", "velocityHasNext")
        with evaluation.names(names) as outer, suppress(Break):
            for position, item in enumerate(items):
                is_last = position == len(items) - 1
                state: Mapping[str, Any] = {
                    "index": position,
                    "count": position + 1,
                    "hasNext": not is_last,
                    "first": position == 0,
                    "last": is_last,
                    "parent": outer["foreach"],
                }
                lent = (item, values.HostObject(properties=state), position + 1, not is_last)
                evaluation.variables.update(zip(names, lent, strict=True))
                body(evaluation, out)

    return render


def _elements(value: Any) -> list[Any]:
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    return [] if value is None or isinstance(value, str | int | float | values.HostObject) else [value]


def leave(error: type[Exception]) -> Node:
    """Return `#break`, which ends the innermost loop, or `#stop`, which ends the template."""

    def render(_evaluation: Evaluation, _out: list[str]) -> None:
        raise error

    return render


@dataclass(frozen=True, slots=True)
class Macro:
    """`#macro(name $parameter …) … #end`."""

    name: str
    parameters: tuple[str, ...]
    body: Block

    def __call__(self, evaluation: Evaluation, _out: list[str]) -> None:
        """Define the macro, unless that is done."""
        evaluation.macros.setdefault(self.name, self)


def macro_call(name: str, arguments: tuple[Expression, ...], content: str) -> Node:
    """Return `#name(arguments)`: a macro, or its own text where no macro has the name."""

    def render(evaluation: Evaluation, out: list[str]) -> None:
        macro = evaluation.macros.get(name)
        if macro is None:
            out.append(content)
            return
        with evaluation.deeper(f"#{name}"):
            given = [argument(evaluation) for argument in arguments]
            with evaluation.names(macro.parameters):
                evaluation.variables.update(dict.fromkeys(macro.parameters))
                evaluation.variables.update(zip(macro.parameters, given, strict=False))
                macro.body(evaluation, out)

    return render


@dataclass(frozen=True, slots=True)
class Definition:
    """`#define($name) … #end`: the body is evaluated again wherever `$name` stands."""

    name: str
    body: Block

    def __call__(self, evaluation: Evaluation, _out: list[str]) -> None:
        """Set the variable."""
        evaluation.variables[self.name] = self
