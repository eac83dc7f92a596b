"""The query language JSONata, evaluated by the package jsonata-python.

moto 5.2.5 has the grammar around it (`Arguments`, `Output`, `Assign`, `Condition`, `Items`) but evaluates with a Java
library that LocalStack installs; here there is none. This gives expressions their variables as values, where LocalStack
writes them into the text of the expression, and adds the functions that Step Functions has beyond JSONata's own.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import random
import time
import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jsonata import Jsonata  # type: ignore[import-untyped] # ships no types
from jsonata.utils import Utils  # type: ignore[import-untyped]

_LONGEST_EVALUATION_SECONDS = 10.0
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_MOST_CHUNK_ITEMS = 1000


class QueryError(Exception):
    """An expression cannot be parsed or evaluated, or what it returns is not JSON.

    Attributes:
        detail: What is wrong with it: a predicate.
        field: Where it stands in its state, such as `Output/total`; nothing while that is not known.
        component: The part of the definition in which that was noted last.
    """

    def __init__(self, expression: str, detail: str) -> None:
        self.expression = expression
        self.detail = detail
        self.field = ""
        self.component: object = None
        super().__init__(self.cause(""))

    def cause(self, field: str) -> str:
        """Return the error in the words of Step Functions."""
        place = f" specified for the field '{field}'" if field else ""
        return f"The JSONata expression '{self.expression}'{place} {self.detail}"


class _CallError(Exception):
    """A function of Step Functions was called in a way that it does not allow."""


def check(expression: str) -> None:
    """Parse an expression."""
    _compiled(expression)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """Evaluate an expression.

    Args:
        expression: JSONata, without the `{% %}` around it.
        variables: Values by name, without the `$`; they are not changed.

    Returns:
        A JSON value that shares nothing with the variables.

    Raises:
        QueryError: Evaluation fails, takes too long, or returns nothing or a function.
    """
    interpreter = copy.copy(_compiled(expression))
    Jsonata.CURRENT.jsonata = interpreter  # the package looks up the time and the parser here
    bindings = {name: Utils.NULL_VALUE if value is None else value for name, value in variables.items()}
    try:
        result = interpreter.evaluate(None, {**_FUNCTIONS, **bindings, "__evaluate_entry": _deadline()})
    except _CallError as error:
        raise QueryError(expression, f"{error}.") from None
    except RecursionError:
        raise QueryError(expression, "is nested too deeply.") from None
    except Exception as error:  # the package lets errors of any kind out
        raise QueryError(expression, f"threw an error: {error}") from error
    if result is None:
        raise QueryError(expression, "returned nothing (undefined).")
    try:
        return _json(result)
    except _CallError:
        raise QueryError(expression, "returned an unsupported result type.") from None


@lru_cache(maxsize=2048)
def _compiled(expression: str) -> Jsonata:
    try:
        compiled = Jsonata(expression)
    except Exception as error:  # the parser lets errors of any kind out
        raise QueryError(expression, f"is not valid: {error}") from error
    compiled.set_output_convert_nulls(False)
    compiled.set_validate_input(False)
    return compiled


def _deadline() -> Callable[..., None]:
    end = time.monotonic() + _LONGEST_EVALUATION_SECONDS

    def check_time(*_: object) -> None:
        if time.monotonic() > end:
            raise _CallError(f"took more than {_LONGEST_EVALUATION_SECONDS:.0f} seconds")

    return check_time


def _json(value: Any) -> Any:
    """Return a plain copy of a result: the package has lists of its own, and a mark for null."""
    if value is Utils.NULL_VALUE or value is None:
        return None
    if isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _CallError("returned a number that JSON does not have")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, list):
        return [_json(value[index]) for index in range(len(value))]
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    raise _CallError("returned something that is not JSON")


def _partition(items: Any = None, size: Any = None) -> Any:
    if not isinstance(items, list) or not isinstance(size, int | float) or size < 1:
        raise _CallError("calls $partition with something other than an array and a size of 1 or more")
    step = int(size)
    whole = [items[index] for index in range(len(items))]
    return [whole[start : start + step] for start in range(0, len(whole), step)]


def _range(first: Any = None, last: Any = None, step: Any = 1) -> Any:
    if not all(isinstance(number, int | float) for number in (first, last, step)) or step == 0:
        raise _CallError("calls $range with something other than numbers, or with a step of 0")
    count = math.floor((last - first) / step) + 1
    if count > _MOST_CHUNK_ITEMS:
        raise _CallError(f"calls $range for more than {_MOST_CHUNK_ITEMS} numbers")
    numbers = [first + index * step for index in range(max(count, 0))]
    return numbers[0] if len(numbers) == 1 else numbers


def _hash(value: Any = None, algorithm: Any = "SHA-256") -> Any:
    if not isinstance(value, str) or algorithm not in _HASHES:
        raise _CallError(f"calls $hash with no string, or with an algorithm other than {', '.join(_HASHES)}")
    return hashlib.new(_HASHES[algorithm], value.encode(), usedforsecurity=False).hexdigest()


def _random(seed: Any = None) -> Any:
    return (random if seed is None else random.Random(seed)).random()  # noqa: S311 - not for secrets


def _uuid() -> Any:
    return str(uuid.uuid4())


def _parse(text: Any = None) -> Any:
    if not isinstance(text, str):
        raise _CallError("calls $parse with something other than a string")
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise _CallError(f"calls $parse with a string that is not JSON ({error})") from None
    return Utils.NULL_VALUE if parsed is None else parsed


def _no_eval(*_: object) -> Any:
    raise _CallError("calls $eval, which Step Functions does not have; use $parse")


_FUNCTIONS = {
    name: Jsonata.JLambda(function)
    for name, function in {
        "eval": _no_eval,
        "hash": _hash,
        "parse": _parse,
        "partition": _partition,
        "random": _random,
        "range": _range,
        "uuid": _uuid,
    }.items()
}
