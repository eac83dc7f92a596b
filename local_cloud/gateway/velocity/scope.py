"""State of one evaluation of a template, and what every part of a template is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(slots=True)
class Scope:
    """The state of one evaluation.

    Attributes:
        variables: What `$name` stands for.
        macros: The macros that the template defines.
        depth: How many macros and blocks are being called at this point.
    """

    variables: dict[str, Any]
    macros: dict[str, Macro] = field(default_factory=dict)
    depth: int = 0


class Break(Exception):
    """`#break`: the innermost loop ends."""


class Stop(Exception):
    """`#stop`: the template ends."""


class Deferred:
    """A value that is evaluated anew wherever a reference to it stands."""

    __slots__ = ()

    def text(self, scope: Scope) -> str:
        """Return what it is at this point."""
        raise NotImplementedError


class Node(Protocol):
    """A part of a template that gives text."""

    def render(self, scope: Scope, out: list[str]) -> None:
        """Append the text that the part gives."""
        ...


class Expression(Protocol):
    """A part of a template that has a value."""

    def value(self, scope: Scope) -> Any:
        """Return the value."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """Parts one after another."""

    nodes: tuple[Node, ...]

    def render(self, scope: Scope, out: list[str]) -> None:
        """Append the texts of all parts."""
        for node in self.nodes:
            node.render(scope, out)


@dataclass(frozen=True, slots=True)
class Macro:
    """`#macro(name $parameter …) … #end`, which defines itself when it is reached."""

    name: str
    parameters: tuple[str, ...]
    body: Block

    def render(self, scope: Scope, _out: list[str]) -> None:
        """Define the macro; the first definition of a name stays."""
        scope.macros.setdefault(self.name, self)
