"""Service of the README, created as the README says."""

from __future__ import annotations

import re
from pathlib import Path

from deploy_tools import new_service

SERVICE = "greeting"


def add_the_service(project: Path) -> None:
    """Create the service in a copy of the project, and add the lines for it to the copy's `main.py`."""
    new_service.write(SERVICE, project)
    import_line, entry = new_service.main_lines(SERVICE, project)
    main = project / "main.py"
    text = main.read_text(encoding="utf-8")
    for before, line in (
        (r"from handlers\.embeddings\.contract import .*\n", import_line),
        (r"(?= *# Add yours here\.\n)", entry),
    ):
        found = re.search(before, text)
        assert found is not None, before
        text = text[: found.end()] + line + text[found.end() :]
    main.write_text(text, encoding="utf-8")
