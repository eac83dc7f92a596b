"""Progress of archives, for the command that runs a program which builds them.

Where the environment variable `LAMBDA_ARCHIVES_PROGRESS` names a file, each archive appends one line of JSON when it is
begun (`{"archive": "vision"}`) and one when it is there (with `zip_bytes` and `unpacked_bytes`, both in bytes).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

PROGRESS_VARIABLE = "LAMBDA_ARCHIVES_PROGRESS"


def report(archive: str, **sizes: int) -> None:
    """Append a line to the file that `LAMBDA_ARCHIVES_PROGRESS` names, if it is set.

    Args:
        archive: The archive's name.
        sizes: `zip_bytes` and `unpacked_bytes`, when the archive is there.
    """
    if file := os.environ.get(PROGRESS_VARIABLE):
        with Path(file).open("a", encoding="utf-8") as progress:
            progress.write(json.dumps({"archive": archive, **sizes}) + "\n")
