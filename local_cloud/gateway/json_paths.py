"""JSONPath as API Gateway's `$input.path()`, `$input.json()` and body mappings read it.

A path that can only lead to one place gives the value there; one that can lead to several gives a list.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_STEP = re.compile(r"\.([A-Za-z_$][\w$-]*)|\[(-?\d+)\]|\[\s*'([^']*)'\s*\]|\[\s*\"([^\"]*)\"\s*\]")
_SEVERAL = re.compile(r"\*|\.\.|\?\(|\[[^\]'\"]*[:,]|\[\s*'[^']*'\s*,")
_LENGTH = ".length()"


class JsonPathError(Exception):
    """A text is no JSONPath."""


class Missing:
    """What a path leads to where there is nothing; null is something."""


MISSING = Missing()


def find(path: str, content: Any) -> Any:
    """Return what a path leads to.

    Args:
        path: The path; `$.` in front may be left out.
        content: The content, as JSON has it.

    Returns:
        The value, a list of all values for a path that can have several, or `MISSING`.

    Raises:
        JsonPathError: The path is not well formed.
    """
    path = path.strip()
    if not path.startswith("$"):
        path = f"$.{path}" if path and not path.startswith("[") else f"${path}"
    if path.endswith(_LENGTH):
        found = find(path.removesuffix(_LENGTH), content)
        return len(found) if isinstance(found, list | dict | str) else MISSING
    steps = _steps(path)
    if steps is not None:
        return _walk(steps, content)
    found = [match.value for match in _compiled(path).find(content)]
    if _SEVERAL.search(path) is not None:
        return found
    return found[0] if found else MISSING


def _walk(steps: tuple[str | int, ...], content: Any) -> Any:
    for step in steps:
        if isinstance(step, str):
            if not isinstance(content, dict) or step not in content:
                return MISSING
            content = content[step]
        elif isinstance(content, list) and -len(content) <= step < len(content):
            content = content[step]
        else:
            return MISSING
    return content


@lru_cache(maxsize=512)
def _steps(path: str) -> tuple[str | int, ...] | None:
    """Return the steps of a path that only names members and positions; None for all others."""
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return None
        name, index, single, double = match.groups()
        steps.append(
            int(index) if index is not None else next(n for n in (name, single, double) if n is not None)
        )
        position = match.end()
    return tuple(steps)


@lru_cache(maxsize=256)
def _compiled(path: str) -> Any:
    from jsonpath_ng.exceptions import JSONPathError as LibraryError
    from jsonpath_ng.ext.parser import parse

    try:
        return parse(path)
    except (LibraryError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise JsonPathError(f"{path} is no JSONPath: {error}") from None
