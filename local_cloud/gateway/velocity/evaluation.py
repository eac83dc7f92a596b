"""Evaluates templates: what each part of a template does."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from local_cloud.gateway.velocity.parser import parse
from local_cloud.gateway.velocity.syntax import (
    Binary,
    Block,
    Call,
    Definition,
    Expression,
    Foreach,
    If,
    Index,
    Interpolated,
    Leave,
    ListOf,
    Literal,
    Macro,
    MacroCall,
    MapOf,
    Negative,
    Not,
    Property,
    Range,
    Reference,
    Set,
    Step,
    Text,
    VelocityError,
)
from local_cloud.gateway.velocity.values import (
    HostObject,
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
MOST_ITERATIONS = 1000
DEEPEST_CALL = 20


class _Break(Exception):
    """The innermost loop ends."""


class _Stop(Exception):
    """The template ends."""


class Template:
    """A template that is well formed."""

    __slots__ = ("_block",)

    def __init__(self, text: str) -> None:
        try:
            self._block: Block = parse(text)
        except RecursionError:
            raise VelocityError("the template is nested too deeply") from None

    def render(self, variables: Mapping[str, Any]) -> str:
        """Return the text that the template gives.

        Args:
            variables: Values by name, without the `$`. Variables of the template are not added; values can change.

        Raises:
            VelocityError: A method or an operation fails.
        """
        evaluation = _Evaluation(dict(variables))
        for node in self._block.nodes:
            if isinstance(node, Macro):  # it can be called before it stands
                evaluation.macros.setdefault(node.name, node)
        out: list[str] = []
        try:
            evaluation.render(self._block, out)
        except (_Stop, _Break):
            pass
        except RecursionError:
            raise VelocityError("the template is nested too deeply") from None
        return "".join(out)


@lru_cache(maxsize=512)
def compile_template(text: str) -> Template:
    """Return a template, parsed at its first use only."""
    return Template(text)


class _Evaluation:
    """One evaluation of a template."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables
        self.macros: dict[str, Macro] = {}
        self._depth = 0

    def render(self, block: Block, out: list[str]) -> None:
        """Append the text of a block."""
        for node in block.nodes:
            match node:
                case Text():
                    out.append(node.text)
                case Reference():
                    out.append(to_text(self._reference(node)))
                case Set():
                    self._assign(node.target, self._value(node.source))
                case If():
                    self._if(node, out)
                case Foreach():
                    self._foreach(node, out)
                case MacroCall():
                    self._call_macro(node, out)
                case Macro() | Definition():
                    self._define(node)
                case Leave():
                    raise _Break if node.loop_only else _Stop

    def _define(self, node: Macro | Definition) -> None:
        if isinstance(node, Macro):
            self.macros.setdefault(node.name, node)
        else:
            self.variables[node.name] = node

    def _if(self, node: If, out: list[str]) -> None:
        for condition, block in node.branches:
            if is_true(self._value(condition)):
                self.render(block, out)
                return
        if node.otherwise is not None:
            self.render(node.otherwise, out)

    def _foreach(self, node: Foreach, out: list[str]) -> None:
        items = _elements(self._value(node.source))[:MOST_ITERATIONS]
        if not items and node.otherwise is not None:
            self.render(node.otherwise, out)
        names = (node.name, "foreach", "velocityCount", "velocityHasNext")
        with self._names(names) as outer:
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
                    values = (item, HostObject(properties=loop), index + 1, not is_last)
                    self.variables.update(zip(names, values, strict=True))
                    self.render(node.body, out)
            except _Break:
                pass

    def _call_macro(self, node: MacroCall, out: list[str]) -> None:
        macro = self.macros.get(node.name)
        if macro is None:
            out.append(node.text)
            return
        with self._deeper(f"#{node.name}"):
            values = [self._value(argument) for argument in node.arguments]
            given = dict(zip(macro.parameters, values, strict=False))
            with self._names(macro.parameters):
                self.variables.update({name: given.get(name) for name in macro.parameters})
                self.render(macro.body, out)

    @contextmanager
    def _names(self, names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
        """Lend variables to a loop or a macro; yields their values before."""
        before = {name: self.variables.get(name) for name in names}
        try:
            yield before
        finally:
            self.variables.update(before)

    @contextmanager
    def _deeper(self, name: str) -> Iterator[None]:
        """Bound how deeply macros and definitions call each other."""
        if self._depth >= DEEPEST_CALL:
            raise VelocityError(f"{name} calls itself more than {DEEPEST_CALL} times")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _value(self, expression: Expression) -> Any:
        match expression:
            case Reference():
                return self._reference(expression)
            case Literal():
                return expression.literal
            case Interpolated():
                return self._text(expression.content)
            case Binary():
                return self._binary(expression)
            case Not():
                return not is_true(self._value(expression.operand))
            case Negative():
                value = self._value(expression.operand)
                return -value if is_number(value) else None
            case ListOf():
                return [self._value(item) for item in expression.items]
            case MapOf():
                return {self._value(key): self._value(entry) for key, entry in expression.entries}
            case Range():
                return _range(self._value(expression.first), self._value(expression.last))

    def _text(self, block: Block) -> str:
        out: list[str] = []
        self.render(block, out)
        return "".join(out)

    def _reference(self, reference: Reference) -> Any:
        """Return what a reference stands for; an empty text where there is nothing, as in API Gateway."""
        value = self.variables.get(reference.name)
        if isinstance(value, Definition):
            with self._deeper(f"${value.name}"):
                value = self._text(value.body)
        for step in reference.steps:
            if value is None:
                break
            value = self._step(step, value)
        if reference.alternate is not None and not is_true(value):
            return self._value(reference.alternate)
        return "" if value is None else value

    def _step(self, step: Step, value: Any) -> Any:
        match step:
            case Property():
                return property_of(value, step.name)
            case Call():
                return call(value, step.name, [self._value(argument) for argument in step.arguments])
            case Index():
                return item_of(value, self._value(step.index))

    def _assign(self, target: Reference, value: Any) -> None:
        if not target.steps:
            self.variables[target.name] = value
            return
        *path, last = target.steps
        owner = self._reference(Reference(target.name, tuple(path)))
        if isinstance(last, Property):
            set_item(owner, last.name, value)
        elif isinstance(last, Index):
            set_item(owner, self._value(last.index), value)
        else:
            raise VelocityError(f"#set cannot change what {last.name}() returns")

    def _binary(self, node: Binary) -> Any:
        """Return the result of an operation; None for numbers that cannot be computed."""
        name, left = node.operator, self._value(node.left)
        if name == "&&":
            return is_true(left) and is_true(self._value(node.right))
        if name == "||":
            return is_true(left) or is_true(self._value(node.right))
        right = self._value(node.right)
        if name in ("==", "!="):
            return are_equal(left, right) == (name == "==")
        both_numbers = is_number(left) and is_number(right)
        if name in _ORDERS:
            both_texts = isinstance(left, str) and isinstance(right, str)
            return (both_numbers or both_texts) and _ORDERS[name](left, right)
        if name == "+" and (isinstance(left, str) or isinstance(right, str)):
            return to_text(left) + to_text(right)
        return _ARITHMETIC[name](left, right) if both_numbers else None


def _elements(value: Any) -> list[Any]:
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    return [] if value is None or isinstance(value, str | int | float | HostObject) else [value]


def _range(first: Any, last: Any) -> list[int]:
    if not isinstance(first, int) or not isinstance(last, int):
        raise VelocityError(f"a range needs whole numbers, not {first!r} and {last!r}")
    if abs(last - first) > LONGEST_RANGE:
        raise VelocityError(f"the range {first}..{last} is too long")
    return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))


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
