"""The glob patterns that say which files an archive leaves out."""

from __future__ import annotations

import re


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Translate a glob pattern on a path with `/` into a regular expression that matches the whole path.

    `*` and `?` stand for characters within one name, `[ab]` and `[!ab]` for one character, and `**` as a whole name
    for any number of folders: none or more in front of something, and everything below at the end. Capital and small
    letters differ.
    """
    names = pattern.split("/")
    last = len(names) - 1
    parts: list[str] = []
    for position, name in enumerate(names):
        if name == "**":
            parts.append(".+" if position == last else "(?:[^/]+/)*")
        else:
            parts.append(_translate_name(name) + ("" if position == last else "/"))
    return re.compile("".join(parts), re.DOTALL)


def _translate_name(name: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(name):
        character = name[position]
        end = name.find("]", position + 2) if character == "[" else -1
        if end > 0:
            choice = name[position + 1 : end].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
            parts.append(f"[^{choice[1:]}/]" if choice.startswith("!") else f"[{choice}]")
            position = end
        elif character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        else:
            parts.append(re.escape(character))
        position += 1
    return "".join(parts)
