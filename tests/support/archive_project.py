"""A project to make archives of, wheels for it, and a pip that hands them out."""

from __future__ import annotations

import json
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lambda_archives import LambdaArchive, Target

FAKE_PIP = Path(__file__).with_name("fake_pip.py")
ARM = Target(python_version="3.13", architecture="arm64")
HASH = f"--hash=sha256:{'0' * 64}"


@dataclass(frozen=True)
class Project:
    """A project below `root`, with a service `handlers/vision`, a shelf of wheels and a cache."""

    root: Path
    shelf: Path
    cache: Path

    def write(self, files: dict[str, str | bytes]) -> None:
        for path, content in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def wheel(
        self,
        name: str,
        files: dict[str, str | bytes],
        *,
        version: str = "1.0",
        executable: tuple[str, ...] = (),
        compression: int = zipfile.ZIP_DEFLATED,
    ) -> Path:
        """Put a wheel on the shelf, with the metadata that a wheel has."""
        path = self.shelf / f"{name}-{version}-py3-none-any.whl"
        metadata = {
            f"{name}-{version}.dist-info/METADATA": f"Name: {name}\nVersion: {version}\n",
            f"{name}-{version}.dist-info/RECORD": "made by the publisher",
        }
        with zipfile.ZipFile(path, "w", compression) as opened:
            for member, content in {**files, **metadata}.items():
                info = zipfile.ZipInfo(member, date_time=(2024, 5, 17, 1, 2, 4))
                info.compress_type = compression
                info.external_attr = (0o100775 if member in executable else 0o100664) << 16
                opened.writestr(info, content)
        return path

    def package(self, text: str = "", *, requirements: tuple[str, ...] = ()) -> None:
        """Write the service's package file and its lock file."""
        lines = ['include = ["handlers/__init__.py", "handlers/common", "handlers/vision"]']
        if requirements:
            lines.append('requirements = "requirements.txt"')
            locked = "".join(f"{name} {HASH}\n" for name in requirements)
            self.write({"handlers/vision/requirements.txt": locked})
        self.write({"handlers/vision/package.toml": "\n".join([*lines, text])})

    @property
    def pip(self) -> list[str]:
        return [sys.executable, str(FAKE_PIP), str(self.shelf)]

    def archive(self, target: Target = ARM) -> LambdaArchive:
        return LambdaArchive.from_package(
            self.root / "handlers" / "vision" / "package.toml", target=target, cache=self.cache, pip=self.pip
        )

    @property
    def pip_calls(self) -> list[dict[str, Any]]:
        calls = self.shelf / "calls.jsonl"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []


def make_project(folder: Path) -> Project:
    project = Project(root=folder / "project", shelf=folder / "shelf", cache=folder / "cache")
    project.shelf.mkdir(parents=True)
    project.write(
        {
            "cdktf.json": "{}",
            "handlers/__init__.py": "",
            "handlers/common/__init__.py": "",
            "handlers/common/errors.py": "class Wrong(Exception): ...\n",
            "handlers/vision/__init__.py": "",
            "handlers/vision/app.py": "def handler(event, context):\n    return {}\n",
        }
    )
    project.package()
    return project


@pytest.fixture
def new_project() -> Any:
    """Create a project in a folder."""
    return make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture
def arm() -> Target:
    """Python 3.13 on arm64."""
    return ARM
