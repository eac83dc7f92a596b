"""Parser of templates: text, comments and directives."""

from __future__ import annotations

import re

from local_cloud.gateway.velocity import syntax
from local_cloud.gateway.velocity.expressions import ExpressionParser
from local_cloud.gateway.velocity.values import VelocityError

_SPECIAL = re.compile(r"[$#\\]")
_WORD = re.compile(r"#(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_LINE_END = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
_SPACE_AFTER_SET = re.compile(r"[ \t]*(?:\r\n|\n|\r|(?=#\{?set\b))")
_COMMENT_LINE = re.compile(r"##[^\r\n]*(?:\r\n|\n|\r)?")
_REFERENCE_START = re.compile(r"\$!?\{?[A-Za-z_]")
_ESCAPES = re.compile(r"(\\+)(?=[$#])")
_BLOCK_ENDS = frozenset({"end", "else", "elseif"})
_END = frozenset({"end"})


def parse(text: str) -> syntax.Block:
    """Parse a template."""
    return _TemplateParser(text).block(frozenset())[0]


class _TemplateParser(ExpressionParser):
    def interpolated(self, text: str) -> syntax.Block:
        return parse(text)

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
        start = _REFERENCE_START if self.text[after] == "$" else _WORD
        if start.match(self.text, after) is None:
            return syntax.text(self.take(count))
        self.position = after
        return syntax.text("\\" * (count // 2) + (self.take(1) if count % 2 else ""))

    def _directive_word(self) -> str | None:
        """Return the name after `#`; the names that end blocks are consumed with the line's end."""
        match = _WORD.match(self.text, self.position)
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
                self.take_match(_WORD)
                if not self.skip_if("("):
                    raise self.error(f"#{word} needs '('", at=start)
                return getattr(self, f"_{word}")()  # type: ignore[no-any-return]
            case "break" | "stop":
                self.take_match(_WORD)
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
        self.take_match(_WORD)
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
