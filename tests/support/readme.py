"""Service of the README, created as the README says."""

from __future__ import annotations

import re
from pathlib import Path

from deploy_tools import new_service
from tests.support.paths import PROJECT

README = PROJECT / "README.md"
_BLOCK = re.compile(r"<!-- (file|line): (.+?) -->\n```\w+\n(.*?)```", re.DOTALL)
_AFTER = {
    "imports": re.compile(r"(from handlers\.embeddings\.contract import .*\n)"),
    "services": re.compile(r"( +vectors,\n)"),
}


def add_the_service(project: Path) -> None:
    """Create the service in a copy of the project, with the README's files, and its lines in the copy's `main.py`."""
    new_service.create("greeting", project)
    main = project / "main.py"
    blocks = _BLOCK.findall(README.read_text(encoding="utf-8"))
    assert {name for kind, name, _ in blocks if kind == "line"} == set(_AFTER)
    for kind, name, text in blocks:
        if kind == "file":
            path: Path = project / name
            assert path.is_file()
            path.write_text(text, encoding="utf-8")
        else:
            before = main.read_text(encoding="utf-8")
            after = _AFTER[name].sub(lambda found, text=text: found[1] + text, before)
            assert after != before, name
            main.write_text(after, encoding="utf-8")
