"""The directives of a template that has been read: what each does when it is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local_cloud.gateway.velocity.errors import VelocityError
from local_cloud.gateway.velocity.nodes import Reference
from local_cloud.gateway.velocity.scope import Block, Break, Deferred, Expression, Macro, Node, Scope, Stop
from local_cloud.gateway.velocity.values import HostObject, is_true

MOST_ITERATIONS = 1000
DEEPEST_CALL = 20


@dataclass(frozen=True, slots=True)
class Set:
    """`#set($reference = value)`."""

    target: Reference
    source: Expression

    def render(self, scope: Scope, _out: list[str]) -> None:
        """Assign the value."""
        self.target.assign(self.source.value(scope), scope)


@dataclass(frozen=True, slots=True)
class If:
    """`#if … #elseif … #else … #end`."""

    branches: tuple[tuple[Expression, Block], ...]
    otherwise: Block | None

    def render(self, scope: Scope, out: list[str]) -> None:
        """Append the first branch whose condition holds."""
        for condition, block in self.branches:
            if is_true(condition.value(scope)):
                block.render(scope, out)
                return
        if self.otherwise is not None:
            self.otherwise.render(scope, out)


@dataclass(frozen=True, slots=True)
class Foreach:
    """`#foreach($name in list) … #else … #end`."""

    name: str
    source: Expression
    body: Block
    otherwise: Block | None

    def render(self, scope: Scope, out: list[str]) -> None:
        """Append the body once for each element."""
        items = _elements(self.source.value(scope))[:MOST_ITERATIONS]
        if not items and self.otherwise is not None:
            self.otherwise.render(scope, out)
        names = (self.name, "foreach", "velocityCount", "velocityHasNext")
        before = {name: scope.variables.get(name) for name in names}
        try:
            for index, item in enumerate(items):
                is_last = index == len(items) - 1
                loop: Mapping[str, Any] = {
                    "index": index,
                    "count": index + 1,
                    "hasNext": not is_last,
                    "first": index == 0,
                    "last": is_last,
                    "parent": before["foreach"],
                }
                values = (item, HostObject(properties=loop), index + 1, not is_last)
                scope.variables.update(zip(names, values, strict=True))
                self.body.render(scope, out)
        except Break:
            pass
        finally:
            scope.variables.update(before)


def _elements(value: Any) -> list[Any]:
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    return [] if value is None or isinstance(value, str | int | float | HostObject) else [value]


@dataclass(frozen=True, slots=True)
class Leave:
    """`#break` and `#stop`."""

    how: type[Break] | type[Stop]

    def render(self, _scope: Scope, _out: list[str]) -> None:
        """Leave the loop or the template."""
        raise self.how


@dataclass(frozen=True, slots=True)
class MacroCall:
    """`#name(arguments)`: a macro, or just text if there is no such macro."""

    name: str
    arguments: tuple[Expression, ...]
    text: str

    def render(self, scope: Scope, out: list[str]) -> None:
        """Append what the macro gives, with its parameters as variables of their own.

        Raises:
            VelocityError: Macros call each other too deeply.
        """
        macro = scope.macros.get(self.name)
        if macro is None:
            out.append(self.text)
            return
        with _deeper(scope, f"#{self.name}"):
            values = [argument.value(scope) for argument in self.arguments]
            given = dict(zip(macro.parameters, values, strict=False))
            before = {name: scope.variables.get(name) for name in macro.parameters}
            scope.variables.update({name: given.get(name) for name in macro.parameters})
            try:
                macro.body.render(scope, out)
            finally:
                scope.variables.update(before)


@dataclass(frozen=True, slots=True)
class Definition(Deferred):
    """`#define($name) … #end`, which is evaluated wherever the reference stands."""

    name: str
    body: Block

    def render(self, scope: Scope, _out: list[str]) -> None:
        """Let the reference stand for the block."""
        scope.variables[self.name] = self

    def text(self, scope: Scope) -> str:
        """Return what the block gives at this point."""
        with _deeper(scope, f"${self.name}"):
            out: list[str] = []
            self.body.render(scope, out)
            return "".join(out)


@contextmanager
def _deeper(scope: Scope, what: str) -> Iterator[None]:
    """Count how deep calls go.

    Raises:
        VelocityError: Too deep.
    """
    if scope.depth >= DEEPEST_CALL:
        raise VelocityError(f"{what} calls itself more than {DEEPEST_CALL} times")
    scope.depth += 1
    try:
        yield
    finally:
        scope.depth -= 1


def walk(nodes: tuple[Node, ...]) -> Iterator[Macro]:
    """Return the macros that are defined at the top of a template, so that they can be called before they stand."""
    return (node for node in nodes if isinstance(node, Macro))
