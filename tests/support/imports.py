"""Imports of one file by another, read from the source, and the circles that they form."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Import:
    """An import of a file of the project.

    Attributes:
        importer: The file that imports, relative to the project.
        line: The line of the import.
        imported: The file that it imports, relative to the project.
    """

    importer: Path
    line: int
    imported: Path

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def imports_among(project: Path, files: list[Path]) -> list[Import]:
    """Return the imports among files, wherever in a file they are.

    Args:
        project: The folder that module names start from.
        files: The files, below the project.
    """
    modules = {_module(file.relative_to(project)): file.relative_to(project) for file in files}
    found = []
    for module, file in modules.items():
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        for line, name in _imported(
            ast.parse((project / file).read_text(encoding="utf-8")), package, modules
        ):
            if name in modules and name != module:
                found.append(Import(file, line, modules[name]))
    return found


def circle_in(folder: Path, imports: list[Import]) -> list[Import]:
    """Return imports that form a circle among the parts of a folder; empty if there is none.

    The parts are the files and the sub-folders. An import of a file in a sub-folder is one of the sub-folder.

    Args:
        folder: The folder, relative to the project.
        imports: The imports of the project.
    """
    edges: dict[Path, dict[Path, Import]] = defaultdict(dict)
    for one in imports:
        importer, imported = _part(folder, one.importer), _part(folder, one.imported)
        if importer is not None and imported is not None and importer != imported:
            edges[importer].setdefault(imported, one)
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        # graphlib lists each part before the one that depends on it, and the first one again at the end.
        circle: list[Path] = error.args[1]
        return [edges[importer][imported] for imported, importer in pairwise(circle)]
    return []


def folders_of(files: list[Path]) -> list[Path]:
    """Return the folders of files and all folders above them, up to the project.

    Args:
        files: The files, relative to the project.
    """
    return sorted({parent for file in files for parent in file.parents})


def _module(file: Path) -> str:
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def _part(folder: Path, file: Path) -> Path | None:
    if not file.is_relative_to(folder):
        return None
    return folder / file.relative_to(folder).parts[0]


def _imported(tree: ast.AST, package: str, modules: Mapping[str, Path]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                name = f"{source}.{alias.name}"
                yield node.lineno, name if name in modules else source
