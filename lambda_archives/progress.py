"""Progress of archives, for the command that runs a program which builds them.

Where the environment variable `LAMBDA_ARCHIVES_PROGRESS` names a file, each archive appends one line of JSON when it is
begun and one when it is there, and the program one when it ends:

    {"archive": "vision"}
    {"archive": "vision", "zip_bytes": …, "unpacked_bytes": …, "sha256": …, "layer": …, "files": …, "request": …}
    {"imported": ["/…/main.py", …]}

`layer` is the hash of what decides the wheels' part; `files` has the identities of all others by their paths in the zip;
`request` is an `ArchiveRequest` as JSON. `imported` lists the modules that the program imported from below its folder.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambda_archives.cache import Record
    from lambda_archives.recipe import Recipe
    from lambda_archives.request import ArchiveRequest

PROGRESS_VARIABLE = "LAMBDA_ARCHIVES_PROGRESS"


def report_begun(archive: str) -> None:
    """Report that an archive is begun, if `LAMBDA_ARCHIVES_PROGRESS` is set."""
    if file := os.environ.get(PROGRESS_VARIABLE):
        _report_imports_at_exit(file, Path.cwd())
        _append(file, {"archive": archive})


def report_ready(request: ArchiveRequest, recipe: Recipe, record: Record) -> None:
    """Report an archive, if `LAMBDA_ARCHIVES_PROGRESS` is set."""
    if file := os.environ.get(PROGRESS_VARIABLE):
        members, _ = recipe.own_members()
        _append(
            file,
            {
                "archive": recipe.name,
                "zip_bytes": record.zip_bytes,
                "unpacked_bytes": record.unpacked_bytes,
                "sha256": record.sha256,
                "layer": recipe.layer_key if recipe.has_layer else None,
                "files": {member.path: member.identity for member in members},
                "request": request.to_json(),
            },
        )


@functools.cache
def _report_imports_at_exit(file: str, folder: Path) -> None:
    def report() -> None:
        files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        below = sorted({path for path in files if path and Path(path).is_relative_to(folder)})
        _append(file, {"imported": below})

    atexit.register(report)


def _append(file: str, fields: dict[str, Any]) -> None:
    with Path(file).open("a", encoding="utf-8") as progress:
        progress.write(json.dumps(fields) + "\n")
