"""The conditions of IAM policies: a statement applies where all of its conditions hold.

An operator that this file does not know decides nothing; `UnknownOperatorError` leaves it to the caller to choose the
safe side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import Any

Facts = Mapping[str, "str | Sequence[str]"]
"""What is known of a request: values by condition key, such as `aws:SourceIp`, in any case."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# `${*}`, `${?}` and `${$}` stand for the characters themselves.
_LITERAL = {"*": "[*]", "?": "[?]", "$": "[$]"}


class UnknownOperatorError(Exception):
    """A condition has an operator that IAM may know and this file does not."""


def applies(statement: Mapping[str, Any], facts: Facts) -> bool:
    """Return whether the conditions of a statement hold; a statement with an unknown operator can only deny."""
    try:
        return conditions_hold(statement.get("Condition") or {}, facts)
    except UnknownOperatorError:
        return statement.get("Effect") == "Deny"


def conditions_hold(conditions: Mapping[str, Mapping[str, object]], facts: Facts) -> bool:
    """Return whether all conditions of a statement hold for a request."""
    values = {key.lower(): _values(value) for key, value in facts.items()}
    return all(
        _holds(operator, key.lower(), _values(expected), values)
        for operator, block in conditions.items()
        for key, expected in block.items()
    )


@lru_cache(maxsize=4096)
def wildcard(pattern: str) -> re.Pattern[str]:
    """Return the expression for a pattern in which `*` is any text and `?` any character."""
    expression = re.escape(pattern)
    for character in _LITERAL:
        written = re.escape(f"[{character}]")
        expression = expression.replace(written, f"\0{ord(character)}\0")
    expression = expression.replace(r"\*", ".*").replace(r"\?", ".")
    for character in _LITERAL:
        expression = expression.replace(f"\0{ord(character)}\0", re.escape(character))
    return re.compile(expression, re.DOTALL)


def with_variables(pattern: str, facts: Mapping[str, Sequence[str]]) -> str | None:
    """Fill in the policy variables of a pattern, such as `home/${aws:username}/*`; None if the request lacks one.

    The names of facts are in lower case. Characters that stand for themselves are put in brackets, for `wildcard`.
    """
    if "${" not in pattern:
        return pattern
    missing = False

    def fill(match: re.Match[str]) -> str:
        nonlocal missing
        if match[1] in _LITERAL:
            return _LITERAL[match[1]]
        name, _, default = match[1].partition(",")
        values = facts.get(name.strip().lower())
        if values:
            return "".join(_LITERAL.get(character, character) for character in values[0])
        missing = missing or not default
        return default.strip().strip("'")

    filled = _VARIABLE.sub(fill, pattern)
    return None if missing else filled


def _values(value: object) -> list[str]:
    entries = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return [str(entry).lower() if isinstance(entry, bool) else str(entry) for entry in entries]


def _holds(operator: str, key: str, expected: list[str], facts: Mapping[str, list[str]]) -> bool:
    quantifier, _, name = operator.rpartition(":")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    actual = facts.get(key)
    if name == "Null":
        return any((value.lower() == "true") == (actual is None) for value in expected)
    negated, compare = _comparison(name)
    patterns = [pattern for value in expected if (pattern := with_variables(value, facts)) is not None]

    def meets(value: str) -> bool:
        return negated != any(compare(value, pattern) for pattern in patterns)

    if quantifier.lower() == "forallvalues":
        return all(meets(value) for value in actual or ())
    if quantifier.lower() == "foranyvalue":
        return any(meets(value) for value in actual or ())
    if quantifier:
        raise UnknownOperatorError(operator)
    if actual is None:
        return optional or negated
    return any(meets(value) for value in actual)


def _comparison(name: str) -> tuple[bool, Callable[[str, str], bool]]:
    """Return whether an operator is negated, and how its positive form compares."""
    positive = name if name in _COMPARISONS else name.replace("Not", "", 1)
    compare = _COMPARISONS.get(positive)
    if compare is None:
        raise UnknownOperatorError(name)
    return positive != name, compare


def arn_like(pattern: str, arn: str) -> bool:
    """Compare as `ArnLike` does: each of the six parts of an ARN by itself, with `*` and `?`."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(
        wildcard(expected).fullmatch(part) is not None for expected, part in zip(patterns, parts, strict=True)
    )


def _ip(actual: str, expected: str) -> bool:
    try:
        return ip_address(actual) in ip_network(expected, strict=False)
    except ValueError:
        return False


def _ordered(
    read: Callable[[str], float], compare: Callable[[float, float], bool]
) -> Callable[[str, str], bool]:
    def compared(actual: str, expected: str) -> bool:
        try:
            return compare(read(actual), read(expected))
        except ValueError:
            return False

    return compared


def _seconds(value: str) -> float:
    """Read a date as ISO 8601 or as seconds since 1970."""
    try:
        return float(value)
    except ValueError:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _plain(pattern: str) -> str:
    """Return a value that has no wildcards as it was meant, without the brackets of filled-in variables."""
    for character, written in _LITERAL.items():
        pattern = pattern.replace(written, character)
    return pattern


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "Equals": eq, "LessThan": lt, "LessThanEquals": le, "GreaterThan": gt, "GreaterThanEquals": ge,
}  # fmt: skip
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda actual, expected: actual == _plain(expected),
    "StringEqualsIgnoreCase": lambda actual, expected: actual.lower() == _plain(expected).lower(),
    "StringLike": lambda actual, expected: wildcard(expected).fullmatch(actual) is not None,
    "ArnEquals": lambda actual, expected: arn_like(expected, actual),
    "ArnLike": lambda actual, expected: arn_like(expected, actual),
    "Bool": lambda actual, expected: actual.lower() == expected.lower(),
    "BinaryEquals": lambda actual, expected: actual == expected,
    "IpAddress": _ip,
    **{f"Numeric{name}": _ordered(float, compare) for name, compare in _ORDERS.items()},
    **{f"Date{name}": _ordered(_seconds, compare) for name, compare in _ORDERS.items()},
}
