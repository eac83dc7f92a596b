"""`new-project`: what it writes, which names it takes, and that nothing is overwritten."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from deploy_tools.app import CdktfApp
from deploy_tools.errors import DeploymentError
from deploy_tools.new_project import create
from tests.support.paths import PROJECT


def test_a_project_is_named_after_its_folder_and_depends_on_this_checkout(tmp_path: Path) -> None:
    create(tmp_path / "code" / "book-shop")
    folder = tmp_path / "code" / "book-shop"
    (stack,) = CdktfApp.in_folder(folder).synthesize(
        {"LAMBDA_ARCHIVES_CACHE": str(PROJECT / ".cache" / "archives")}
    )
    assert stack.name == "book-shop"
    assert "| POST | `/greeting` | anyone |" in (stack.directory / "routes.md").read_text(encoding="utf-8")
    pipfile = tomllib.loads((folder / "Pipfile").read_text(encoding="utf-8"))
    requirement = pipfile["packages"]["ai-orchestrator"]
    assert requirement["extras"] == ["local"]
    assert Path(os.path.normpath(folder / requirement["path"])) == PROJECT
    assert (folder / "tests" / "test_greeting.py").is_file()
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# book-shop\n")
    texts = [file.read_text(encoding="utf-8") for file in folder.glob("*") if file.is_file()]
    assert not [text for text in texts if "PROJECT-" in text]


def test_the_runtime_client_of_streaming_functions_stays_executable(tmp_path: Path) -> None:
    create(tmp_path / "shop")
    assert os.access(tmp_path / "shop" / "handlers" / "common" / "streaming_runtime.py", os.X_OK)
    assert not os.access(tmp_path / "shop" / "main.py", os.X_OK)


def test_two_projects_have_two_identities(tmp_path: Path) -> None:
    identities = set()
    for name in ("shop", "desk"):
        create(tmp_path / name)
        identities.add(json.loads((tmp_path / name / "cdktf.json").read_text(encoding="utf-8"))["projectId"])
    assert len(identities) == 2


@pytest.mark.parametrize("name", ["Shop", "my shop", "1shop", "s" * 31])
def test_names_that_are_not_valid(tmp_path: Path, name: str) -> None:
    with pytest.raises(DeploymentError) as refused:
        create(tmp_path / name)
    assert str(refused.value) == (
        f"{tmp_path / name}: the stack is named after the folder, and {name!r} is not valid; use 1-30 lower case letters, "
        "digits and '-', such as ../shop"
    )
    assert not (tmp_path / name).exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "main.py").write_text("mine", encoding="utf-8")
    (tmp_path / "file").touch()
    for name in ("shop", "file"):
        with pytest.raises(
            DeploymentError, match=f"{name} exists and is not empty; name another one, such as ../shop$"
        ):
            create(tmp_path / name)
    assert (tmp_path / "shop" / "main.py").read_text(encoding="utf-8") == "mine"
