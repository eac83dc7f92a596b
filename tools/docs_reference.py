"""Hook of MkDocs that adds a page for each folder of `constructs_lib` with its public names, from their docstrings."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

CONSTRUCTS: Final = Path(__file__).parents[1] / "constructs_lib"


def public_names() -> dict[str, dict[str, str]]:
    """Return the modules of the public names, by folder of `constructs_lib` and by name.

    The names are read from the source: an import would load the provider's bindings.
    """
    module = ast.parse((CONSTRUCTS / "__init__.py").read_text(encoding="utf-8"))
    (modules,) = [
        ast.literal_eval(statement.value)
        for statement in module.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "_MODULES"
    ]
    folders: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name, home in sorted(modules.items()):
        parts = home.split(".")
        folder = "archives" if parts[0] != CONSTRUCTS.name else parts[1] if len(parts) > 2 else "stack"
        folders[folder][name] = home
    return dict(sorted(folders.items()))


def pages() -> dict[str, str]:
    """Return the pages of the reference, by their paths in the site."""
    folders = public_names()
    index = [
        f"| [{folder}]({folder}.md) | {', '.join(f'`{name}`' for name in names)} |"
        for folder, names in folders.items()
    ]
    found = {
        "reference/index.md": "\n".join(["# Reference", "", "| folder | names |", "|---|---|", *index, ""])
    }
    for folder, names in folders.items():
        entries = [f"::: {home}.{name}\n" for name, home in names.items()]
        found[f"reference/{folder}.md"] = "\n".join([f"# {folder.capitalize()}", "", *entries])
    return found


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to those of `docs/`; called by MkDocs."""
    from mkdocs.structure.files import File

    for path, content in pages().items():
        files.append(File.generated(config, path, content=content))
    return files
