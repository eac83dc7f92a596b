"""Text, references and expressions of a template that has been read, and how each is evaluated."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_cloud.gateway.velocity.errors import VelocityError
from local_cloud.gateway.velocity.scope import Block, Deferred, Expression, Scope
from local_cloud.gateway.velocity.values import (
    are_equal,
    call,
    is_number,
    is_true,
    item_of,
    property_of,
    set_item,
    to_text,
)

LONGEST_RANGE = 100_000


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself."""

    text: str

    def render(self, _scope: Scope, out: list[str]) -> None:
        """Append the text."""
        out.append(self.text)


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text without references, or a boolean."""

    literal: Any

    def value(self, _scope: Scope) -> Any:
        """Return the value."""
        return self.literal


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A text in double quotes, which is a small template."""

    content: Block

    def value(self, scope: Scope) -> Any:
        """Return the text."""
        out: list[str] = []
        self.content.render(scope, out)
        return "".join(out)


@dataclass(frozen=True, slots=True)
class Property:
    """`.name`."""

    name: str

    def of(self, value: Any, _scope: Scope) -> Any:
        """Return the property of a value."""
        return property_of(value, self.name)


@dataclass(frozen=True, slots=True)
class Call:
    """`.name(arguments)`."""

    name: str
    arguments: tuple[Expression, ...]

    def of(self, value: Any, scope: Scope) -> Any:
        """Call the method of a value."""
        return call(value, self.name, [argument.value(scope) for argument in self.arguments])


@dataclass(frozen=True, slots=True)
class Index:
    """`[index]`."""

    index: Expression

    def of(self, value: Any, scope: Scope) -> Any:
        """Return the element of a value."""
        return item_of(value, self.index.value(scope))


Step = Property | Call | Index


@dataclass(frozen=True, slots=True)
class Reference:
    """`$name.property.method()[index]`.

    Attributes:
        name: The variable.
        steps: What follows it.
        alternate: The value in place of null or false, as in `${name|'none'}`.
    """

    name: str
    steps: tuple[Step, ...] = ()
    alternate: Expression | None = None

    def value(self, scope: Scope) -> Any:
        """Return what it refers to; an empty text where there is nothing, as API Gateway has it."""
        value = self._found(scope)
        if self.alternate is not None and not is_true(value):
            return self.alternate.value(scope)
        return "" if value is None else value

    def _found(self, scope: Scope) -> Any:
        value = scope.variables.get(self.name)
        if isinstance(value, Deferred):
            value = value.text(scope)
        for step in self.steps:
            if value is None:
                break
            value = step.of(value, scope)
        return value

    def render(self, scope: Scope, out: list[str]) -> None:
        """Append the value's text."""
        out.append(to_text(self.value(scope)))

    def assign(self, value: Any, scope: Scope) -> None:
        """Let it refer to a value from now on.

        Raises:
            VelocityError: It ends in a method's call.
        """
        if not self.steps:
            scope.variables[self.name] = value
            return
        *path, last = self.steps
        owner = Reference(self.name, tuple(path)).value(scope)
        if isinstance(last, Property):
            set_item(owner, last.name, value)
        elif isinstance(last, Index):
            set_item(owner, last.index.value(scope), value)
        else:
            raise VelocityError(f"#set cannot change what {last.name}() returns")


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Expression, ...]

    def value(self, scope: Scope) -> list[Any]:
        """Return the list."""
        return [item.value(scope) for item in self.items]


@dataclass(frozen=True, slots=True)
class Range:
    """`[first..last]`, which may count down."""

    first: Expression
    last: Expression

    def value(self, scope: Scope) -> list[int]:
        """Return the numbers.

        Raises:
            VelocityError: An end is no whole number, or there are far too many.
        """
        first, last = self.first.value(scope), self.last.value(scope)
        if not isinstance(first, int) or not isinstance(last, int):
            raise VelocityError(f"a range needs whole numbers, not {first!r} and {last!r}")
        if abs(last - first) > LONGEST_RANGE:
            raise VelocityError(f"the range {first}..{last} is too long")
        return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{"key": value}`."""

    entries: tuple[tuple[Expression, Expression], ...]

    def value(self, scope: Scope) -> dict[Any, Any]:
        """Return the map."""
        return {key.value(scope): entry.value(scope) for key, entry in self.entries}


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: Expression

    def value(self, scope: Scope) -> bool:
        """Return the opposite."""
        return not is_true(self.operand.value(scope))


@dataclass(frozen=True, slots=True)
class Negative:
    """`-operand`."""

    operand: Expression

    def value(self, scope: Scope) -> Any:
        """Return the negative number, or None for what is no number."""
        value = self.operand.value(scope)
        return -value if is_number(value) else None


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and an operator."""

    name: str
    left: Expression
    right: Expression

    def value(self, scope: Scope) -> Any:
        """Return the result; None for numbers that cannot be computed."""
        left = self.left.value(scope)
        if self.name == "&&":
            return is_true(left) and is_true(self.right.value(scope))
        if self.name == "||":
            return is_true(left) or is_true(self.right.value(scope))
        right = self.right.value(scope)
        if self.name == "==":
            return are_equal(left, right)
        if self.name == "!=":
            return not are_equal(left, right)
        if self.name in _ORDERS:
            return _ordered(self.name, left, right)
        if self.name == "+" and (isinstance(left, str) or isinstance(right, str)):
            return to_text(left) + to_text(right)
        if not is_number(left) or not is_number(right):
            return None
        return _ARITHMETIC[self.name](left, right)


def _ordered(name: str, left: Any, right: Any) -> bool:
    if is_number(left) and is_number(right):
        return _ORDERS[name](left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _ORDERS[name](left, right)
    return False


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


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulo,
}
