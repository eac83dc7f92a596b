"""Expressions: values that are known only while a workflow runs, as JSONata.

A state's arguments are plain Python data with expressions: `{"image": Input("body.image"), "limit": 5}`.
Expressions read the input of the workflow (`Input`), the `result` of an earlier state (`Variable`), or the
item of a `Map` (`Item`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.errors import InvalidArgumentError, LimitExceededError

MAX_DATA_BYTES: Final = 262_144
"""Step Functions' quota for the data of one state: 256 KiB."""

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_PART: Final = re.compile(r"([^\[\]`.]+)((?:\[-?\d+\])*)")
_UNSET: Final = object()


class Expression:
    """Value that is evaluated while a workflow runs. Comparisons return a `Condition`.

    A comparison with a missing value is false, not an error.

    Example:
        >>> Variable("labels.score").less_than(0.5).code
        '(($labels.score < 0.5) = true)'
    """

    __slots__ = ()

    @property
    def code(self) -> str:
        """The expression in JSONata, without delimiters."""
        raise NotImplementedError

    def equals(self, value: object) -> Condition:
        """Return the condition that it equals `value`."""
        return Condition(f"({self.code} = {code_of(value)})")

    def less_than(self, value: object) -> Condition:
        """Return the condition that it is below `value`, a number or a string."""
        return self._compared("<", value)

    def at_most(self, value: object) -> Condition:
        """Return the condition that it is `value` or below."""
        return self._compared("<=", value)

    def greater_than(self, value: object) -> Condition:
        """Return the condition that it is above `value`."""
        return self._compared(">", value)

    def at_least(self, value: object) -> Condition:
        """Return the condition that it is `value` or above."""
        return self._compared(">=", value)

    def is_in(self, values: Sequence[object]) -> Condition:
        """Return the condition that it is one of `values`."""
        return Condition(f"({self.code} in [{', '.join(code_of(value) for value in values)}])")

    def exists(self) -> Condition:
        """Return the condition that it exists. Null exists."""
        return Condition(f"$exists({self.code})")

    def _compared(self, operator: str, value: object) -> Condition:
        return Condition(f"(({self.code} {operator} {code_of(value)}) = true)")


@dataclass(frozen=True, slots=True)
class Jsonata(Expression):
    """Expression in JSONata, for values that the other classes cannot express.

    Attributes:
        text: Expression without `{%` and `%}`. It can use `$states.input`, `$states.context` and the
            variables.

    Raises:
        InvalidArgumentError: if it is empty or has delimiters.

    Example:
        >>> Jsonata("$sum($pages.words)").code
        '$sum($pages.words)'
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip() or "{%" in self.text or "%}" in self.text:
            raise InvalidArgumentError(
                "Jsonata", f"{self.text!r} is not an expression", "write it without '{%' and '%}'"
            )

    @property
    def code(self) -> str:
        """See `Expression`."""
        return self.text


@dataclass(frozen=True, slots=True)
class Condition(Expression):
    """Condition: the result of a comparison of an `Expression`. Combine conditions with `&`, `|` and `~`.

    Example:
        >>> (Input("body.kind").equals("scan") & ~Variable("text.words").exists()).code
        '(($states.context.Execution.Input.body.kind = "scan") and $not($exists($text.words)))'
    """

    text: str

    @property
    def code(self) -> str:
        """See `Expression`."""
        return self.text

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"({self.code} and {other.code})")

    def __or__(self, other: Condition) -> Condition:
        return Condition(f"({self.code} or {other.code})")

    def __invert__(self) -> Condition:
        return Condition(f"$not({self.code})")


@dataclass(frozen=True, slots=True)
class _Path(Expression):
    path: str = ""
    default: Any = _UNSET

    def __post_init__(self) -> None:
        if not isinstance(self.path, str):
            raise InvalidArgumentError(
                type(self).__name__, f"path {self.path!r} is not a string", "pass 'a.b[0].c'"
            )
        _steps(type(self).__name__, self.path)

    @property
    def code(self) -> str:
        """See `Expression`."""
        root, steps = self._root()
        code = f"{root}{''.join(steps)}"
        if self.default is _UNSET:
            return code
        return f"($exists({code}) ? {code} : {code_of(self.default)})"

    def _root(self) -> tuple[str, list[str]]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Input(_Path):
    """Part of the workflow's input; the same in every state.

    Attributes:
        path: Path in the input, such as `body.pages[0]`. Default: the whole input.
        default: Value if the part is missing. Default: none; the state fails with `States.QueryEvaluationError`.

    Example:
        >>> Input("body.image").code
        '$states.context.Execution.Input.body.image'
    """

    def _root(self) -> tuple[str, list[str]]:
        return "$states.context.Execution.Input", _steps("Input", self.path)


@dataclass(frozen=True, slots=True)
class Item(_Path):
    """Part of the item of an iteration of a `Map`.

    Attributes:
        path: Path in the item. Default: the whole item.
        default: Value if the part is missing. Default: none; the state fails with `States.QueryEvaluationError`.

    Example:
        >>> Item("image").code
        '$states.input.image'
    """

    def _root(self) -> tuple[str, list[str]]:
        return "$states.input", _steps("Item", self.path)


@dataclass(frozen=True, slots=True)
class Variable(_Path):
    """Part of a variable that the `result` of an earlier state set.

    Attributes:
        path: Name of the variable and path in it, such as `text.lines[0]`.
        default: Value if the part is missing. Default: none; the state fails with `States.QueryEvaluationError`.

    Example:
        >>> Variable("text.lines").code
        '$text.lines'
    """

    def _root(self) -> tuple[str, list[str]]:
        name, *rest = _steps("Variable", self.path) or [""]
        check_variable("Variable", "path", name.removeprefix(".").partition("[")[0])
        return f"${name.removeprefix('.')}", rest

    def __post_init__(self) -> None:
        _Path.__post_init__(self)
        self._root()


def check_variable(where: str, argument: str, name: object) -> None:
    """Check the name of a variable."""
    if not isinstance(name, str) or re.fullmatch(_NAME, name) is None or len(name) > 80 or name == "states":
        raise InvalidArgumentError(
            where,
            f"{argument} {name!r} is not a valid variable name",
            "use up to 80 letters, digits and '_', not a digit first, and not 'states'",
        )


def template(where: str, value: object) -> Any:
    """Return plain data with expressions in Amazon States Language.

    Args:
        where: Owner of the data, for error messages.
        value: Dicts with string keys, lists, strings, finite numbers, booleans, None and expressions.

    Raises:
        InvalidArgumentError: if it contains other types.
        LimitExceededError: if it is larger than the quota for the data of a state.
    """
    data = _template(where, value)
    size = len(json.dumps(data).encode())
    if size > MAX_DATA_BYTES:
        raise LimitExceededError(
            where,
            f"holds {size:,} bytes of data and a state may have {MAX_DATA_BYTES:,}",
            "store the data in a bucket and pass its key",
        )
    return data


def code_of(value: object) -> str:
    """Return a value as JSONata code: the code of an expression, or the literal of plain data."""
    if isinstance(value, Expression):
        return value.code
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json.dumps(str(key))}: {code_of(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(code_of(one) for one in value)}]"
    _check_plain("an expression", value)
    return json.dumps(value)


def delimited(code: str) -> str:
    """Return JSONata code as a value of Amazon States Language."""
    return f"{{% {code} %}}"


def expressions_in(value: object) -> Iterator[Expression]:
    """Yield the expressions in plain data."""
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from expressions_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from expressions_in(one)


def _template(where: str, value: object) -> Any:
    if isinstance(value, Expression):
        return delimited(value.code)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidArgumentError(where, f"key {key!r} is not a string", "JSON has only string keys")
        return {key: _template(where, one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_template(where, one) for one in value]
    _check_plain(where, value)
    if isinstance(value, str) and value.strip().startswith("{%") and value.strip().endswith("%}"):
        raise InvalidArgumentError(
            where, f"the string {value!r} would be evaluated", "pass Jsonata(...) to evaluate it"
        )
    return value


def _check_plain(where: str, value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidArgumentError(where, f"{value!r} is not a number in JSON", "use a finite number")
    if value is not None and not isinstance(value, str | int | float | bool):
        raise InvalidArgumentError(
            where,
            f"a value of type {type(value).__name__} is neither JSON nor an expression",
            "use dicts, lists, strings, numbers, booleans, None, and Input, Variable, Item or Jsonata",
        )


def _steps(where: str, path: str) -> list[str]:
    steps = []
    for part in path.split(".") if path else ():
        match = _PART.fullmatch(part)
        if match is None:
            raise InvalidArgumentError(where, f"path {path!r} is not valid", "write it as 'a.b[0].c'")
        name = match[1] if re.fullmatch(_NAME, match[1]) else f"`{match[1]}`"
        steps.append(f".{name}{match[2]}")
    return steps
