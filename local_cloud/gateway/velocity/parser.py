"""Reads the text of a template into its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from local_cloud.gateway.velocity.directives import Definition, Foreach, If, Leave, MacroCall, Set
from local_cloud.gateway.velocity.errors import VelocityError
from local_cloud.gateway.velocity.expressions import ExpressionParser, Source
from local_cloud.gateway.velocity.nodes import Text
from local_cloud.gateway.velocity.scope import Block, Break, Expression, Macro, Node, Stop

_SPECIAL = re.compile(r"[$#\\]")
_WORD = re.compile(r"#(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_LINE_END = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
_SPACE_AFTER_SET = re.compile(r"[ \t]*(?:\r\n|\n|\r|(?=#\{?set\b))")
_COMMENT_LINE = re.compile(r"##[^\r\n]*(?:\r\n|\n|\r)?")
_REFERENCE_START = re.compile(r"\$!?\{?[A-Za-z_]")
_ESCAPES = re.compile(r"(\\+)(?=[$#])")
_BLOCK_ENDS = frozenset({"end", "else", "elseif"})
_NOT_ALLOWED = frozenset({"include", "parse"})


def parse(text: str) -> Block:
    """Read a template.

    Raises:
        VelocityError: It is not well formed.
    """
    parser = _TemplateParser(Source(text))
    block, ended_by = parser.block(frozenset())
    assert ended_by is None  # noqa: S101 - without ends to look for, only the end of the text ends a block
    return block


@dataclass(slots=True)
class _TemplateParser:
    """Reads blocks; expressions are read by the parser of their own."""

    source: Source

    def block(self, ends: frozenset[str]) -> tuple[Block, str | None]:
        """Read up to the end of the text, or to a directive that ends this block, which is consumed."""
        source, nodes = self.source, list[Node]()
        while not source.at_end:
            match = _SPECIAL.search(source.text, source.position)
            if match is None:
                nodes.append(Text(source.rest()))
                break
            if match.start() > source.position:
                nodes.append(Text(source.text[source.position : match.start()]))
                source.position = match.start()
            if match[0] == "#":
                word = self._directive_word()
                if word in _BLOCK_ENDS and word in ends:
                    return Block(tuple(nodes)), word
                nodes.append(self._directive(word))
            elif match[0] == "$":
                nodes.append(self._reference())
            else:
                nodes.extend(self._escaped())
        if ends:
            raise source.error("#end is missing")
        return Block(tuple(nodes)), None

    def _reference(self) -> Node:
        reference = ExpressionParser(self.source, _interpolated).reference_in_text()
        return Text(self.source.take(1)) if reference is None else reference

    def _escaped(self) -> list[Node]:
        """Read backslashes: in front of a reference or a directive, two are one and one makes it plain text."""
        source = self.source
        match = _ESCAPES.match(source.text, source.position)
        if match is None:
            return [Text(source.take(1))]
        count, after = len(match[1]), match.end()
        if not self._starts_something(after):
            return [Text(source.take(count))]
        source.position = after
        backslashes = Text("\\" * (count // 2))
        return [backslashes, Text(source.take(1))] if count % 2 else [backslashes]

    def _starts_something(self, position: int) -> bool:
        pattern = _REFERENCE_START if self.source.text[position] == "$" else _WORD
        return pattern.match(self.source.text, position) is not None

    def _directive_word(self) -> str | None:
        """Return the name after `#`; the names that end blocks are consumed with the line's end."""
        source = self.source
        match = _WORD.match(source.text, source.position)
        if match is None:
            return None
        word = match[1] or match[2]
        if word in ("end", "else"):
            source.position = match.end()
            self._skip_line_end()
        elif word == "elseif":
            source.position = match.end()
        return word

    def _directive(self, word: str | None) -> Node:
        source = self.source
        match word:
            case None:
                return self._comment_or_text()
            case "end" | "else" | "elseif":
                raise source.error(f"#{word} belongs to nothing")
            case "set" | "if" | "foreach" | "macro" | "define":
                start = source.position
                source.position = _word_end(source)
                source.skip_space()
                if source.peek() != "(":
                    raise source.error(f"#{word} needs '('", at=start)
                return getattr(self, f"_{word}")()  # type: ignore[no-any-return]
            case "break" | "stop":
                source.position = _word_end(source)
                self._skip_line_end()
                return Leave(Break if word == "break" else Stop)
            case _:
                if word in _NOT_ALLOWED:
                    raise source.error(f"#{word} is not available in API Gateway")
                return self._macro_call(word)

    def _comment_or_text(self) -> Node:
        source = self.source
        if source.text.startswith("##", source.position):
            match = _COMMENT_LINE.match(source.text, source.position)
            assert match is not None  # noqa: S101 - it starts with the two characters
            source.position = match.end()
            return Text("")
        for opening, closing, is_kept in (("#*", "*#", False), ("#[[", "]]#", True)):
            if source.text.startswith(opening, source.position):
                end = source.text.find(closing, source.position + len(opening))
                if end < 0:
                    raise source.error(f"{closing} is missing")
                inner = source.text[source.position + len(opening) : end]
                source.position = end + len(closing)
                return Text(inner if is_kept else "")
        return Text(source.take(1))

    def _set(self) -> Node:
        source, parser = self.source, ExpressionParser(self.source, _interpolated)
        source.expect("(")
        target = parser.reference()
        source.expect("=")
        value = parser.expression()
        source.expect(")")
        self._skip_after_set()
        return Set(target, value)

    def _if(self) -> Node:
        branches: list[tuple[Expression, Block]] = []
        ends = frozenset(_BLOCK_ENDS)
        ended_by: str | None = "elseif"
        while ended_by == "elseif":
            condition = self._condition()
            block, ended_by = self.block(ends)
            branches.append((condition, block))
        otherwise = self.block(frozenset({"end"}))[0] if ended_by == "else" else None
        return If(tuple(branches), otherwise)

    def _condition(self) -> Expression:
        self.source.expect("(")
        condition = ExpressionParser(self.source, _interpolated).expression()
        self.source.expect(")")
        self._skip_line_end()
        return condition

    def _foreach(self) -> Node:
        source, parser = self.source, ExpressionParser(self.source, _interpolated)
        source.expect("(")
        name = parser.variable()
        source.expect("in")
        items = parser.expression()
        source.expect(")")
        self._skip_line_end()
        body, ended_by = self.block(frozenset({"end", "else"}))
        otherwise = self.block(frozenset({"end"}))[0] if ended_by == "else" else None
        return Foreach(name, items, body, otherwise)

    def _macro(self) -> Node:
        source, parser = self.source, ExpressionParser(self.source, _interpolated)
        source.expect("(")
        name = source.word()
        parameters: list[str] = []
        while not source.skip_if(")"):
            source.skip_if(",")
            parameters.append(parser.variable())
        self._skip_line_end()
        body, _ = self.block(frozenset({"end"}))
        return Macro(name, tuple(parameters), body)

    def _define(self) -> Node:
        source, parser = self.source, ExpressionParser(self.source, _interpolated)
        source.expect("(")
        name = parser.variable()
        source.expect(")")
        self._skip_line_end()
        body, _ = self.block(frozenset({"end"}))
        return Definition(name, body)

    def _macro_call(self, word: str) -> Node:
        """Read `#name(…)`; without brackets it is text."""
        source = self.source
        start, source.position = source.position, _word_end(source)
        if not source.skip_if("("):
            return Text(source.text[start : source.position])
        parser = ExpressionParser(source, _interpolated)
        arguments: list[Expression] = []
        try:
            while not source.skip_if(")"):
                source.skip_if(",")
                arguments.append(parser.expression())
        except VelocityError:
            source.position = _word_end(source, start)
            return Text(source.text[start : source.position])
        return MacroCall(word, tuple(arguments), source.text[start : source.position])

    def _skip_after_set(self) -> None:
        """After `#set`, space before another one goes too."""
        match = _SPACE_AFTER_SET.match(self.source.text, self.source.position)
        if match is not None:
            self.source.position = match.end()

    def _skip_line_end(self) -> None:
        """A directive at the end of a line takes the line's end with it."""
        match = _LINE_END.match(self.source.text, self.source.position)
        if match is not None:
            self.source.position = match.end()


def _word_end(source: Source, start: int | None = None) -> int:
    match = _WORD.match(source.text, source.position if start is None else start)
    assert match is not None  # noqa: S101 - the caller has found the word
    return match.end()


def _interpolated(text: str) -> Block:
    return parse(text)
