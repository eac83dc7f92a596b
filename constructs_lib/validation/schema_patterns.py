"""Syntax of Python's and pydantic's patterns that JSON Schema (ECMA 262) does not have.

API Gateway would reject such a pattern or match something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Foreign:
    """Part of a pattern that ECMA 262 does not have.

    Attributes:
        what: The part and its kind.
        instead: Replacement for it.
    """

    what: str
    instead: str


_OUTSIDE_CLASSES: Final = (
    (r"\\[AzZ]", "an anchor of Python's", "use ^ and $"),
    (r"\(\?P?<(?![=!])|\(\?P=", "a named group", "use a group without a name"),
    (r"\(\?<[=!]", "a look-behind", "write the pattern without it"),
    (r"\(\?[a-zA-Z-]+[:)]", "flags", "write the pattern without flags, such as [Aa] for a"),
    (r"\(\?[>#(]", "a group of Python's", "write the pattern without it"),
    (r"[*+?}]\+", "a possessive quantifier", "use a plain quantifier"),
)
_ANYWHERE: Final = (
    (r"\\[pP]", "a Unicode class", "list the characters, such as [A-Za-z]"),
    (r"\\[xuU]\{", "a code point in braces", "write it as \\uXXXX"),
)
_IN_CLASSES: Final = (
    (r"\[:", "a POSIX class", "list the characters, such as [A-Za-z]"),
    (r"&&", "an intersection", "list the characters that remain"),
)
_TOKEN: Final = re.compile(r"\[\^?\]?(?:\\.|\[:[^\]]*:\]|\[[^\]]*\]|[^\]\\])*\]|\\.|.", re.DOTALL)


def foreign_syntax(pattern: str) -> Foreign | None:
    """Return the first part of a pattern that ECMA 262 does not have, or None."""
    place = 0
    while place < len(pattern):
        token = _TOKEN.match(pattern, place)
        if token is None:
            return None
        if token[0].startswith("[") and len(token[0]) > 1:
            for part in re.finditer(r"\\.\{?|\[:|&&", token[0][1:]):
                found = _first(part[0], 0, (*_ANYWHERE, *_IN_CLASSES))
                if found is not None:
                    return found
        else:
            found = _first(pattern, place, (*_OUTSIDE_CLASSES, *_ANYWHERE))
            if found is not None:
                return found
        place = token.end()
    return None


def _first(pattern: str, place: int, rules: tuple[tuple[str, str, str], ...]) -> Foreign | None:
    for syntax, name, instead in rules:
        found = re.compile(syntax).match(pattern, place)
        if found is not None:
            return Foreign(f"'{found[0]}', {name}", instead)
    return None
