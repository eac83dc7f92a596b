"""Event patterns of EventBridge: which are valid, and what they match.

moto 5.2.5 accepts almost every pattern, knows few matchers, does not look into lists of objects, and answers
TestEventPattern with nothing; it also puts events whose detail is not a JSON object on a bus.
"""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from moto.events.exceptions import InvalidEventPatternException, ValidationException
from moto.events.models import EventPattern, EventPatternParser, EventsBackend
from moto.events.responses import EventsHandler

from local_cloud.patches import extends, replaces

_LARGEST_NUMBER = 5e9
_LOWER, _UPPER = (">", ">="), ("<", "<=")
_COMPARE = {"<": operator.lt, "<=": operator.le, "=": operator.eq, ">": operator.gt, ">=": operator.ge}
_OF_TEXTS = ("prefix", "suffix", "equals-ignore-case", "wildcard")


class _InvalidPattern(Exception):
    """A pattern that EventBridge would refuse."""


def parse(text: str) -> dict[str, Any]:
    """Read a pattern."""
    try:
        pattern = json.loads(text)
        if not isinstance(pattern, dict):
            raise _InvalidPattern("Filter is not an object")
        _check(pattern)
    except ValueError:
        raise InvalidEventPatternException(reason="Invalid JSON") from None
    except _InvalidPattern as error:
        raise InvalidEventPatternException(reason=str(error)) from None
    return pattern


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Return whether an event matches a pattern, which is valid."""
    for name, part in pattern.items():
        if name == "$or" and _is_alternatives(part):
            if not any(matches(alternative, event) for alternative in part):
                return False
        elif isinstance(part, dict):
            # of a list of objects, what is in any of them counts
            if not matches(part, list(_members(event, name))):
                return False
        elif not any(_matches(filter_, list(_leaves(_members(event, name)))) for filter_ in part):
            return False
    return True


def _members(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, list):
        for entry in value:
            yield from _members(entry, name)
    elif isinstance(value, dict) and name in value:
        yield value[name]


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _leaves(value)
        elif not isinstance(value, dict):
            yield value


def _matches(filter_: Any, values: list[Any]) -> bool:
    if isinstance(filter_, dict):
        kind, wanted = next(iter(filter_.items()))
        if kind == "exists":
            return bool(values) is wanted
        return any(_MATCHERS[kind](wanted, value) for value in values)
    return any(_same(filter_, value) for value in values)


def _same(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool) or wanted is None or value is None:
        return wanted is value
    return bool(wanted == value)


def _text(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def match(wanted: Any, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if isinstance(wanted, dict):
            return test(wanted["equals-ignore-case"].lower(), value.lower())
        return test(wanted, value)

    return match


def _anything_but(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, dict):
        kind, unwanted = next(iter(wanted.items()))
        texts = unwanted if isinstance(unwanted, list) else [unwanted]
        return not any(_MATCHERS[kind](text, value) for text in texts)
    return not any(_same(unwanted, value) for unwanted in (wanted if isinstance(wanted, list) else [wanted]))


def _numeric(wanted: list[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return all(_COMPARE[name](value, limit) for name, limit in zip(wanted[::2], wanted[1::2], strict=True))


def _cidr(wanted: str, value: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


@lru_cache(maxsize=512)
def _wildcard(wanted: str) -> re.Pattern[str]:
    parts = re.split(r"(\\.|\*)", wanted, flags=re.DOTALL)
    return re.compile(
        "".join(
            ".*" if part == "*" else re.escape(part[1:] if part.startswith("\\") else part) for part in parts
        ),
        re.DOTALL,
    )


_MATCHERS: dict[str, Callable[[Any, Any], bool]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _text(lambda wanted, value: wanted.lower() == value.lower()),
    "numeric": _numeric,
    "prefix": _text(lambda wanted, value: value.startswith(wanted)),
    "suffix": _text(lambda wanted, value: value.endswith(wanted)),
    "wildcard": _text(lambda wanted, value: _wildcard(wanted).fullmatch(value) is not None),
}


def _is_alternatives(part: Any) -> bool:
    return isinstance(part, list) and len(part) > 1 and all(isinstance(entry, dict) for entry in part)


def _check(pattern: Mapping[str, Any]) -> None:
    if not pattern:
        raise _InvalidPattern("Empty objects are not allowed")
    for name, part in pattern.items():
        if name == "$or" and _is_alternatives(part):
            for alternative in part:
                _check(alternative)
        elif isinstance(part, dict):
            _check(part)
        elif not isinstance(part, list):
            raise _InvalidPattern(f'"{name}" must be an object or an array')
        elif not part:
            raise _InvalidPattern("Empty arrays are not allowed")
        else:
            for filter_ in part:
                _check_filter(filter_)


def _check_filter(filter_: Any) -> None:
    if isinstance(filter_, list):
        raise _InvalidPattern("Match value must be String, number, true, false, or null")
    if not isinstance(filter_, dict):
        return
    if len(filter_) != 1:
        raise _InvalidPattern("Only one key allowed in match expression")
    kind, wanted = next(iter(filter_.items()))
    if kind == "exists":
        _require(isinstance(wanted, bool), "exists match pattern must be either true or false.")
    elif kind == "numeric":
        _check_numeric(wanted)
    elif kind == "cidr":
        _check_cidr(wanted)
    elif kind == "anything-but":
        _check_anything_but(wanted)
    elif kind in _OF_TEXTS:
        _check_text(kind, wanted)
    else:
        raise _InvalidPattern(f"Unrecognized match type {kind}")


def _check_text(kind: str, wanted: Any) -> None:
    if kind in ("prefix", "suffix") and isinstance(wanted, dict):
        _require(list(wanted) == ["equals-ignore-case"], f"Unsupported {kind} pattern")
        wanted = wanted["equals-ignore-case"]
    _require(isinstance(wanted, str), f"{kind} match pattern must be a string")
    if kind in ("prefix", "suffix"):
        _require(wanted != "", "Null prefix/suffix not allowed")
    if kind == "wildcard":
        plain = re.sub(r"\\[\\*]", "", wanted)
        _require("\\" not in plain, "Invalid escape character at pos 0")
        _require("**" not in wanted.replace("\\*", ""), "Consecutive wildcard characters at pos 0")


def _check_anything_but(wanted: Any) -> None:
    if isinstance(wanted, dict):
        _require(len(wanted) == 1, "Only one key allowed in match expression")
        kind, texts = next(iter(wanted.items()))
        _require(kind in _OF_TEXTS, f"Unsupported anything-but pattern: {kind}")
        _require(texts != [], "Empty arrays are not allowed")
        for text in texts if isinstance(texts, list) else [texts]:
            _check_text(kind, text)
        return
    values = wanted if isinstance(wanted, list) else [wanted]
    _require(bool(values), "Empty arrays are not allowed")
    are_plain = all(isinstance(value, str) for value in values) or all(map(_is_number, values))
    _require(are_plain, "Inside anything but list, start|null|boolean is not supported.")


def _check_numeric(wanted: Any) -> None:
    _require(isinstance(wanted, list) and bool(wanted), "Invalid member in numeric match: []")
    _require(len(wanted) in (2, 4), "Too many elements or a missing number in numeric expression")
    operators, limits = wanted[::2], wanted[1::2]
    _require(set(map(str, operators)) <= _COMPARE.keys(), "Unrecognized numeric range operator")
    _require(all(map(_is_number, limits)), "Value of a numeric range operator must be numeric")
    largest = max(map(abs, limits))
    _require(largest <= _LARGEST_NUMBER, "Value must be between -5.0E9 and 5.0E9, inclusive")
    if len(operators) == 2:
        _require(operators[0] in _LOWER and operators[1] in _UPPER, "Bad numeric range operator")
        _require(limits[0] < limits[1], "Bottom must be less than top")


def _check_cidr(wanted: Any) -> None:
    _require(isinstance(wanted, str), "prefix match pattern must be a string")
    address, slash, bits = str(wanted).partition("/")
    try:
        _require(bool(slash) and bits.isdigit(), "Malformed CIDR, one '/' required")
        ipaddress.ip_address(address)
        ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        raise _InvalidPattern(f"Malformed CIDR: {wanted}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise _InvalidPattern(reason)


EventPatternParser.parse = lambda parser: parse(parser.pattern) if parser.pattern else {}
EventPattern.matches_event = lambda pattern, event: matches(pattern.get_pattern(), event)


@replaces(EventsHandler)
def _test_event_pattern(response: Any) -> tuple[str, dict[str, Any]]:
    pattern = parse(response._get_param("EventPattern") or "")
    try:
        event = json.loads(response._get_param("Event") or "")
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise ValidationException("Parameter Event is not valid.")
    lacking = [
        name for name in ("id", "account", "source", "time", "region", "detail-type") if name not in event
    ]
    if lacking:
        raise ValidationException(f"Parameter Event is not valid. Reason: {lacking[0]} is missing")
    return json.dumps({"Result": matches(pattern, event)}), dict(response.response_headers)


@extends(EventsBackend)
def _put_events(
    original: Callable[..., Any], backend: Any, events: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Reject the events whose detail is not an object."""
    details = [event.get("Detail") for event in events]
    malformed = [index for index, detail in enumerate(details) if detail and not _is_object(detail)]
    if not malformed or len(events) > 10:
        return list(original(backend, events))
    rest = [event for index, event in enumerate(events) if index not in malformed]
    entries = list(original(backend, rest)) if rest else []
    for index in malformed:
        entries.insert(index, {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."})
    return entries


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False
