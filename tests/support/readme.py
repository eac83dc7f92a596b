"""The README's three steps to a service of one's own, taken as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.paths import PROJECT

README = PROJECT / "README.md"
_BLOCK = re.compile(r"<!-- (file|line): (.+?) -->\n```\w+\n(.*?)```", re.DOTALL)
_AFTER = {
    "imports": re.compile(r"(from handlers\.embeddings\.contract import .*\n)"),
    "services": re.compile(r"( +AiService\(self, embeddings, .*\n)"),
}


def take_the_three_steps(project: Path) -> None:
    """Write the README's files into a copy of the project, and its lines into the copy's `main.py`."""
    main = project / "main.py"
    blocks = _BLOCK.findall(README.read_text(encoding="utf-8"))
    assert {name for kind, name, _ in blocks if kind == "line"} == set(_AFTER)
    for kind, name, text in blocks:
        if kind == "file":
            path: Path = project / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        else:
            before = main.read_text(encoding="utf-8")
            after = _AFTER[name].sub(lambda found, text=text: found[1] + text, before)
            assert after != before, name
            main.write_text(after, encoding="utf-8")
