"""JSONPath as API Gateway (`$input.path()`) and Step Functions read it: Jayway's dialect.

A path that can only lead to one place gives the value there; one that can lead to several gives a list. Filters have
`==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `nin`, `=~`, `&&`, `||`, `!` and parentheses; a path may end in `.length()`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

_NAME = re.compile(r"[\w$@-]+")  # letters of any script
_START = re.compile(r"\$+\w*")
_INDEX = re.compile(r"\s*-?\d+\s*(?:,\s*-?\d+\s*)*\]")
_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?\]")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_PATTERN = re.compile(r"/((?:[^/\\]|\\.)+)/(i?)")
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>|=~|\bin\b|\bnin\b")
_WORDS = {"true": True, "false": False, "null": None}

_root: ContextVar[Any] = ContextVar("root")

_Step = Callable[[Any], list[Any]]
_Test = Callable[[Any], bool]


class JsonPathError(Exception):
    """A text is not a JSONPath."""


class PathMatchError(Exception):
    """A value has no place where a path leads."""


class Missing:
    """Result of a path to a missing value; null is not missing."""


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path that has been parsed.

    Attributes:
        keys: Members and positions by name, for a path of nothing else; None for all others.
        definite: The path has one result at most.
        reads_root: A filter of the path reads the whole content (`$`).
    """

    steps: tuple[_Step, ...]
    keys: tuple[str | int, ...] | None
    definite: bool
    reads_root: bool = False

    def values(self, content: Any) -> list[Any]:
        """Return all values that the path leads to."""
        token = _root.set(content) if self.reads_root else None
        found = [content]
        for step in self.steps:
            found = [value for item in found for value in step(item)]
        if token is not None:
            _root.reset(token)
        return found

    def missing(self, content: Any) -> str:
        """Return where a path of nothing but members and positions leads nowhere, in Jayway's words."""
        place = "$"
        for key in self.keys or ():
            if not isinstance(content, dict | list):
                return f"Missing property in path {place}"
            place += f"[{key!r}]"
            try:
                content = content[key]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                content = None
        return f"No results for path: {place}"

    def put(self, content: Any, value: Any) -> Any:
        """Return content with a value where the path leads; members that are missing are created.

        Raises:
            PathMatchError: The path leads through something that is not an object, or past the end of an array.
        """
        if not self.keys:
            return value
        target = content
        for key, following in zip(self.keys, [*self.keys[1:], None], strict=True):
            if isinstance(key, str) and isinstance(target, dict):
                if following is None:
                    target[key] = value
                elif key not in target:
                    target[key] = {}
            elif isinstance(key, int) and isinstance(target, list) and -len(target) <= key < len(target):
                if following is None:
                    target[key] = value
            else:
                raise PathMatchError(f"{key!r} has no place in a value of type {type(target).__name__}")
            target = target[key]
        return content


def find(path: str, content: Any) -> Any:
    """Return the value that a path leads to, a list for a path that can have several, or `MISSING`; `$.` is optional."""
    path = path.strip()
    if not path.startswith("$"):
        path = f"$.{path}" if path and not path.startswith("[") else f"${path}"
    compiled = compile_path(path)
    return _one(compiled, content)


@lru_cache(maxsize=2048)
def compile_path(path: str) -> JsonPath:
    """Parse a path that begins with `$`."""
    path = path.strip()
    parser = _Parser(path)
    try:
        if not parser.take("$"):
            raise parser.error("it does not begin with $")
        parsed = parser.path()
        if parser.at < len(path):
            raise parser.error(f"unexpected {path[parser.at]!r} at position {parser.at}")
    except (RecursionError, re.error) as error:
        raise JsonPathError(f"{path} is not a JSONPath: {error}") from None
    return replace(parsed, reads_root=parser.reads_root)


def path_end(text: str, at: int) -> int:
    """Return where a path ends that begins at a position of a text: with `$`, `$$` or the name of a variable."""
    parser = _Parser(text)
    parser.at = at
    parser.match(_START)
    parser.path()
    return parser.at


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.reads_root = False

    def error(self, detail: str) -> JsonPathError:
        return JsonPathError(f"{self.text} is not a JSONPath: {detail}")

    def take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def path(self) -> JsonPath:
        """Parse what follows `$` or `@`."""
        steps: list[_Step] = []
        keys: list[str | int | None] = []
        while self.at < len(self.text):
            if self.take(".length()") or self.take(".size()"):
                return JsonPath((_counting(_path_of(steps, keys)),), None, definite=True)
            if self.take(".."):
                steps.append(_descendants)
                keys.append(None)
                step, key = self._bracket() if self.take("[") else self._dotted()
            elif self.take("."):
                step, key = self._bracket() if self.take("[") else self._dotted()
            elif self.take("["):
                step, key = self._bracket()
            else:
                break
            steps.append(step)
            keys.append(key)
        return _path_of(steps, keys)

    def _dotted(self) -> tuple[_Step, str | None]:
        if self.take("*"):
            return _members, None
        name = self._name()
        return _member(name), name

    def _name(self) -> str:
        found = self.match(_NAME)
        if found is None:
            raise self.error(f"there is no name at position {self.at}")
        return found[0]

    def _bracket(self) -> tuple[_Step, str | int | None]:
        """Parse what is between brackets; returns the key, if it is one member or one position."""
        self.spaces()
        if self.take("*"):
            return self._closed(_members), None
        if self.take("?"):
            self.spaces()
            if not self.take("("):
                raise self.error("a filter is written ?(...)")
            test = self._either()
            self._require(")")
            return self._closed(_filter(test)), None
        if self.text[self.at : self.at + 1] in ("'", '"'):
            names = [self._quoted()]
            self.spaces()
            while self.take(","):
                self.spaces()
                names.append(self._quoted())
                self.spaces()
            return self._closed(_member(*names)), names[0] if len(names) == 1 else None
        if found := self.match(_INDEX):
            indexes = [int(index) for index in found[0].rstrip("]").split(",")]
            return _items(indexes), indexes[0] if len(indexes) == 1 else None
        if found := self.match(_SLICE):
            start, stop, step = (None if part is None else int(part) for part in found.groups())
            if step == 0:
                raise self.error("the step of a slice is 0")
            return _slice(slice(start, stop, step)), None
        raise self.error(f"cannot read what follows [ at position {self.at}")

    def _closed(self, step: _Step) -> _Step:
        self._require("]")
        return step

    def _require(self, token: str) -> None:
        self.spaces()
        if not self.take(token):
            raise self.error(f"there is no {token} at position {self.at}")

    def _quoted(self) -> str:
        found = self.match(_QUOTED)
        if found is None:
            raise self.error(f"there is no quoted name at position {self.at}")
        quote, text = found[0][0], found[0][1:-1]
        return re.sub(rf"\\([{quote}\\])", r"\1", text)

    def _either(self) -> _Test:
        return self._joined("||", self._both, any)

    def _both(self) -> _Test:
        return self._joined("&&", self._single, all)

    def _joined(
        self, operator: str, part: Callable[[], _Test], join: Callable[[Iterable[bool]], bool]
    ) -> _Test:
        tests = [part()]
        while self.take(operator):
            tests.append(part())
        return lambda item: join(test(item) for test in tests)

    def _single(self) -> _Test:
        self.spaces()
        if self.text[self.at : self.at + 2] != "!=" and self.take("!"):
            inner = self._single()
            return lambda item: not inner(item)
        if self.take("("):
            inner = self._either()
            self._require(")")
            self.spaces()
            return inner
        left = self._operand()
        self.spaces()
        operator = self.match(_OPERATOR)
        if operator is None:
            return lambda item: left(item) is not MISSING
        self.spaces()
        if operator[0] == "=~":
            pattern = self.match(_PATTERN)
            if pattern is None:
                raise self.error(f"there is no /pattern/ at position {self.at}")
            matches = re.compile(pattern[1], re.IGNORECASE if pattern[2] else 0).fullmatch
            self.spaces()
            return lambda item: isinstance(text := left(item), str) and matches(text) is not None
        right = self._operand()
        self.spaces()
        compare = _COMPARISONS[operator[0]]
        return lambda item: compare(left(item), right(item))

    def _operand(self) -> Callable[[Any], Any]:
        if self.take("@"):
            path = self.path()
            return lambda item: _one(path, item)
        if self.take("$"):
            self.reads_root = True
            path = self.path()
            return lambda _: _one(path, _root.get())
        if self.take("["):
            values: list[Callable[[Any], Any]] = []
            self.spaces()
            while not self.take("]"):
                values.append(self._operand())
                self.spaces()
                if not self.take(",") and self.text[self.at : self.at + 1] != "]":
                    raise self.error(f"there is no ] at position {self.at}")
                self.spaces()
            return lambda item: [value(item) for value in values]
        if self.text[self.at : self.at + 1] in ("'", '"'):
            text = self._quoted()
            return lambda _: text
        if found := self.match(_NUMBER):
            number = json.loads(found[0])
            return lambda _: number
        for word, value in _WORDS.items():
            if self.take(word):
                return lambda _, value=value: value  # type: ignore[misc]
        raise self.error(f"there is no value at position {self.at}")


def _path_of(steps: list[_Step], keys: list[str | int | None]) -> JsonPath:
    present = tuple(key for key in keys if key is not None)
    definite = len(present) == len(keys)
    return JsonPath(tuple(steps), present if definite else None, definite)


def _counting(path: JsonPath) -> _Step:
    return lambda item: _length(_one(path, item))


def _one(path: JsonPath, item: Any) -> Any:
    found = path.values(item)
    if not path.definite:
        return found
    return found[0] if found else MISSING


def same(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal; true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    return bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(left: Any, right: Any) -> bool:
        numbers = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (left, right))
        texts = isinstance(left, str) and isinstance(right, str)
        return (numbers or texts) and compare(left, right)

    return test


def _among(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(same(left, value) for value in right)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": same,
    "!=": lambda left, right: not same(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "in": _among,
    "nin": lambda left, right: not _among(left, right),
}


def _member(*names: str) -> _Step:
    return lambda item: [item[name] for name in names if name in item] if isinstance(item, dict) else []


def _members(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return list(item) if isinstance(item, list) else []


def _items(indexes: list[int]) -> _Step:
    return lambda item: (
        [item[index] for index in indexes if -len(item) <= index < len(item)]
        if isinstance(item, list)
        else []
    )


def _slice(positions: slice) -> _Step:
    return lambda item: item[positions] if isinstance(item, list) else []


def _filter(test: _Test) -> _Step:
    """Return the step to the items that pass a test; of an object, that is the object itself."""
    return lambda item: [
        value
        for value in (item if isinstance(item, list) else [item] if isinstance(item, dict) else [])
        if test(value)
    ]


def _length(item: Any) -> list[Any]:
    return [len(item)] if isinstance(item, list | dict | str) else []


def _descendants(item: Any) -> list[Any]:
    return list(_walk(item))


def _walk(item: Any) -> Iterator[Any]:
    yield item
    for value in _members(item):
        if isinstance(value, list | dict):
            yield from _walk(value)
