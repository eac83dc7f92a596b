"""`make docs`: build the documentation as a site in `.cache/docs/site`. Every warning is an error.

MkDocs is installed from requirements-docs.lock into an environment of its own, `.cache/docs/environment`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy_tools.console import step
from tools.project import PROJECT

LOCK: Final = PROJECT / "requirements-docs.lock"
_FOLDER: Final = PROJECT / ".cache" / "docs"
_PIP: Final = (
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--require-hashes",
)


def installed() -> Path:
    """Return the Python with MkDocs; install it on first use, and again when the lock changes.

    Raises:
        subprocess.CalledProcessError: It cannot be installed.
    """
    environment = _FOLDER / "environment"
    python, marker = environment / "bin" / "python", environment / "installed"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not marker.is_file() or marker.read_text(encoding="utf-8") != digest:
        with step("install MkDocs"):
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
            subprocess.run([str(python), *_PIP, "-r", str(LOCK)], check=True)
            marker.write_text(digest, encoding="utf-8")
    return python


def main() -> int:
    """Build the site; return MkDocs' exit status."""
    python = installed()
    # The theme prints a page on its end of life, May 2027, at each start.
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    with step("build the documentation"):
        done = subprocess.run(
            [str(python), "-m", "mkdocs", "build", "--quiet", "--clean"], cwd=PROJECT, env=variables
        )
    if done.returncode == 0:
        print(f"  {_FOLDER / 'site' / 'index.html'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
