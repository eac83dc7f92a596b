"""Checks of arguments, so that every construct has the same error message for the same mistake.

Each check returns nothing and raises `InvalidArgumentError` or `LimitExceededError`. `where` is the path of
the new construct (see `path_below`). A construct that fails its checks is never added to the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args
from weakref import WeakKeyDictionary

from constructs_lib.errors import InvalidArgumentError, LimitExceededError
from constructs_lib.templates import accidental, has_reference, is_number_reference

REGION: Final = r"[a-z]{2,4}(-[a-z]+)+-\d+"
"""Code of an AWS region, such as `eu-central-1` or `eusc-de-east-1`."""

_EMAIL: Final = r"[^@\s]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
_PATHS: Final[WeakKeyDictionary[Any, str]] = WeakKeyDictionary()
"""Paths never change, and reading one from cdktf takes two round trips to jsii's Node process."""


def path_of(construct: Any) -> str:
    """Return the path of a construct, such as `shop/api`."""
    if not hasattr(type(construct), "node"):
        raise InvalidArgumentError(
            repr(construct),
            f"is of type {type(construct).__name__}, not a construct",
            "pass the construct itself",
        )
    path = _PATHS.get(construct)
    if path is None:
        path = _PATHS[construct] = str(construct.node.path)
    return path


def note_path(construct: Any, scope: Any, construct_id: str) -> None:
    """Record the path of a new construct `construct_id` below `scope`."""
    if keeps_id(construct_id):
        _PATHS[construct] = path_below(scope, construct_id)


def keeps_id(construct_id: str) -> bool:
    """Return whether the construct's path has an id unchanged: constructs replaces `/` and newlines by `--`."""
    return "/" not in construct_id and "\n" not in construct_id


def path_below(scope: Any, construct_id: str) -> str:
    """Return the path of a construct `construct_id` below `scope`, for error messages."""
    path = path_of(scope)
    return f"{path}/{construct_id}" if path else construct_id


def check_choice(where: str, argument: str, value: object, literal: Any) -> None:
    """Check that `value` is one of the values of the `Literal` type `literal`."""
    choices = get_args(literal)
    if value not in choices or isinstance(value, bool):
        raise InvalidArgumentError(where, f"{argument} {value!r} is unknown", f"choose {_either(choices)}")


def check_range(where: str, argument: str, value: object, low: int, high: int) -> None:
    """Check that `value` is a whole number from `low` to `high`, both included."""
    if is_number_reference(value):
        raise InvalidArgumentError(
            where,
            f"{argument} is a reference, which only Terraform can resolve",
            f"pass a number from {low} to {high}, which is checked at synth",
        )
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidArgumentError(
            where, f"{argument} {value!r} is not a whole number", f"use {low} to {high}"
        )
    if not low <= value <= high:
        raise LimitExceededError(where, f"{argument} is {value}", f"use {low} to {high}")


def check_pattern(where: str, argument: str, value: object, pattern: str, remedy: str) -> None:
    """Check that `value` is a string that is known at synth and matches `pattern` as a whole."""
    check_known(where, argument, value)
    if re.fullmatch(pattern, str(value), re.ASCII) is None:
        raise InvalidArgumentError(where, f"{argument} {value!r} is not valid", remedy)


def check_email(where: str, address: str) -> None:
    """Check that a text is an e-mail address; `where` names the construct or the variable."""
    check_pattern(where, "emails", address, _EMAIL, "use addresses, such as 'ops@shop.example'")


def check_known(where: str, argument: str, value: object) -> None:
    """Check that `value` is a string without references, so that it is known at synth."""
    if not isinstance(value, str):
        raise InvalidArgumentError(where, f"{argument} {value!r} is not a string", "pass a string")
    if has_reference(value):
        raise InvalidArgumentError(
            where,
            f"{argument} is a reference, which only Terraform can resolve",
            "pass a plain string: names, paths and routes must be known at synth",
        )
    if accidental(value) is not None:
        raise InvalidArgumentError(
            where, f"{argument} contains {accidental(value)}, which Terraform would evaluate", "take it out"
        )


def check_type(where: str, argument: str, value: object, *kinds: type, remedy: str | None = None) -> None:
    """Check that `value` is of one of these classes, or None."""
    if value is None or isinstance(value, kinds):
        return
    what = "the class itself" if isinstance(value, type) else f"of type {type(value).__name__}"
    names = " or ".join(kind.__name__ for kind in kinds)
    raise InvalidArgumentError(where, f"{argument} is {what}", remedy or f"pass {names}(...)")


def check_list(where: str, argument: str, values: object) -> None:
    """Check that `values` is a list, and not a single item."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidArgumentError(
            where, f"{argument} is of type {type(values).__name__}, not a list", "pass [...]"
        )


def check_mapping(where: str, argument: str, value: object) -> None:
    """Check that `value` is a dictionary, or None."""
    check_type(where, argument, value, Mapping, remedy="pass a dictionary {...}")


def check_text(where: str, argument: str, value: str | None) -> None:
    """Check that the only Terraform expressions in a string are references to attributes."""
    check_type(where, argument, value, str, remedy="pass a string")
    found = None if value is None else accidental(value)
    if found is not None:
        raise InvalidArgumentError(
            where,
            f"{argument} contains {found}, which Terraform would evaluate",
            f"write {found[0]}{found} for the literal text, or pass an attribute of a resource",
        )


def check_texts(where: str, argument: str, value: Any) -> None:
    """Check each string in a value like `check_text`: in lists, maps and the blocks of resources."""
    if isinstance(value, str):
        check_text(where, argument, value)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            check_texts(where, argument, name)
            check_texts(where, argument, inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            check_texts(where, argument, inner)
    elif hasattr(value, "_values"):  # a block, which is a class in cdktf's bindings
        check_texts(where, argument, value._values)


def _either(choices: Iterable[object]) -> str:
    *most, last = (repr(choice) for choice in choices)
    return f"{', '.join(most)} or {last}" if most else last


def check_scope(where: str, scope: object) -> None:
    """Check the name of a scope that callers may have.

    Raises:
        ConstructError: It is not valid.
    """
    check_pattern(
        where,
        "scope",
        scope,
        r"[a-z0-9][a-z0-9._:/-]{0,63}",
        "use 1 to 64 lower case letters, digits and '._:/-'",
    )
