"""Paths, intrinsic functions and error names in a definition.

Written against moto 5.2.5, whose JSONPath knows no letters beyond ASCII, no `in`, `=~` and `length()`, and gives a single
match of a path with several places without its list; which refuses error names that begin with `States.`, and a state in
JSONPath inside a Map in JSONata; and which writes assigned texts into the history without escapes.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name import custom_error_name
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import encoding, json_path
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from local_cloud.json_paths import JsonPathError, compile_path
from local_cloud.patches import checks, extends, replaces
from local_cloud.states import intrinsics, parser
from local_cloud.states.failures import runtime_error, task_error
from local_cloud.states.jsonata import QueryError

_TEXT_FUNCTIONS = ("ArrayGetItem", "Base64Decode", "Base64Encode", "Format", "Hash", "JsonToString", "UUID")

custom_error_name.CustomErrorName.__init__ = parser.ErrorName.__init__


@replaces(parser.VariableStore, "get_assigned_variables")
def _assigned_variables(store: Any) -> dict[str, str]:
    """Return the variables that a state has assigned, as JSON."""
    return {name: to_json_str(store.get(name)) for name in store._declaration_tracing}


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


@checks(parser.StringJsonPath, "__init__")
@checks(parser.ResultPath, "__init__")
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


@replaces(parser.ResultPath, "_eval_body")
def _place_result(component: Any, env: Any) -> None:
    given = env.states.get_input()
    if component.result_path_src is None:
        env.stack.clear()
        env.stack.append(given)
        return
    result = copy.deepcopy(env.stack.pop())
    env.stack.append(compile_path(component.result_path_src).put(given, result))


def read_path(env: Any, path: str, given: Any) -> Any:
    """Return what a path of the context object (`$$.name`), of a value (`$.name`) or to a variable (`$name`) leads to."""
    if path.startswith("$$"):
        return _extract(path[1:], env.states.context_object.context_object_data)
    if path[1:2] in ("", ".", "["):
        return _extract(path, given)
    parser.StringVariableSample(parser.QueryLanguageMode.JSONPath, path).eval(env)
    return env.stack.pop()


class _Json:
    """Replacement for the module `json` where moto writes texts of JSON: without spaces and escapes, as AWS does."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))


encoding.json = _Json


class _Intrinsic(parser.EvalComponent):  # type: ignore[misc] # moto ships no types
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
        failed = f"The function '{self.text}' had the following error: "
        try:
            env.stack.append(self.call.evaluate(lambda path: read_path(env, path.text, env.stack[-1])))
        except NoSuchJsonPathError as error:
            raise runtime_error(env, f"{failed}{error.message}") from None
        except intrinsics.IntrinsicError as error:
            raise task_error(env, "States.IntrinsicFailure", f"{failed}{error}") from None


@replaces(Preprocessor, "visitString_intrinsic_function")
def _intrinsic_function(_: Any, context: Any) -> Any:
    text = json.loads(context.STRINGINTRINSICFUNC().getText(), strict=False)
    return parser.StringIntrinsicFunction(intrinsic_function_derivation=text, function=_Intrinsic(text))


@replaces(parser.CausePath, "__init__")
@replaces(parser.ErrorPath, "__init__")
def _path_of_text(component: Any, string_expression: Any) -> None:
    is_call = isinstance(string_expression, parser.StringIntrinsicFunction)
    if is_call and string_expression.function.call.name not in _TEXT_FUNCTIONS:
        field, text = type(component).__name__, string_expression.literal_value
        raise ValueError(
            f"'{text}' is not allowed as {field}; use States.{', States.'.join(_TEXT_FUNCTIONS)}"
        )
    component.string_expression = string_expression


@extends(parser.Cause, "_eval_body")
@extends(parser.Error, "_eval_body")
def _require_text(original: Callable[..., None], component: Any, env: Any) -> None:
    original(component, env)
    if isinstance(env.stack[-1], str):
        return
    expression = component.string_expression
    if isinstance(expression, parser.StringJSONata):
        raise QueryError(expression.expression, "returned an unexpected result type.")
    raise runtime_error(env, f"The value of '{expression.literal_value}' is not a string.")


@extends(Preprocessor, "_open_query_language_scope")
def _open_scope(original: Callable[..., None], visitor: Any, tree: Any) -> None:
    """Let a state of a machine in JSONPath stay in JSONPath inside a Map or a Parallel in JSONata."""
    scopes = visitor._query_language_per_scope
    try:
        original(visitor, tree)
    except ValueError:
        if not scopes or scopes[0].query_language_mode != parser.QueryLanguageMode.JSONPath:
            raise
        scopes.append(parser.QueryLanguage())
