"""Patches of moto: decorators that put functions in the place of methods when a module is imported."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import getattr_static
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def replaces(owner: Any, *names: str) -> Callable[[_F], _F]:
    """Put a function in the place of members of a class or a module. Default: the function's name, without an underscore."""

    def replace(function: _F) -> _F:
        for name in names or (function.__name__.removeprefix("_"),):
            _put(owner, name, function)
        return function

    return replace


def extends(owner: Any, *names: str) -> Callable[[_F], _F]:
    """Put a function in the place of members, as `replaces` does; it gets the original as its first argument."""

    def extend(function: _F) -> _F:
        for name in names or (function.__name__.removeprefix("_"),):
            _put(owner, name, _with_original(function, getattr(owner, name)))
        return function

    return extend


def checks(owner: Any, *names: str) -> Callable[[_F], _F]:
    """Call a function before methods, with their arguments; it raises where the call is rejected."""

    def check(function: _F) -> _F:
        def checked(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
            function(*arguments, **options)
            return original(*arguments, **options)

        extends(owner, *names)(checked)
        return function

    return check


def _with_original(function: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def method(*arguments: Any, **options: Any) -> Any:
        return function(original, *arguments, **options)

    return method


def _put(owner: Any, name: str, function: Callable[..., Any]) -> None:
    is_static = isinstance(getattr_static(owner, name, None), staticmethod)
    setattr(owner, name, staticmethod(function) if is_static else function)
