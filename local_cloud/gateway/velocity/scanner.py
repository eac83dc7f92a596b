"""Text of a template and how far it is read: what both parsers are built on."""

from __future__ import annotations

import re

from local_cloud.gateway.velocity.syntax import VelocityError

_SPACE = re.compile(r"\s*")


class Scanner:
    """A position in a text."""

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
