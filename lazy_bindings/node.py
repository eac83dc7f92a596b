"""Node.js, which jsii, and so CDK for Terraform, runs in."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

MISSING: Final = (
    "node: not found on the PATH, and CDK for Terraform runs in it; install Node.js 20 or newer "
    "(https://nodejs.org/en/download)"
)


def has_node(variables: Mapping[str, str] = os.environ) -> bool:
    """Return whether the executable that jsii starts exists: `node`, or the one that JSII_NODE names."""
    return shutil.which(variables.get("JSII_NODE") or "node", path=variables.get("PATH")) is not None


def explain_missing_node() -> None:
    """Have an import of jsii end the program with one sentence if Node.js is missing; it would fail with a traceback."""
    if not has_node() and not any(isinstance(finder, _Refusal) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Refusal())


class _Refusal(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname == "jsii":
            raise SystemExit(MISSING)
        return None
