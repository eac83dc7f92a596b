"""Parts of a template. The parser returns them; `evaluation` says what each of them does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class VelocityError(Exception):
    """A template cannot be parsed or evaluated; the message says where and why."""


# --- expressions --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text without references, a boolean, or null."""

    literal: Any


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A text in double quotes, which is a template of its own."""

    content: Block


@dataclass(frozen=True, slots=True)
class Property:
    """`.name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """`.name(arguments)`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """`[index]`."""

    index: Expression


@dataclass(frozen=True, slots=True)
class Reference:
    """`$name.property.method()[index]`; `alternate` replaces null and false, as in `${name|'none'}`."""

    name: str
    steps: tuple[Step, ...] = ()
    alternate: Expression | None = None


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """`[first..last]`, which may count down."""

    first: Expression
    last: Expression


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{"key": value}`."""

    entries: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Negative:
    """`-operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and an operator."""

    operator: str
    left: Expression
    right: Expression


Step = Property | Call | Index
Expression = Literal | Interpolated | Reference | ListOf | Range | MapOf | Not | Negative | Binary


# --- text and directives ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """Parts one after another."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Set:
    """`#set($reference = value)`."""

    target: Reference
    source: Expression


@dataclass(frozen=True, slots=True)
class If:
    """`#if … #elseif … #else … #end`."""

    branches: tuple[tuple[Expression, Block], ...]
    otherwise: Block | None


@dataclass(frozen=True, slots=True)
class Foreach:
    """`#foreach($name in list) … #else … #end`."""

    name: str
    source: Expression
    body: Block
    otherwise: Block | None


@dataclass(frozen=True, slots=True)
class Leave:
    """`#break`, which ends the innermost loop, or `#stop`, which ends the template."""

    loop_only: bool


@dataclass(frozen=True, slots=True)
class Macro:
    """`#macro(name $parameter …) … #end`."""

    name: str
    parameters: tuple[str, ...]
    body: Block


@dataclass(frozen=True, slots=True)
class MacroCall:
    """`#name(arguments)`: a macro, or its own text where no macro has the name."""

    name: str
    arguments: tuple[Expression, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Definition:
    """`#define($name) … #end`: the body is evaluated again wherever `$name` stands."""

    name: str
    body: Block


Node = Text | Reference | Set | If | Foreach | Leave | Macro | MacroCall | Definition
