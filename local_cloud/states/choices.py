"""Comparisons of Choice states, and the timestamps that Choice and Wait states read.

Written against moto 5.2.5, which takes a missing variable for one that does not match, knows no fractions of seconds and
no offsets in timestamps, waits for a timestamp in the machine's own time zone, exchanges the sides of a comparison with a
variable (`$name`), cannot read the context object (`$$.name`) there, fails where the sides have different types, and reads
`?` and `[` in `StringMatches` as wildcards; a choice without a match is a `States.Runtime`; `Assign` and `Output` of a
Choice state take effect too if a rule leads to the same state as `Default`; and `Assign` of a rule in JSONPath is lost.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from local_cloud.json_paths import MISSING
from local_cloud.patches import extends, replaces
from local_cloud.states import parser
from local_cloud.states.expressions import read_path
from local_cloud.states.failures import evaluation_error, failure, runtime_error
from local_cloud.states.jsonata import QueryError

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_WILDCARD = re.compile(r"\\(.)|(\*)|([^\\*]+|\\)", re.DOTALL)


def _timestamp(value: Any) -> datetime | None:
    """Read a timestamp as RFC 3339 has it, with `T` and an offset or `Z`."""
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _matches(text: str, pattern: str) -> bool:
    r"""Return whether a text matches a pattern, in which `*` stands for any characters and `\*` for itself."""

    def expression(part: re.Match[str]) -> str:
        return ".*" if part[2] else re.escape(part[1] or part[3])

    return re.fullmatch(_WILDCARD.sub(expression, pattern), text, re.DOTALL) is not None


def _of_type(*types: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) in types else None


# The value that is compared; None for a value of another type.
_TYPES: dict[str, Callable[[Any], Any]] = {
    "Boolean": _of_type(bool),
    "Numeric": _of_type(int, float),
    "String": _of_type(str),
    "Timestamp": _timestamp,
}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "Matches": _matches,
}


@replaces(parser.ComparisonVariable, "_eval_body")
def _compare(comparison: Any, env: Any) -> None:
    function, variable = comparison.comparison_function, comparison.variable.string_sampler
    name, expected = function.operator_type.name, function.value
    path = (
        f"${variable.json_path}" if isinstance(variable, parser.StringContextPath) else variable.literal_value
    )
    value = _read(env, path, required=name != "IsPresent")
    if name.startswith("Is"):
        env.stack.append(_is(name.removeprefix("Is"), value) is expected)
        return
    if isinstance(function, parser.ComparisonFuncStringVariableSample):
        expected = function.string_variable_sample.literal_value
    if name.endswith("Path"):
        expected = _read(env, expected, required=True)
    kind = next(kind for kind in _TYPES if name.startswith(kind))
    sides = [_TYPES[kind](side) for side in (value, expected)]
    test = _TESTS[name.removeprefix(kind).removesuffix("Path")]
    env.stack.append(None not in sides and test(*sides))


def _read(env: Any, path: str, *, required: bool) -> Any:
    try:
        return read_path(env, path, env.stack[-1])
    except (NoSuchJsonPathError, QueryError):
        if not required:
            return MISSING
        cause = f"Invalid path '{path}': The choice state's condition path references an invalid value."
        raise runtime_error(env, cause) from None


def _is(kind: str, value: Any) -> bool:
    if kind == "Present":
        return value is not MISSING
    return value is None if kind == "Null" else _TYPES[kind](value) is not None


@extends(Preprocessor, "visitChoice_rule_comparison_composite", "visitChoice_rule_comparison_variable")
def _with_assign(original: Callable[..., Any], visitor: Any, context: Any) -> Any:
    """Read `Assign` of a rule in JSONPath too."""
    rule = original(visitor, context)
    if rule.assign is None:
        parts = map(visitor.visit, context.children)
        rule.assign = next((part for part in parts if isinstance(part, parser.AssignDecl)), None)
    return rule


@replaces(parser.ChoiceRule, "_eval_body")
def _apply(rule: Any, env: Any) -> None:
    rule.comparison.eval(env)
    if env.stack.pop() is not True:
        env.stack.append(False)
        return
    for part in (rule.assign, rule.output):
        if part is not None:
            part.eval(env)
    env.stack.append(True)


@replaces(parser.StateChoice, "_eval_state")
def _choose(state: Any, env: Any) -> None:
    """Find the next state. `Assign` and `Output` of the state itself are for the default only."""
    for rule in state.choices_decl.rules:
        rule.eval(env)
        if env.stack.pop() is True:
            env.stack.append(rule.next_stmt.name)
            return
    if state.default_state is None:
        cause = f"No rule of the Choice state '{state.name}' matched, and it has no Default."
        raise failure(env, "States.NoChoiceMatched", cause, HistoryEventType.ExecutionFailed)
    for part in (state.assign_decl, state.output):
        if part is not None:
            part.eval(env)
    env.stack.append(state.default_state.state_name)


@replaces(parser.StateChoice, "_eval_state_output")
def _leave(state: Any, env: Any) -> None:
    following = env.stack.pop()
    if state._is_language_query_jsonpath():
        parser.CommonStateField._eval_state_output(state, env)
    env.next_state_name = following


parser.Timestamp._from_timestamp_string = staticmethod(_timestamp)


@replaces(parser.Timestamp, "_get_wait_seconds")
def _get_wait_seconds(wait: Any, env: Any) -> int:
    wait.string.eval(env=env)
    text = env.stack.pop()
    if (moment := _timestamp(text)) is not None:
        return int((moment - datetime.now(UTC)).total_seconds())
    expected = "ISO-8601 extended offset date-time format string"
    if isinstance(wait.string, parser.StringJSONata):
        cause = f"The Timestamp field cannot be parsed as an {expected}: {text}"
        raise evaluation_error(env, cause, "Timestamp")
    field = "TimestampPath" if isinstance(wait, parser.TimestampPath) else "Timestamp"
    path = wait.string.literal_value
    raise runtime_error(env, f"The {field} parameter does not reference a valid {expected}: {path} == {text}")


@replaces(parser.SecondsJSONata, "_get_wait_seconds")
def _seconds(wait: Any, env: Any) -> int:
    wait.string_jsonata.eval(env=env)
    seconds = env.stack.pop()
    if type(seconds) is not int or seconds < 0:
        raise ValueError(f"{seconds!r} is not a number of seconds")
    return seconds
