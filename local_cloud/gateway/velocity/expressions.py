"""Reads references and expressions, the parts of a template that have a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from local_cloud.gateway.velocity.errors import VelocityError
from local_cloud.gateway.velocity.nodes import (
    Binary,
    Call,
    Index,
    Interpolated,
    ListOf,
    Literal,
    MapOf,
    Negative,
    Not,
    Property,
    Range,
    Reference,
    Step,
)
from local_cloud.gateway.velocity.scope import Block, Expression

_SPACE = re.compile(r"\s*")
_REFERENCE = re.compile(r"\$!?(\{?)([A-Za-z_][\w-]*)")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_PROPERTY = re.compile(r"\.([A-Za-z_][\w-]*)")
_NUMBER = re.compile(r"\d+\.\d+(?:[eE][+-]?\d+)?|\.\d+|\d+(?!\.\d)")
_WORD_OPERATOR = {
    "or": "||",
    "and": "&&",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
_OPERATORS = re.compile(r"\|\||&&|==|!=|<=|>=|<|>|\+|-|\*|/|%|(?:or|and|eq|ne|lt|le|gt|ge)\b")
# From the loosest to the tightest.
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!="}),
    frozenset({"<", "<=", ">", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)


@dataclass(slots=True)
class Source:
    """A template's text and how far it has been read."""

    text: str
    position: int = 0

    @property
    def at_end(self) -> bool:
        """Whether all has been read."""
        return self.position >= len(self.text)

    def peek(self) -> str:
        """Return the next character; nothing at the end."""
        return self.text[self.position : self.position + 1]

    def take(self, count: int) -> str:
        """Read a number of characters."""
        taken = self.text[self.position : self.position + count]
        self.position += count
        return taken

    def rest(self) -> str:
        """Read all that is left."""
        return self.take(len(self.text) - self.position)

    def skip_space(self) -> None:
        """Read over white space."""
        match = _SPACE.match(self.text, self.position)
        assert match is not None  # noqa: S101 - it matches nothing as well
        self.position = match.end()

    def skip_if(self, text: str) -> bool:
        """Read over white space and a text if that is what comes."""
        self.skip_space()
        if self.text.startswith(text, self.position):
            self.position += len(text)
            return True
        return False

    def expect(self, text: str) -> None:
        """Read over white space and a text.

        Raises:
            VelocityError: Something else comes.
        """
        if not self.skip_if(text):
            raise self.error(f"{text!r} is expected")

    def word(self) -> str:
        """Read over white space and a name.

        Raises:
            VelocityError: Something else comes.
        """
        self.skip_space()
        match = _NAME.match(self.text, self.position)
        if match is None:
            raise self.error("a name is expected")
        self.position = match.end()
        return match[0]

    def error(self, message: str, *, at: int | None = None) -> VelocityError:
        """Return an error that says where it is."""
        before = self.text[: self.position if at is None else at]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return VelocityError(f"line {line}, column {column}: {message}")


@dataclass(frozen=True, slots=True)
class ExpressionParser:
    """Reads expressions.

    Attributes:
        source: Where from.
        interpolated: Reads the inside of a text in double quotes.
    """

    source: Source
    interpolated: Callable[[str], Block]

    def reference_in_text(self) -> Reference | None:
        """Read a reference that stands in text; None, and nothing read, if it is none."""
        start = self.source.position
        try:
            return self.reference()
        except VelocityError:
            self.source.position = start
            return None

    def variable(self) -> str:
        """Read `$name`.

        Raises:
            VelocityError: Something else comes.
        """
        self.source.skip_space()
        match = _REFERENCE.match(self.source.text, self.source.position)
        if match is None:
            raise self.source.error("a variable such as $name is expected")
        self.source.position = match.end()
        if match[1]:
            self.source.expect("}")
        return match[2]

    def reference(self) -> Reference:
        """Read a reference with what follows its name.

        Raises:
            VelocityError: It is none.
        """
        source = self.source
        source.skip_space()
        match = _REFERENCE.match(source.text, source.position)
        if match is None:
            raise source.error("a reference such as $name is expected")
        name = self._name(match[2], match.end())
        steps = tuple(self._steps())
        alternate = None
        if match[1]:
            if source.skip_if("|"):
                alternate = self.expression()
            source.expect("}")
        return Reference(name, steps, alternate)

    def expression(self) -> Expression:
        """Read an expression.

        Raises:
            VelocityError: It is not well formed.
        """
        return self._binary(0)

    def _name(self, name: str, end: int) -> str:
        """Take a name without the dashes at its end, which are text."""
        bare = name.rstrip("-")
        self.source.position = end - (len(name) - len(bare))
        return bare

    def _steps(self) -> Iterable[Step]:
        source = self.source
        while True:
            if match := _PROPERTY.match(source.text, source.position):
                name = self._name(match[1], match.end())
                if source.peek() == "(":
                    source.take(1)
                    yield Call(name, tuple(self._list(")")))
                else:
                    yield Property(name)
            elif source.peek() == "[":
                start = source.position
                source.take(1)
                try:
                    index = self.expression()
                    source.expect("]")
                except VelocityError:
                    source.position = start
                    return
                yield Index(index)
            else:
                return

    def _binary(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (name := self._operator(_LEVELS[level])) is not None:
            left = Binary(name, left, self._binary(level + 1))
        return left

    def _operator(self, wanted: frozenset[str]) -> str | None:
        source = self.source
        source.skip_space()
        match = _OPERATORS.match(source.text, source.position)
        if match is None:
            return None
        name = _WORD_OPERATOR.get(match[0], match[0])
        if name not in wanted:
            return None
        source.position = match.end()
        return name

    def _unary(self) -> Expression:
        source = self.source
        if source.skip_if("!"):
            return Not(self._unary())
        if re.compile(r"not\b").match(source.text, source.position):
            source.take(3)
            return Not(self._unary())
        if source.skip_if("-"):
            return Negative(self._unary())
        return self._primary()

    def _primary(self) -> Expression:
        source = self.source
        match source.peek():
            case "$":
                return self.reference()
            case "(":
                source.take(1)
                inner = self.expression()
                source.expect(")")
                return inner
            case "[":
                return self._list_or_range()
            case "{":
                return self._map()
            case "'" | '"':
                return self._text()
        if number := _NUMBER.match(source.text, source.position):
            source.position = number.end()
            return Literal(float(number[0]) if "." in number[0] else int(number[0]))
        for word, value in (("true", True), ("false", False), ("null", None)):
            if re.compile(rf"{word}\b").match(source.text, source.position):
                source.take(len(word))
                return Literal(value)
        raise source.error("a value is expected")

    def _list(self, closing: str) -> list[Expression]:
        items: list[Expression] = []
        while not self.source.skip_if(closing):
            if items:
                self.source.expect(",")
            items.append(self.expression())
        return items

    def _list_or_range(self) -> Expression:
        source = self.source
        source.take(1)
        if source.skip_if("]"):
            return ListOf(())
        first = self.expression()
        if source.skip_if(".."):
            last = self.expression()
            source.expect("]")
            return Range(first, last)
        items = [first]
        while not source.skip_if("]"):
            source.expect(",")
            items.append(self.expression())
        return ListOf(tuple(items))

    def _map(self) -> Expression:
        source = self.source
        source.take(1)
        entries: list[tuple[Expression, Expression]] = []
        while not source.skip_if("}"):
            if entries:
                source.expect(",")
                if source.skip_if("}"):
                    break
            source.skip_space()
            key = self._key()
            source.expect(":")
            entries.append((key, self.expression()))
        return MapOf(tuple(entries))

    def _key(self) -> Expression:
        """Read a key, which may be a name without quotes."""
        match = _NAME.match(self.source.text, self.source.position)
        if match is None:
            return self._unary()
        self.source.position = match.end()
        return Literal(match[0])

    def _text(self) -> Expression:
        """Read a text in quotes; a quote inside is written twice, and a backslash is a backslash."""
        source = self.source
        quote = source.take(1)
        parts: list[str] = []
        while True:
            end = source.text.find(quote, source.position)
            if end < 0:
                raise source.error(f"{quote} is missing at the end of a text")
            parts.append(source.text[source.position : end])
            source.position = end + 1
            if source.peek() != quote:
                break
            parts.append(source.take(1))
        text = "".join(parts)
        if quote == "'" or ("$" not in text and "#" not in text):
            return Literal(text)
        return Interpolated(self.interpolated(text))
