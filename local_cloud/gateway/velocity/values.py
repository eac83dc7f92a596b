"""Values inside a template: how they become text, how they compare, and which of Java's methods they have."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Method = Callable[..., Any]


class VelocityError(Exception):
    """A template cannot be parsed or evaluated; the message says where and why."""


class HostObject:
    """An object of the caller's, of which a template sees the members that this lists."""

    __slots__ = ("methods", "properties")

    def __init__(
        self, *, properties: Mapping[str, Any] | None = None, methods: Mapping[str, Method] | None = None
    ) -> None:
        self.properties = properties or {}
        self.methods = methods or {}


class JsonList(list[Any]):
    """A list that came from JSON: as text it is JSON again, where a list of the template's own is Java's text."""


def to_text(value: Any) -> str:
    """Return a value as Java writes it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, JsonList):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, list):
        return f"[{', '.join(_element(entry) for entry in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_element(key)}={_element(entry)}' for key, entry in value.items())}}}"
    if isinstance(value, Entry):
        return f"{_element(value.key)}={_element(value.value)}"
    return "" if isinstance(value, HostObject) else str(value)


def _element(value: Any) -> str:
    return "null" if value is None else to_text(value)


def is_true(value: Any) -> bool:
    """Return the truth of a value in a condition: everything is true but null and false."""
    return value is not None and value is not False


def are_equal(left: Any, right: Any) -> bool:
    """Compare as `==` does: numbers by value, values of different kinds by their texts."""
    if left is None or right is None:
        return left is right
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, bool) == isinstance(right, bool) and type(left) is type(right):
        return bool(left == right)
    return to_text(left) == to_text(right)


def is_number(value: Any) -> bool:
    """Return whether a value is a number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class Entry:
    """One entry of a map, as `entrySet()` gives it."""

    __slots__ = ("key", "value")

    def __init__(self, key: Any, value: Any) -> None:
        self.key = key
        self.value = value


def property_of(value: Any, name: str) -> Any:
    """Return what `$value.name` is; None for what a value does not have."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, HostObject):
        found = value.properties.get(name)
        return found() if callable(found) else found
    if isinstance(value, Entry):
        return {"key": value.key, "value": value.value}.get(name)
    if isinstance(value, list | str):
        return not value if name == "empty" else None
    return None


def item_of(value: Any, index: Any) -> Any:
    """Return what `$value[index]` is; None for what a value does not have."""
    if isinstance(value, dict):
        return value.get(index)
    if isinstance(value, list) and isinstance(index, int):
        position = index + len(value) if index < 0 else index
        return value[position] if 0 <= position < len(value) else None
    if isinstance(value, HostObject):
        return property_of(value, to_text(index))
    return None


def set_item(value: Any, key: Any, new: Any) -> None:
    """Carry out `#set($value.key = new)`; where a value takes none, nothing happens."""
    is_position = isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value)
    if isinstance(value, dict) or is_position:
        value[key] = new


def call(value: Any, name: str, arguments: list[Any]) -> Any:
    """Return what `$value.name(arguments)` gives; None where a value has no such method."""
    method = value.methods.get(name) if isinstance(value, HostObject) else _method(value, name)
    if method is None:
        return None
    try:
        return method(*arguments) if isinstance(value, HostObject) else method(value, *arguments)
    except VelocityError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, re.error) as error:
        raise VelocityError(f"{name}() has failed: {error}") from error


def _method(value: Any, name: str) -> Method | None:
    for kind, methods in _METHODS:
        if isinstance(value, kind) and name in methods:
            return methods[name]
    return _ANY.get(name) if value is not None else None


def _entries(value: dict[Any, Any]) -> list[Entry]:
    return [Entry(key, entry) for key, entry in value.items()]


def _java_pattern(pattern: Any) -> re.Pattern[str]:
    """Compile a regular expression, of which Java's dialect differs in what templates do not use."""
    return re.compile(re.sub(r"\(\?<([A-Za-z])", r"(?P<\1", to_text(pattern)))


def _replacement(text: Any) -> str:
    """Translate Java's `$1` and its escaped characters to Python's."""
    escaped = re.sub(r"\\(.)", lambda match: f"\0{ord(match[1])}\0", to_text(text))
    groups = re.sub(r"\$(\d)", r"\\g<\1>", escaped.replace("\\", r"\\"))
    return re.sub(r"\0(\d+)\0", lambda match: chr(int(match[1])).replace("\\", r"\\"), groups)


def _split(text: str, pattern: Any, limit: int = 0) -> list[str]:
    parts: list[str] = _java_pattern(pattern).split(text, maxsplit=max(limit - 1, 0))
    while limit == 0 and len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= stop <= len(text):
        raise VelocityError(f"substring({start}, {stop}) is outside of a text of {len(text)} characters")
    return text[start:stop]


def _put(value: dict[Any, Any], key: Any, new: Any) -> Any:
    before = value.get(key)
    value[key] = new
    return before


def _put_all(value: dict[Any, Any], other: Mapping[Any, Any]) -> None:
    value.update(other)


def _add(value: list[Any], first: Any, *second: Any) -> bool | None:
    if second:
        value.insert(first, second[0])
        return None
    value.append(first)
    return True


def _add_all(value: list[Any], other: list[Any]) -> bool:
    value.extend(other)
    return bool(other)


def _set(value: list[Any], index: int, new: Any) -> Any:
    before, value[index] = value[index], new
    return before


def _remove(value: list[Any], entry: Any) -> Any:
    if isinstance(entry, int) and not isinstance(entry, bool):
        return value.pop(entry)
    if entry not in value:
        return False
    value.remove(entry)
    return True


def _at(value: list[Any], index: int) -> Any:
    if not 0 <= index < len(value):
        raise VelocityError(f"there is no element {index} in a list of {len(value)}")
    return value[index]


_STRING: dict[str, Method] = {
    "charAt": lambda text, index: _substring(text, index, index + 1),
    "compareTo": lambda text, other: (text > other) - (text < other),
    "concat": lambda text, other: text + to_text(other),
    "contains": lambda text, other: to_text(other) in text,
    "endsWith": lambda text, other: text.endswith(to_text(other)),
    "equalsIgnoreCase": lambda text, other: text.lower() == to_text(other).lower(),
    "indexOf": lambda text, other, start=0: text.find(to_text(other), start),
    "isEmpty": lambda text: not text,
    "lastIndexOf": lambda text, other: text.rfind(to_text(other)),
    "length": len,
    "matches": lambda text, pattern: _java_pattern(pattern).fullmatch(text) is not None,
    "replace": lambda text, old, new: text.replace(to_text(old), to_text(new)),
    "replaceAll": lambda text, pattern, new: _java_pattern(pattern).sub(_replacement(new), text),
    "replaceFirst": lambda text, pattern, new: _java_pattern(pattern).sub(_replacement(new), text, count=1),
    "split": _split,
    "startsWith": lambda text, other: text.startswith(to_text(other)),
    "substring": _substring,
    "toLowerCase": lambda text: text.lower(),
    "toUpperCase": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    # Templates read numbers with the methods of Java's classes, which any instance of them has.
    "parseInt": lambda _text, digits: int(digits),
    "valueOf": lambda _text, value: to_text(value),
}
_LIST: dict[str, Method] = {
    "add": _add,
    "addAll": _add_all,
    "clear": lambda value: value.clear(),
    "contains": lambda value, entry: entry in value,
    "get": _at,
    "indexOf": lambda value, entry: value.index(entry) if entry in value else -1,
    "isEmpty": lambda value: not value,
    "iterator": list,
    "remove": _remove,
    "set": _set,
    "size": len,
    "subList": lambda value, start, end: value[start:end],
    "toArray": list,
}
_MAP: dict[str, Method] = {
    "clear": lambda value: value.clear(),
    "containsKey": lambda value, key: key in value,
    "containsValue": lambda value, entry: entry in value.values(),
    "entrySet": _entries,
    "get": lambda value, key: value.get(key),
    "getOrDefault": lambda value, key, default: value.get(key, default),
    "isEmpty": lambda value: not value,
    "keySet": list,
    "put": _put,
    "putAll": _put_all,
    "remove": lambda value, key: value.pop(key, None),
    "size": len,
    "values": lambda value: list(value.values()),
}
_NUMBER: dict[str, Method] = {
    "compareTo": lambda value, other: (value > other) - (value < other),
    "doubleValue": float,
    "intValue": int,
    "longValue": int,
    "parseInt": lambda _value, digits: int(digits),
}
_ENTRY: dict[str, Method] = {
    "getKey": lambda value: value.key,
    "getValue": lambda value: value.value,
}
_ANY: dict[str, Method] = {
    "equals": are_equal,
    "hashCode": lambda value: hash(to_text(value)),
    "toString": to_text,
}
_METHODS: tuple[tuple[Any, dict[str, Method]], ...] = (
    (str, _STRING),
    (list, _LIST),
    (dict, _MAP),
    (bool, {"booleanValue": lambda value: value}),
    ((int, float), _NUMBER),
    (Entry, _ENTRY),
)
