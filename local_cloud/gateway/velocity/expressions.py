"""Parser of references and expressions, the parts of a template that have a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from local_cloud.gateway.velocity import syntax
from local_cloud.gateway.velocity.values import VelocityError, is_true

_SPACE = re.compile(r"\s*")
_REFERENCE = re.compile(r"\$!?(\{?)([A-Za-z_][\w-]*)")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_PROPERTY = re.compile(r"\.([A-Za-z_][\w-]*)")
_NUMBER = re.compile(r"\d+\.\d+(?:[eE][+-]?\d+)?|\.\d+|\d+(?!\.\d)")
_NOT = re.compile(r"not\b")
_WORD = re.compile(r"(true|false|null)\b")
_WORDS = {"true": True, "false": False, "null": None}
_WORD_OPERATORS = {
    "or": "||", "and": "&&", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
_OPERATORS = re.compile(r"\|\||&&|==|!=|<=|>=|<|>|\+|-|\*|/|%|(?:or|and|eq|ne|lt|le|gt|ge)\b")
# From the loosest to the tightest.
_LEVELS = ({"||"}, {"&&"}, {"==", "!="}, {"<", "<=", ">", ">="}, {"+", "-"}, {"*", "/", "%"})


class ExpressionParser:
    """Parser of expressions in a text; each method raises VelocityError where it is not well formed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    @property
    def at_end(self) -> bool:
        """True at the end of the text."""
        return self.position >= len(self.text)

    def peek(self) -> str:
        """Return the next character; nothing at the end."""
        return self.text[self.position : self.position + 1]

    def take(self, count: int) -> str:
        """Read a number of characters."""
        taken = self.text[self.position : self.position + count]
        self.position += count
        return taken

    def take_match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what a pattern matches here; None, and nothing read, if it does not match."""
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        return match

    def skip_if(self, text: str) -> bool:
        """Read white space, and a text if it comes next."""
        self.take_match(_SPACE)
        if self.text.startswith(text, self.position):
            self.position += len(text)
            return True
        return False

    def expect(self, text: str) -> None:
        """Read white space and a text."""
        if not self.skip_if(text):
            raise self.error(f"{text!r} is expected")

    def expect_match(self, pattern: re.Pattern[str], message: str) -> re.Match[str]:
        """Read white space and what a pattern matches."""
        self.take_match(_SPACE)
        match = self.take_match(pattern)
        if match is None:
            raise self.error(message)
        return match

    def error(self, message: str, *, at: int | None = None) -> VelocityError:
        """Return an error with its line and column."""
        before = self.text[: self.position if at is None else at]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return VelocityError(f"line {line}, column {column}: {message}")

    def interpolated(self, text: str) -> syntax.Block:
        """Parse the inside of a text in double quotes, which is a template."""
        raise NotImplementedError

    def reference_in_text(self) -> syntax.Reference | None:
        """Parse a reference that stands in text; None, and nothing read, if there is none."""
        start = self.position
        try:
            return self.reference()
        except VelocityError:
            self.position = start
            return None

    def name(self) -> str:
        """Parse a name."""
        return self.expect_match(_NAME, "a name is expected")[0]

    def variable(self) -> str:
        """Parse `$name`."""
        match = self.expect_match(_REFERENCE, "a variable such as $name is expected")
        if match[1]:
            self.expect("}")
        return match[2]

    def reference(self) -> syntax.Reference:
        """Parse a reference with what follows its name."""
        match = self.expect_match(_REFERENCE, "a reference such as $name is expected")
        name, steps, alternate = self._bare(match[2]), tuple(self._steps()), None
        if match[1]:
            if self.skip_if("|"):
                alternate = self.expression()
            self.expect("}")
        return syntax.Reference(name, steps, alternate)

    def expression(self) -> syntax.Expression:
        """Parse an expression."""
        return self._binary(0)

    def _bare(self, name: str) -> str:
        """Give back the dashes at the end of a name that was read: they are text."""
        bare = name.rstrip("-")
        self.position -= len(name) - len(bare)
        return bare

    def _steps(self) -> Iterator[syntax.Step]:
        while True:
            start = self.position
            if match := self.take_match(_PROPERTY):
                name = self._bare(match[1])
                if self.peek() == "(":
                    self.take(1)
                    yield syntax.call(name, tuple(self._items(")")))
                else:
                    yield syntax.member(name)
            elif self.peek() == "[":
                self.take(1)
                try:
                    key = self.expression()
                    self.expect("]")
                except VelocityError:
                    self.position = start
                    return
                yield syntax.index(key)
            else:
                return

    def _binary(self, level: int) -> syntax.Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (operator := self._operator(_LEVELS[level])) is not None:
            left = syntax.binary(operator, left, self._binary(level + 1))
        return left

    def _operator(self, wanted: set[str]) -> str | None:
        self.skip_if("")
        start = self.position
        match = self.take_match(_OPERATORS)
        operator = _WORD_OPERATORS.get(match[0], match[0]) if match else None
        if operator not in wanted:
            self.position = start
            return None
        return operator

    def _unary(self) -> syntax.Expression:
        if self.skip_if("!") or self.take_match(_NOT):
            operand = self._unary()
            return lambda evaluation: not is_true(operand(evaluation))
        if self.skip_if("-"):
            operand = self._unary()
            return lambda evaluation: syntax.negative(operand(evaluation))
        return self._primary()

    def _primary(self) -> syntax.Expression:
        match self.peek():
            case "$":
                return self.reference().value
            case "(":
                self.take(1)
                inner = self.expression()
                self.expect(")")
                return inner
            case "[":
                return self._list_or_range()
            case "{":
                return self._map()
            case "'" | '"':
                return self._text()
        if number := self.take_match(_NUMBER):
            return _literal(float(number[0]) if "." in number[0] else int(number[0]))
        if word := self.take_match(_WORD):
            return _literal(_WORDS[word[0]])
        raise self.error("a value is expected")

    def _items(self, closing: str) -> Iterator[syntax.Expression]:
        """Parse values with commas between them, up to a closing bracket."""
        is_first = True
        while not self.skip_if(closing):
            if not is_first:
                self.expect(",")
            yield self.expression()
            is_first = False

    def _list_or_range(self) -> syntax.Expression:
        self.take(1)
        if self.skip_if("]"):
            return lambda _: []
        first = self.expression()
        if self.skip_if(".."):
            last = self.expression()
            self.expect("]")
            return lambda evaluation: syntax.range_of(first(evaluation), last(evaluation))
        items = [first]
        while not self.skip_if("]"):
            self.expect(",")
            items.append(self.expression())
        return lambda evaluation: [item(evaluation) for item in items]

    def _map(self) -> syntax.Expression:
        self.take(1)
        entries: list[tuple[syntax.Expression, syntax.Expression]] = []
        while not self.skip_if("}"):
            if entries:
                self.expect(",")
                if self.skip_if("}"):
                    break
            self.skip_if("")
            name = self.take_match(_NAME)  # a key may be a name without quotes
            key = _literal(name[0]) if name else self._unary()
            self.expect(":")
            entries.append((key, self.expression()))
        return lambda evaluation: {key(evaluation): entry(evaluation) for key, entry in entries}

    def _text(self) -> syntax.Expression:
        """Parse a text in quotes; a quote inside is written twice, and a backslash is a backslash."""
        quote = self.take(1)
        parts: list[str] = []
        while True:
            end = self.text.find(quote, self.position)
            if end < 0:
                raise self.error(f"{quote} is missing at the end of a text")
            parts.append(self.text[self.position : end])
            self.position = end + 1
            if self.peek() != quote:
                break
            parts.append(self.take(1))
        text = "".join(parts)
        if quote == "'" or ("$" not in text and "#" not in text):
            return _literal(text)
        return self.interpolated(text).text


def _literal(value: Any) -> syntax.Expression:
    return lambda _: value
