"""Imports form no circle: among the files and sub-folders of any folder, nor among the packages.

Imports inside functions and below TYPE_CHECKING count too: two parts that need each other's types are one part.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.imports import Import, circle_in, folders_of, imports_among
from tests.support.paths import PROJECT


def project_files() -> list[Path]:
    packages = {file.parent for file in PROJECT.glob("*/__init__.py")} - {PROJECT / "tests"}
    return sorted([*PROJECT.glob("*.py"), *(file for package in packages for file in package.rglob("*.py"))])


@cache
def project_imports() -> list[Import]:
    return imports_among(PROJECT, project_files())


@pytest.mark.parametrize(
    "folder", folders_of([file.relative_to(PROJECT) for file in project_files()]), ids=str
)
def test_no_circle_among_the_parts_of_a_folder(folder: Path) -> None:
    assert "\n".join(map(str, circle_in(folder, project_imports()))) == ""


def test_the_packages_that_must_have_no_circle_are_read() -> None:
    read = {one.importer.parts[0] for one in project_imports()}
    assert {"constructs_lib", "handlers", "local_cloud", "tools"} <= read


def documented_layers() -> list[set[str]]:
    """The folders of `constructs_lib` in each row of the table in docs/design.md, lowest first."""
    text = (PROJECT / "docs/design.md").read_text(encoding="utf-8")
    _, _, after = text.partition("a folder imports from those above it in this list only:")
    table, _, _ = after.strip().partition("\n\n")
    rows = [line.split("|")[1] for line in table.splitlines()]
    return [folders for row in rows if (folders := set(re.findall(r"`(\w+)/`", row)))]


def test_the_folders_of_constructs_lib_are_the_layers_of_the_design() -> None:
    layers = documented_layers()
    folders = {file.parent.name for file in (PROJECT / "constructs_lib").glob("*/__init__.py")}
    assert sorted(name for layer in layers for name in layer) == sorted(folders)
    level = {name: number for number, layer in enumerate(layers) for name in layer}
    upward = [
        str(one)
        for one in project_imports()
        if (importer := one.importer.parent.name) in level
        and (imported := one.imported.parent.name) in level
        and one.importer.parts[0] == one.imported.parts[0] == "constructs_lib"
        and importer != imported
        and level[importer] <= level[imported]
    ]
    assert upward == []


def circles(project: Path, sources: dict[str, str]) -> dict[str, list[str]]:
    for name, source in sources.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(source)
    imports = imports_among(project, [project / name for name in sources])
    found = {
        str(folder): circle_in(folder, imports) for folder in folders_of([Path(name) for name in sources])
    }
    return {folder: sorted(map(str, circle)) for folder, circle in found.items() if circle}


def test_imports_in_functions_and_for_types_count(tmp_path: Path) -> None:
    sources = {
        "shop/order.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.line import Line\n",
        "shop/line.py": "def order():\n    from shop import price\n",
        "shop/price.py": "import shop.order\n",
    }
    assert circles(tmp_path, sources) == {
        "shop": [
            "shop/line.py:2 imports shop/price.py",
            "shop/order.py:3 imports shop/line.py",
            "shop/price.py:1 imports shop/order.py",
        ]
    }


def test_folders_form_a_circle_where_their_files_do_not(tmp_path: Path) -> None:
    sources = {
        "shop/api/stage.py": "from shop.logs.group import Group\n",
        "shop/api/route.py": "",
        "shop/logs/group.py": "",
        "shop/logs/alarm.py": "from ..api import route\n",
    }
    assert circles(tmp_path, sources) == {
        "shop": [
            "shop/api/stage.py:1 imports shop/logs/group.py",
            "shop/logs/alarm.py:1 imports shop/api/route.py",
        ]
    }


def test_a_package_that_imports_its_own_modules_is_no_circle(tmp_path: Path) -> None:
    sources = {
        "shop/__init__.py": "from shop.api.stage import Stage\n",
        "shop/api/__init__.py": "",
        "shop/api/stage.py": "import json\nfrom shop.api.route import Route\n",
        "shop/api/route.py": "",
    }
    assert circles(tmp_path, sources) == {}


def test_a_module_that_imports_its_own_package_back_is_a_circle(tmp_path: Path) -> None:
    sources = {
        "shop/__init__.py": "from shop.stage import Stage\n",
        "shop/stage.py": "from shop import Stage\n",
    }
    assert circles(tmp_path, sources) == {
        "shop": ["shop/__init__.py:1 imports shop/stage.py", "shop/stage.py:1 imports shop/__init__.py"]
    }
