"""The classes of moto's interpreter by their names: moto has a module for each, a few packages deep.

`parser.StateTask` is the class, wherever moto 5.2.5 has it.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

_PACKAGES = ("component", "eval", "parse")


def __getattr__(name: str) -> Any:
    found = _classes().get(name, [])
    if len(found) != 1:
        raise AttributeError(f"moto's interpreter has {len(found)} classes {name}")
    return found[0]


@lru_cache(maxsize=1)
def _classes() -> dict[str, list[type]]:
    found: dict[str, list[type]] = {}
    for package in _PACKAGES:
        root = import_module(f"moto.stepfunctions.parser.asl.{package}")
        for part in walk_packages(root.__path__, f"{root.__name__}."):
            if "test_state" in part.name:
                continue
            module = import_module(part.name)
            for name, value in vars(module).items():
                if isinstance(value, type) and value.__module__ == part.name:
                    found.setdefault(name, []).append(value)
    return found
