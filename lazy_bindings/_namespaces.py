"""Makes what the provider's modules do again and again cost less.

Each looks up the version of typeguard when it is imported. Whenever a resource or a struct is made, it works out the
types of all arguments, from a function that is always the same, and has typeguard compare every one of them, of which
most are None and the others mostly of the very type that is wanted.
"""

import os
import typing
from collections.abc import Callable
from functools import cache, cached_property
from importlib.machinery import PathFinder, SourceFileLoader
from importlib.metadata import Distribution, DistributionFinder, PackageMetadata
from types import ModuleType
from typing import Any

_TYPING = ModuleType("typing")
_TYPING.__dict__.update({**vars(typing), "get_type_hints": cache(typing.get_type_hints)})

Check = Callable[[str, object, Any], Any]
"""What each module calls `check_type`: given an argument's name, its value and the type it must have."""


class NamespaceLoader(SourceFileLoader):
    """Loads a module of the provider and gives it a `typing` that remembers, and a check that looks first."""

    def __init__(self, name: str, path: str, prepare: Callable[[ModuleType], None] | None) -> None:
        super().__init__(name, path)
        self._prepare = prepare

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.__dict__["typing"] = _TYPING
        if "check_type" in module.__dict__:
            module.__dict__["check_type"] = _quick(module.__dict__["check_type"])
        if self._prepare is not None:
            self._prepare(module)


def _quick(check: Check) -> Check:
    def check_type(argname: str, value: object, expected_type: Any) -> Any:
        if type(value) not in _alternatives(expected_type):
            check(argname, value, expected_type)

    return check_type


@cache
def _alternatives(expected_type: Any) -> tuple[object, ...]:
    return (
        typing.get_args(expected_type)
        if typing.get_origin(expected_type) is typing.Union
        else (expected_type,)
    )


@cache
def typeguard() -> tuple[Distribution, ...]:
    """Returns the distribution of typeguard."""
    context = DistributionFinder.Context(name="typeguard")
    return tuple(map(_Remembered, PathFinder.find_distributions(context)))


class _Remembered(Distribution):
    """A distribution whose metadata are read once."""

    def __init__(self, found: Distribution) -> None:
        self._found = found

    def read_text(self, filename: str) -> str | None:
        return self._found.read_text(filename)

    def locate_file(self, path: str | os.PathLike[str]) -> Any:
        return self._found.locate_file(path)

    @cached_property
    def metadata(self) -> PackageMetadata:
        return self._found.metadata
