"""Paths, intrinsic functions, variables of choices and error names in a definition.

Written against moto 5.2.5, whose JSONPath knows no letters beyond ASCII, no `in`, `=~` and `length()`, and gives a single
match of a path with several places without its list; which takes a missing variable of a Choice for one that does not
match, refuses error names that begin with `States.`, and a state in JSONPath inside a Map in JSONata; and which writes
assigned texts into the history without escapes.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name import custom_error_name
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.path.result_path import ResultPath
from moto.stepfunctions.parser.asl.component.common.query_language import QueryLanguage, QueryLanguageMode
from moto.stepfunctions.parser.asl.component.common.string.string_expression import (
    StringContextPath,
    StringIntrinsicFunction,
    StringJsonPath,
    StringVariableSample,
)
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (
    ComparisonOperatorType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_variable import (
    ComparisonVariable,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.variable import NoSuchVariable, Variable
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from local_cloud.json_paths import JsonPathError, compile_path
from local_cloud.patches import checks, extends, replaces
from local_cloud.states import intrinsics
from local_cloud.states.failures import runtime_error, task_error
from local_cloud.states.jsonata import QueryError

custom_error_name.CustomErrorName.__init__ = ErrorName.__init__


@replaces(VariableStore, "get_assigned_variables")
def _assigned_variables(store: Any) -> dict[str, str]:
    """Return the variables that a state has assigned, as JSON."""
    return {name: to_json_str(store.get(name), separators=(",", ":")) for name in store._declaration_tracing}


def _extract(path: str, data: Any) -> Any:
    compiled = compile_path(path)
    found = compiled.values(data)
    if not compiled.definite:
        return found
    if not found:
        raise NoSuchJsonPathError(json_path=path, data=data)
    return found[0]


_original_extract = json_path.extract_json
for _name, _module in list(sys.modules.items()):
    if (
        _name.startswith("moto.stepfunctions.")
        and getattr(_module, "extract_json", None) is _original_extract
    ):
        _module.extract_json = _extract  # type: ignore[attr-defined]


@checks(StringJsonPath, "__init__")
@checks(ResultPath, "__init__")
def _check_path(_component: Any, *arguments: Any, **options: Any) -> None:
    """Reject a text that is not a JSONPath when the definition is read."""
    path = next(iter((*arguments, *options.values())))
    try:
        if path is not None:
            compile_path(path)
    except JsonPathError as error:
        raise ValueError(
            f"The value '{path}' must be a valid JSONPath or a valid intrinsic function call ({error})"
        ) from None


@replaces(ResultPath, "_eval_body")
def _place_result(component: Any, env: Any) -> None:
    given = env.states.get_input()
    if component.result_path_src is None:
        env.stack.clear()
        env.stack.append(given)
        return
    result = copy.deepcopy(env.stack.pop())
    env.stack.append(compile_path(component.result_path_src).put(given, result))


class _Intrinsic(EvalComponent):  # type: ignore[misc] # moto ships no types
    """A call of an intrinsic function."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.call = intrinsics.parse(text)
        except intrinsics.IntrinsicSyntaxError as error:
            raise ValueError(
                f"The value '{text}' must be a valid JSONPath or a valid intrinsic function call ({error})"
            ) from None

    def _field_name(self) -> None:
        """Return nothing: the field is that which the call stands in."""

    def _eval_body(self, env: Any) -> None:
        def read(path: intrinsics.Path) -> Any:
            if path.text.startswith("$$"):
                return _extract(path.text[1:], env.states.context_object.context_object_data)
            if path.text[1:2] in ("", ".", "["):
                return _extract(path.text, env.stack[-1])
            StringVariableSample(QueryLanguageMode.JSONPath, path.text).eval(env)
            return env.stack.pop()

        failed = f"The function '{self.text}' had the following error: "
        try:
            env.stack.append(self.call.evaluate(read))
        except NoSuchJsonPathError as error:
            raise runtime_error(env, f"{failed}{error.message}") from None
        except intrinsics.IntrinsicError as error:
            raise task_error(env, StatesErrorNameType.StatesIntrinsicFailure, f"{failed}{error}") from None


@replaces(Preprocessor, "visitString_intrinsic_function")
def _intrinsic_function(_: Any, context: Any) -> Any:
    text = json.loads(context.STRINGINTRINSICFUNC().getText(), strict=False)
    return StringIntrinsicFunction(intrinsic_function_derivation=text, function=_Intrinsic(text))


@extends(Preprocessor, "_open_query_language_scope")
def _open_scope(original: Callable[..., None], visitor: Any, tree: Any) -> None:
    """Let a state of a machine in JSONPath stay in JSONPath inside a Map or a Parallel in JSONata."""
    scopes = visitor._query_language_per_scope
    try:
        original(visitor, tree)
    except ValueError:
        if not scopes or scopes[0].query_language_mode != QueryLanguageMode.JSONPath:
            raise
        scopes.append(QueryLanguage())


@replaces(Variable, "_eval_body")
def _evaluate_variable(variable: Any, env: Any) -> None:
    sampler = variable.string_sampler
    try:
        if isinstance(sampler, StringContextPath):
            value = _extract(sampler.json_path, env.states.context_object.context_object_data)
        else:
            sampler.eval(env=env)
            value = env.stack.pop()
    except (NoSuchJsonPathError, QueryError):
        value = NoSuchVariable(sampler.literal_value)
    env.stack.append(value)


@replaces(ComparisonVariable, "_eval_body")
def _compare(comparison: Any, env: Any) -> None:
    comparison.variable.eval(env)
    function = comparison.comparison_function
    value = env.stack[-1]
    if isinstance(value, NoSuchVariable) and function.operator_type != ComparisonOperatorType.IsPresent:
        raise _invalid_path(env, value.path)
    try:
        function.eval(env)
    except NoSuchJsonPathError as error:
        raise _invalid_path(env, error.json_path) from None


def _invalid_path(env: Any, path: str) -> Exception:
    return runtime_error(
        env, f"Invalid path '{path}': The choice state's condition path references an invalid value."
    )
