"""New project: `main.py`, one service with its contract and its test, and the commands to deploy it."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from deploy_tools import new_service
from deploy_tools.errors import DeploymentError

SERVICE: Final = "greeting"
"""Service of a new project."""

_DISTRIBUTION: Final = "ai-orchestrator"
_INSTALLED: Final = Path(__file__).with_name("project_template")
_CHECKOUT: Final = Path(__file__).resolve().parents[1]
_SHARED: Final = (
    "handlers/__init__.py",
    "handlers/common",
    "handlers/requirements.in",
    "handlers/requirements.txt",
)
"""What the services of this project and of a new one share."""

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,29}")


def create(folder: Path) -> None:
    """Write a project and print what to do next.

    Args:
        folder: Folder of the project, whose name is that of the stack. It is made if it is missing, and must be empty.

    Raises:
        DeploymentError: The folder is not empty, or its name is not valid.
    """
    name = folder.absolute().name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DeploymentError(f"{folder} exists and is not empty; name another one, such as ../shop")
    if not _NAME.fullmatch(name):
        raise DeploymentError(
            f"{folder}: the stack is named after the folder, and {name!r} is not valid; use 1-30 lower case letters, digits and "
            "'-', such as ../shop"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for source, path in _sources():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / path)
        if os.access(source, os.X_OK):  # Lambda executes the runtime client of streaming functions
            (folder / path).chmod(0o755)
    values = {
        "PROJECT-NAME": name,
        "PROJECT-ID": str(uuid.uuid4()),
        "PROJECT-REQUIREMENT": _requirement(folder),
    }
    for path in ("main.py", "cdktf.json", "Pipfile", "README.md"):
        text = (folder / path).read_text(encoding="utf-8")
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        (folder / path).write_text(text, encoding="utf-8")
    new_service.write(SERVICE, folder)
    print(f"  created {folder}\n\nNext: cd {folder} && make serve")


def _sources() -> Iterator[tuple[Path, str]]:
    """Yield the files of a new project, with their paths in it."""
    if _INSTALLED.is_dir():
        yield from _files(_INSTALLED, "")
        return
    yield from _files(_CHECKOUT / "templates" / "project", "")
    for shared in _SHARED:
        yield from _files(_CHECKOUT / shared, shared)


def _files(source: Path, path: str) -> Iterator[tuple[Path, str]]:
    if source.is_file():
        yield source, path
        return
    for file in sorted(source.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file, str(Path(path, file.relative_to(source)))


def _requirement(folder: Path) -> str:
    """Return the entry of the Pipfile for this project: the checkout, the repository or the version that is installed."""
    try:
        installed = distribution(_DISTRIBUTION)
    except PackageNotFoundError:
        return _entry(path=os.path.relpath(_CHECKOUT, folder.resolve()))
    # Written by pip: where the project was installed from, unless from a package index.
    origin: dict[str, Any] = json.loads(installed.read_text("direct_url.json") or "{}")
    url = str(origin.get("url", ""))
    if "vcs_info" in origin:
        return _entry(git=url, ref=origin["vcs_info"]["commit_id"])
    if url.startswith("file://"):
        return _entry(path=os.path.relpath(url.removeprefix("file://"), folder.resolve()))
    return _entry(version=f"=={installed.version}")


def _entry(**values: str) -> str:
    fields = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    fields.append('extras = ["local"]')
    return f"{{{', '.join(fields)}}}"
