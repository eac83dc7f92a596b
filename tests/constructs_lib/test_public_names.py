"""The public surface of `constructs_lib`, and that its pure parts load without the provider bindings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import constructs_lib

PACKAGE = Path(constructs_lib.__file__).parent


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        name.name: statement.module
        for statement in typed.body
        if isinstance(statement, ast.ImportFrom)
        for name in statement.names
    }
    assert imported == constructs_lib._MODULES
    assert sorted(imported) == constructs_lib.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'constructs_lib' has no attribute 'Lambda'$"):
        constructs_lib.Lambda  # noqa: B018
    assert set(constructs_lib.__all__) <= set(dir(constructs_lib))


PURE = [
    "api.access_log",
    "api.cache",
    "api.cors",
    "api.gateway_responses",
    "api.route_table",
    "api.stage_variables",
    "api.throttle",
    "archive",
    "authorization.kinds",
    "bedrock",
    "checks",
    "environment",
    "errors",
    "functions.function_arguments",
    "functions.function_environment",
    "functions.plaintext_secrets",
    "functions.vpc_access",
    "iam.policy",
    "log_retention",
    "routes.definitions",
    "service_contract",
    "storage.replica",
    "templates",
    "workflows.branches",
    "workflows.budget",
    "workflows.circuit",
    "workflows.data_flow",
    "workflows.duration",
    "workflows.sdk_services",
    "workflows.expressions",
    "workflows.failures",
    "workflows.hand_written",
    "workflows.http_errors",
    "workflows.http_templates",
    "workflows.mermaid",
    "workflows.part_errors",
    "workflows.rendering",
    "workflows.service_tasks",
    "workflows.step",
    "workflows.steps",
    "workflows.strict_body",
    "workflows.structure",
    "workflows.tasks",
]


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that run when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from at_import(child)


def test_the_pure_parts_import_no_binding() -> None:
    """They are what tools and unit tests use; the bindings take seconds to load, and functions may load them."""
    for module in PURE:
        tree = ast.parse((PACKAGE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        names = {
            name
            for node in at_import(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            )
        }
        ours = {name.partition(".")[2] for name in names if name.startswith("constructs_lib.")}
        assert ours <= set(PURE), module
        assert not any(name.split(".")[0] in {"cdktf", "constructs", "jsii"} for name in names), module
        assert not any(name.startswith("cdktf_cdktf_provider") for name in names), module


def test_pydantic_is_loaded_only_for_an_api_with_models() -> None:
    """It takes longer to load than the rest of the package."""
    knows_pydantic = {"model_schema", "schema_dialects"}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if file.stem not in knows_pydantic and isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("pydantic"), file.name
                assert (node.module or "").rpartition(".")[2] not in knows_pydantic, file.name


def test_provider_resources_are_imported_from_their_own_modules() -> None:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cdktf_cdktf_provider"):
                assert (node.module or "").count(".") == 1, (file.name, node.module)
            if isinstance(node, ast.Import):
                assert not any(a.name.startswith("cdktf_cdktf_provider") for a in node.names), file.name
