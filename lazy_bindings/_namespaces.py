"""Makes what the provider's modules do, and need not, cost less.

When one is imported, it works out the types of all arguments and attributes, of which a stack uses few, and looks up
the version of typeguard. Whenever a resource or a struct is made, it works out the types of all arguments, from a
function that is always the same, and has typeguard compare every one of them, of which most are None and the others
mostly of the very type that is wanted.
"""

import __future__

import os
import sys
import typing
from collections.abc import Callable
from functools import cache, cached_property
from importlib.machinery import PathFinder, SourceFileLoader
from importlib.metadata import Distribution, DistributionFinder, PackageMetadata
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, SimpleNamespace
from typing import Any, cast

Check = Callable[[str, object, Any], Any]
"""What each module calls `check_type`: given an argument's name, its value and the type it must have."""


class NamespaceLoader(SourceFileLoader):
    """Loads a module of the provider so that annotations stay texts, types are remembered, and checks look first."""

    def __init__(self, name: str, path: str, prepare: Callable[[ModuleType], None] | None) -> None:
        super().__init__(name, path)
        self._prepare = prepare

    def source_to_code(  # type: ignore[override]
        self, data: bytes, path: str, *, _optimize: int = -1
    ) -> CodeType:
        """Compiles the module as if `from __future__ import annotations` were its first line."""
        flags = __future__.annotations.compiler_flag
        return cast(CodeType, compile(data, path, "exec", flags, dont_inherit=True, optimize=_optimize))

    def get_data(self, path: str) -> bytes:
        """Reads a file; what was compiled here has a name of its own, and what pip compiled does where it cannot."""
        own = _own_name(path)
        return super().get_data(own if Path(own).exists() or _may_be_written(own) else path)

    def set_data(  # type: ignore[override]
        self, path: str, data: bytes, *, _mode: int = 0o666
    ) -> None:
        """Writes a file; what was compiled here has a name of its own."""
        super().set_data(_own_name(path), data, _mode=_mode)

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.__dict__["typing"] = _TYPING
        if "check_type" in module.__dict__:
            module.__dict__["check_type"] = _quick(module.__dict__["check_type"])
        if self._prepare is not None:
            self._prepare(module)


def _own_name(path: str) -> str:
    return f"{path.removesuffix('.pyc')}.postponed.pyc" if path.endswith(".pyc") else path


def _may_be_written(path: str) -> bool:
    folder = next(parent for parent in Path(path).parents if parent.exists())
    return not sys.dont_write_bytecode and os.access(folder, os.W_OK)


@cache
def _type_hints(function: FunctionType) -> dict[str, Any]:
    """Returns what `typing.get_type_hints` does."""
    scope = function.__globals__
    known: dict[str, Any] = scope.setdefault("__lazy_bindings_types__", {})
    texts: dict[str, str] = function.__annotations__
    new = {text: text for text in texts.values() if text not in known}
    known.update(typing.get_type_hints(SimpleNamespace(__annotations__=new), scope))
    return {name: known[text] for name, text in texts.items()}


_TYPING = ModuleType("typing")
_TYPING.__dict__.update({**vars(typing), "get_type_hints": _type_hints})


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
