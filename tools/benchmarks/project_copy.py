"""A copy of this project with a local cloud of its own, for benchmarks that deploy and change it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy_tools.app import CdktfApp
from deploy_tools.cloud import stop_cloud
from lambda_archives.cache import CACHE_VARIABLE, default_cache
from tools.project import PROJECT

SOURCES: Final = (
    *("main.py", "settings.py", "cdktf.json"),
    *("constructs_lib", "lambda_archives", "lazy_bindings", "handlers", "workflows"),
)


@contextmanager
def project_copy() -> Iterator[CdktfApp]:
    """Copy the project; its local cloud ends with the block."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory) / "project"
        folder.mkdir()
        for name in SOURCES:
            if (PROJECT / name).is_dir():
                shutil.copytree(
                    PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "cdktf.out")
                )
            else:
                shutil.copy(PROJECT / name, folder / name)
        os.environ.setdefault(CACHE_VARIABLE, str(default_cache(PROJECT)))
        app = CdktfApp.in_folder(folder)
        try:
            yield app
        finally:
            stop_cloud(app.cloud_directory, forget=True)
