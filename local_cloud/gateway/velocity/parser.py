"""Parser of templates: text, comments and directives, with the references and expressions in them."""

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
_SPECIAL = re.compile(r"[$#\\]")
_DIRECTIVE = re.compile(r"#(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_LINE_END = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
_SPACE_AFTER_SET = re.compile(r"[ \t]*(?:\r\n|\n|\r|(?=#\{?set\b))")
_COMMENT_LINE = re.compile(r"##[^\r\n]*(?:\r\n|\n|\r)?")
_REFERENCE_START = re.compile(r"\$!?\{?[A-Za-z_]")
_ESCAPES = re.compile(r"(\\+)(?=[$#])")
_BLOCK_ENDS = frozenset({"end", "else", "elseif"})
_END = frozenset({"end"})


def parse(text: str) -> syntax.Block:
    """Parse a template."""
    return _Parser(text).block(frozenset())[0]


class _Parser:
    """Parser of a text; each method raises VelocityError where it is not well formed."""

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
        return parse(text).text

    # --- text and directives --------------------------------------------------------------------------------------

    def block(self, ends: frozenset[str]) -> tuple[syntax.Block, str | None]:
        """Parse up to the end of the text, or to a directive that ends this block, which is consumed."""
        nodes: list[syntax.Node] = []
        while not self.at_end:
            match = _SPECIAL.search(self.text, self.position)
            end = len(self.text) if match is None else match.start()
            if end > self.position:
                nodes.append(syntax.text(self.take(end - self.position)))
            if match is None:
                break
            if match[0] == "#":
                word = self._directive_word()
                if word in _BLOCK_ENDS and word in ends:
                    return syntax.Block(tuple(nodes)), word
                nodes.append(self._directive(word))
            elif match[0] == "$":
                reference = self.reference_in_text()
                nodes.append(syntax.text(self.take(1)) if reference is None else reference.render)
            else:
                nodes.append(self._escaped())
        if ends:
            raise self.error("#end is missing")
        return syntax.Block(tuple(nodes)), None

    def _escaped(self) -> syntax.Node:
        """Parse backslashes: before a reference or a directive, two are one, and one makes it plain text."""
        match = _ESCAPES.match(self.text, self.position)
        if match is None:
            return syntax.text(self.take(1))
        count, after = len(match[1]), match.end()
        start = _REFERENCE_START if self.text[after] == "$" else _DIRECTIVE
        if start.match(self.text, after) is None:
            return syntax.text(self.take(count))
        self.position = after
        return syntax.text("\\" * (count // 2) + (self.take(1) if count % 2 else ""))

    def _directive_word(self) -> str | None:
        """Return the name after `#`; the names that end blocks are consumed with the line's end."""
        match = _DIRECTIVE.match(self.text, self.position)
        if match is None:
            return None
        word = match[1] or match[2]
        if word in _BLOCK_ENDS:
            self.position = match.end()
        if word in ("end", "else"):
            self.take_match(_LINE_END)
        return word

    def _directive(self, word: str | None) -> syntax.Node:
        start = self.position
        match word:
            case None:
                return self._comment_or_text()
            case "end" | "else" | "elseif":
                raise self.error(f"#{word} belongs to nothing")
            case "set" | "if" | "foreach" | "macro" | "define":
                self.take_match(_DIRECTIVE)
                if not self.skip_if("("):
                    raise self.error(f"#{word} needs '('", at=start)
                return getattr(self, f"_{word}")()  # type: ignore[no-any-return]
            case "break" | "stop":
                self.take_match(_DIRECTIVE)
                self.take_match(_LINE_END)
                return syntax.leave(syntax.Break if word == "break" else syntax.Stop)
            case "include" | "parse":
                raise self.error(f"#{word} is not available in API Gateway")
            case _:
                return self._macro_call(word)

    def _comment_or_text(self) -> syntax.Node:
        if self.take_match(_COMMENT_LINE):
            return syntax.text("")
        for opening, closing, is_shown in (("#*", "*#", False), ("#[[", "]]#", True)):
            if self.text.startswith(opening, self.position):
                end = self.text.find(closing, self.position + len(opening))
                if end < 0:
                    raise self.error(f"{closing} is missing")
                inner = self.text[self.position + len(opening) : end]
                self.position = end + len(closing)
                return syntax.text(inner if is_shown else "")
        return syntax.text(self.take(1))

    def _set(self) -> syntax.Node:
        target = self.reference()
        self.expect("=")
        value = self.expression()
        self.expect(")")
        self.take_match(_SPACE_AFTER_SET)  # space before another #set goes too
        return lambda evaluation, _: target.assign(value(evaluation), evaluation)

    def _if(self) -> syntax.Node:
        branches = [(self._condition(), *self.block(_BLOCK_ENDS))]
        while branches[-1][2] == "elseif":
            self.expect("(")
            branches.append((self._condition(), *self.block(_BLOCK_ENDS)))
        otherwise = self._else(branches[-1][2])
        return syntax.condition(tuple((condition, block) for condition, block, _ in branches), otherwise)

    def _condition(self) -> syntax.Expression:
        condition = self.expression()
        self._end_of_head()
        return condition

    def _foreach(self) -> syntax.Node:
        name = self.variable()
        self.expect("in")
        items = self.expression()
        self._end_of_head()
        body, ended_by = self.block(frozenset({"end", "else"}))
        return syntax.loop(name, items, body, self._else(ended_by))

    def _else(self, directive: str | None) -> syntax.Block:
        return self.block(_END)[0] if directive == "else" else syntax.Block(())

    def _macro(self) -> syntax.Node:
        name = self.name()
        parameters: list[str] = []
        while not self.skip_if(")"):
            self.skip_if(",")
            parameters.append(self.variable())
        self.take_match(_LINE_END)
        return syntax.Macro(name, tuple(parameters), self.block(_END)[0])

    def _define(self) -> syntax.Node:
        name = self.variable()
        self._end_of_head()
        return syntax.Definition(name, self.block(_END)[0])

    def _end_of_head(self) -> None:
        """Parse the bracket that ends a directive's head; a directive at the end of a line takes the line's end too."""
        self.expect(")")
        self.take_match(_LINE_END)

    def _macro_call(self, word: str) -> syntax.Node:
        """Parse `#name(…)`; without brackets it is text."""
        start = self.position
        self.take_match(_DIRECTIVE)
        end = self.position
        if not self.skip_if("("):
            return syntax.text(self.text[start : self.position])
        arguments: list[syntax.Expression] = []
        try:
            while not self.skip_if(")"):
                self.skip_if(",")
                arguments.append(self.expression())
        except VelocityError:
            self.position = end
            return syntax.text(self.text[start:end])
        return syntax.macro_call(word, tuple(arguments), self.text[start : self.position])


def _literal(value: Any) -> syntax.Expression:
    return lambda _: value
