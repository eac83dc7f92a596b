"""The intrinsic functions of the states language (`States.Format` …): their syntax, and what each returns.

Written against moto 5.2.5, which passes texts to Python's own functions (`str.format`, slices, codecs), loses what
follows an escaped quote, and cannot read a number with a fraction.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_cloud.json_paths import JsonPathError, path_end, same

_LONGEST_TEXT = 10_000
_MOST_ITEMS = 1_000
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}

_NAME = re.compile(r"\s*States\.([A-Za-z0-9]+)\s*\(")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"true|false|null")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
_PLACE = re.compile(r"\\(.)|\{\}|[{}]", re.DOTALL)


class IntrinsicError(Exception):
    """An intrinsic function was called in a way that it does not allow."""


class IntrinsicSyntaxError(Exception):
    """A text is not a call of an intrinsic function."""


class Literal(str):
    """A text of a definition: as a value without escapes, and as it is written."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, written: str) -> Literal:
        """Read the escapes of a text."""
        text = super().__new__(cls, _ESCAPE.sub(lambda match: _CONTROLS.get(match[1], match[1]), written))
        text.written = written
        return text


@dataclass(frozen=True, slots=True)
class Path:
    """An argument that is a path: of the input (`$`), the context object (`$$`) or a variable (`$name`)."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function."""

    name: str
    arguments: tuple[Any, ...]

    def evaluate(self, read: Callable[[Path], Any]) -> Any:
        """Return the result."""
        values = [
            argument.evaluate(read)
            if isinstance(argument, Call)
            else read(argument)
            if isinstance(argument, Path)
            else argument
            for argument in self.arguments
        ]
        return _FUNCTIONS[self.name][0](*values)


def parse(text: str) -> Call:
    """Parse a call."""
    call, end = _call(text, 0)
    if text[end:].strip():
        raise IntrinsicSyntaxError(f"cannot read {text[end:]!r} behind the function")
    return call


def _call(text: str, at: int) -> tuple[Call, int]:
    match = _NAME.match(text, at)
    if match is None:
        raise IntrinsicSyntaxError(f"there is no intrinsic function at {text[at:]!r}")
    name, at = match[1], _spaces(text, match.end())
    if name not in _FUNCTIONS:
        raise IntrinsicSyntaxError(f"there is no intrinsic function States.{name}")
    arguments: list[Any] = []
    while text[at : at + 1] != ")":
        if arguments:
            if text[at : at + 1] != ",":
                raise IntrinsicSyntaxError(f"there is neither a comma nor a ) at {text[at:]!r}")
            at = _spaces(text, at + 1)
        argument, at = _argument(text, at)
        arguments.append(argument)
        at = _spaces(text, at)
    fewest, most = _FUNCTIONS[name][1:]
    if not fewest <= len(arguments) <= most:
        raise IntrinsicSyntaxError(f"States.{name} does not take {len(arguments)} arguments")
    return Call(name, tuple(arguments)), at + 1


def _argument(text: str, at: int) -> tuple[Any, int]:
    if match := _TEXT.match(text, at):
        return Literal(match[1]), match.end()
    if match := (_NUMBER.match(text, at) or _WORD.match(text, at)):
        return json.loads(match[0]), match.end()
    if text[at : at + 1] == "$":
        try:
            end = path_end(text, at)
        except JsonPathError as error:
            raise IntrinsicSyntaxError(str(error)) from None
        return Path(text[at:end]), end
    return _call(text, at)


def _spaces(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _format(template: Any, *values: Any) -> str:
    text = template.written if isinstance(template, Literal) else _text(template)
    rest = list(values)

    def fill(match: re.Match[str]) -> str:
        if match[1] is not None:
            return _CONTROLS.get(match[1], match[1])
        if match[0] != "{}":
            raise IntrinsicError(f"the template has a {match[0]} that is neither escaped nor part of {{}}")
        if not rest:
            raise IntrinsicError("the template has more {} than there are arguments")
        return _shown(rest.pop(0))

    filled = _PLACE.sub(fill, text)
    if rest:
        raise IntrinsicError("the template has fewer {} than there are arguments")
    return filled


def _shown(value: Any) -> str:
    """Write a value into a text as Java does."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={_shown(entry)}' for key, entry in value.items())}}}"
    return json.dumps(value)


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _from_json(value: Any) -> Any:
    """Read JSON; a blank text is null, as recorded on AWS."""
    text = _text(value)
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError) as error:
        raise IntrinsicError(f"the text is not JSON: {error}") from None


def _partition(items: Any, size: Any) -> list[Any]:
    values, step = _array(items), _integer(size)
    if step < 1:
        raise IntrinsicError(f"the size of a chunk is {step}, not 1 or more")
    return [values[start : start + step] for start in range(0, len(values), step)]


def _range(first: Any, last: Any, step: Any) -> list[int]:
    start, end, by = _integer(first), _integer(last), _integer(step)
    if by == 0:
        raise IntrinsicError("the step is 0")
    numbers = range(start, end + (1 if by > 0 else -1), by)
    if len(numbers) > _MOST_ITEMS:
        raise IntrinsicError(f"the array would have {len(numbers)} items; {_MOST_ITEMS} are allowed")
    return list(numbers)


def _item(items: Any, index: Any) -> Any:
    values, position = _array(items), _integer(index)
    if not 0 <= position < len(values):
        raise IntrinsicError(f"the index {position} is outside of an array of {len(values)} items")
    return values[position]


def _unique(items: Any) -> list[Any]:
    found: list[Any] = []
    for value in _array(items):
        if not any(same(value, other) for other in found):
            found.append(value)
    return found


def _hash(value: Any, algorithm: Any) -> str:
    if algorithm not in _HASHES:
        raise IntrinsicError(f"the algorithm is {algorithm!r}, none of {', '.join(_HASHES)}")
    text = value if isinstance(value, str) else _to_json(value)
    return hashlib.new(_HASHES[algorithm], _short(text).encode(), usedforsecurity=False).hexdigest()


def _decode(value: Any) -> str:
    try:
        return base64.b64decode(_short(value), validate=True).decode()
    except ValueError as error:
        raise IntrinsicError(f"the text is not Base64 of UTF-8: {error}") from None


def _merge(first: Any, second: Any, deep: Any) -> dict[str, Any]:
    if deep is not False:
        raise IntrinsicError("the third argument must be false: objects are merged at their first level only")
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise IntrinsicError("only objects can be merged")
    return {**first, **second}


def _random(start: Any, end: Any, seed: Any = None) -> int:
    first, last = _integer(start), _integer(end)
    if first >= last:
        raise IntrinsicError(f"there is no number from {first} to below {last}")
    source = random if seed is None else random.Random(_integer(seed))  # noqa: S311 - not for secrets
    return source.randrange(first, last)


def _split(value: Any, delimiters: Any) -> list[str]:
    text, characters = _text(value), _text(delimiters)
    if not characters:
        return [text]
    return [part for part in re.split(f"[{re.escape(characters)}]", text) if part]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise IntrinsicError(f"{_to_json(value)} is not a string")
    return str(value)


def _short(value: Any) -> str:
    text = _text(value)
    if len(text) > _LONGEST_TEXT:
        raise IntrinsicError(f"the text has {len(text)} characters; {_LONGEST_TEXT} are allowed")
    return text


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise IntrinsicError(f"{_to_json(value)} is not an array")
    return value


def _integer(value: Any) -> int:
    """Round a number as Java does: halves go up."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise IntrinsicError(f"{_to_json(value)} is not a number")
    return value if isinstance(value, int) else math.floor(value + 0.5)


_MANY = 1_000
# What each returns, and how many arguments it takes at least and at most.
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "Array": (lambda *values: list(values), 0, _MANY),
    "ArrayContains": (lambda items, value: any(same(item, value) for item in _array(items)), 2, 2),
    "ArrayGetItem": (_item, 2, 2),
    "ArrayLength": (lambda items: len(_array(items)), 1, 1),
    "ArrayPartition": (_partition, 2, 2),
    "ArrayRange": (_range, 3, 3),
    "ArrayUnique": (_unique, 1, 1),
    "Base64Decode": (_decode, 1, 1),
    "Base64Encode": (lambda value: base64.b64encode(_short(value).encode()).decode(), 1, 1),
    "Format": (_format, 1, _MANY),
    "Hash": (_hash, 2, 2),
    "JsonMerge": (_merge, 3, 3),
    "JsonToString": (_to_json, 1, 1),
    "MathAdd": (lambda first, second: _integer(first) + _integer(second), 2, 2),
    "MathRandom": (_random, 2, 3),
    "StringSplit": (_split, 2, 2),
    "StringToJson": (_from_json, 1, 1),
    "UUID": (lambda: str(uuid.uuid4()), 0, 0),
}
