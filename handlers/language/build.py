"""Build script: removes spaCy's command line from the language function's archive.

`import spacy` imports its whole command line, and with it a dozen packages (typer, rich, weasel, requests and
so on) that a Lambda function does not use: half of the import's time. The import needs only `info` of it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

INFO = '''"""Stands in for spaCy's command line, which is not part of this archive."""


def info(*args, **kwargs):
    """Refuses: the command line is not here."""
    raise NotImplementedError("spaCy's command line is not part of this archive")
'''


def main(staging: Path) -> None:
    """Replace `spacy/cli` in the folder that holds the installed wheels.

    Raises:
        SystemExit: spaCy is not there, or has become another one than this script knows.
    """
    init, command_line = staging / "spacy" / "__init__.py", staging / "spacy" / "cli"
    if not command_line.is_dir() or "from .cli.info import info" not in init.read_text(encoding="utf-8"):
        raise SystemExit(
            f"{init} no longer imports spacy.cli.info; see what it imports now and change build.py"
        )
    shutil.rmtree(command_line)
    command_line.mkdir()
    (command_line / "__init__.py").write_text("", encoding="utf-8")
    (command_line / "info.py").write_text(INFO, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
