"""Files of the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools.project import PROJECT


def test_no_stray_file_is_at_the_top() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    top = {Path(name) for name in tracked.stdout.splitlines() if "/" not in name}
    without_suffix = {path.name for path in top if not path.suffix and not path.name.startswith(".")}
    assert without_suffix == {"LICENSE", "Makefile", "NOTICE", "Pipfile"}
