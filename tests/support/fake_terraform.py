"""An executable that prints a version of Terraform, or runs a script."""

from __future__ import annotations

import stat
from pathlib import Path


def fake_terraform(directory: Path, version: str = "1.11.4", script: str = "") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "terraform"
    shown = f'echo \'{{"terraform_version": "{version}"}}\''
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = version ]; then {shown}; exit 0; fi\n{script}\n', encoding="utf-8"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
