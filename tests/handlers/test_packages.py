"""That the packages' lists and locks agree, and what the language function's build script does."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import PROJECT

HANDLERS = PROJECT / "handlers"
SERVICES = sorted(file.parent.name for file in HANDLERS.glob("*/package.toml"))
LOCKS = sorted(str(file.parent.relative_to(HANDLERS)) for file in HANDLERS.rglob("requirements.in"))
"""Folders that hold requirements; those in `handlers/` itself are for all functions without a model."""
BUILD = HANDLERS / "language" / "build.py"


def wanted(folder: str) -> list[Requirement]:
    lines = (HANDLERS / folder / "requirements.in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def locked(folder: str) -> dict[str, str]:
    text = (HANDLERS / folder / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", text, re.MULTILINE))


@pytest.mark.parametrize("folder", LOCKS)
def test_the_lock_has_what_is_wanted_by_hash_and_from_no_address(folder: str) -> None:
    versions = locked(folder)
    for requirement in wanted(folder):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])
    text = (HANDLERS / folder / "requirements.txt").read_text(encoding="utf-8")
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.fullmatch(r"[a-z0-9-]+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})+", entry), entry[:60]


@pytest.mark.parametrize("folder", LOCKS)
def test_what_lambda_provides_is_not_shipped(folder: str) -> None:
    assert not {"boto3", "botocore"} & set(locked(folder))


def test_services_that_share_a_package_share_its_version() -> None:
    versions: dict[str, set[str]] = {}
    for folder in LOCKS:
        for name, version in locked(folder).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_what_is_left_out_on_purpose_is_not_in_the_lock() -> None:
    text = (HANDLERS / "language" / "requirements.in").read_text(encoding="utf-8")
    without = {name for line in re.findall(r"^# without: (.*)$", text, re.MULTILINE) for name in line.split()}
    assert {"typer", "weasel", "requests"} < without
    assert not without & set(locked("language"))


@pytest.mark.parametrize("service", SERVICES)
def test_the_package_names_a_handler_that_there_is(service: str) -> None:
    package = tomllib.loads((HANDLERS / service / "package.toml").read_text(encoding="utf-8"))
    assert package["handler"] == f"handlers.{service}.app.handler"
    assert (HANDLERS / service / package["requirements"]).resolve().is_file()
    assert package["include"] == ["handlers/__init__.py", "handlers/common", f"handlers/{service}"]


def build(staging: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(BUILD), str(staging)], capture_output=True, text=True)


def install_spacy(staging: Path, imports: str) -> None:
    (staging / "spacy" / "cli").mkdir(parents=True)
    (staging / "spacy" / "__init__.py").write_text(imports, encoding="utf-8")
    (staging / "spacy" / "cli" / "__init__.py").write_text("import typer\n", encoding="utf-8")
    (staging / "spacy" / "cli" / "train.py").write_text("", encoding="utf-8")


def test_the_build_takes_spacys_command_line_away(tmp_path: Path) -> None:
    install_spacy(tmp_path, "from .cli.info import info\n")
    assert build(tmp_path).returncode == 0
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["spacy/__init__.py", "spacy/cli/__init__.py", "spacy/cli/info.py"]
    program = "import spacy; spacy.info()"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.endswith("NotImplementedError: spaCy's command line is not part of this archive\n")


def test_the_build_stops_at_a_spacy_that_it_does_not_know(tmp_path: Path) -> None:
    install_spacy(tmp_path, "from .new import info\n")
    done = build(tmp_path)
    init = tmp_path / "spacy" / "__init__.py"
    assert done.returncode == 1
    assert done.stderr == (
        f"{init} no longer imports spacy.cli.info; see what it imports now and change build.py\n"
    )
