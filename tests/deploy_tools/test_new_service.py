"""`make new-service`: the files that it writes, the lines that it prints, and what it rejects."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy_tools.errors import DeploymentError
from deploy_tools.new_service import create, write


def test_it_writes_the_folder_of_a_service(tmp_path: Path) -> None:
    (tmp_path / "handlers").mkdir()
    paths = write("text_tools", tmp_path)
    assert paths == [
        f"handlers/text_tools/{name}" for name in ("__init__.py", "contract.py", "app.py", "package.toml")
    ]
    contract, app, package = ((tmp_path / path).read_text() for path in paths[1:])
    assert 'text_tools = Contract("text_tools"' in contract
    assert "class TextToolsRequest(RequestModel):" in contract
    assert "from handlers.text_tools.contract import (\n    TextToolsRequest,\n" in app
    assert 'handler = "handlers.text_tools.app.handler"' in package


@pytest.mark.parametrize(
    ("services", "entry"),
    [
        ("[\n        AiService(self, vision, memory_mb=2048),\n        # Add yours here.\n    ]", "        AiService(self, greeting, memory_mb=512),"),
        ("[\n    AiService(\n        app, vision\n    ),\n    # Add yours here.\n]", "    AiService(app, greeting, memory_mb=512),"),
        ("[AiService(self, vision), vectors]", "AiService(self, greeting, memory_mb=512),"),
        ("[]", "AiService(stack, greeting, memory_mb=512),"),
    ],
)  # fmt: skip
def test_it_prints_the_lines_for_main(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], services: str, entry: str
) -> None:
    (tmp_path / "main.py").write_text(f"services = {services}\n", encoding="utf-8")
    create("greeting", tmp_path)
    printed = capsys.readouterr().out
    assert "created handlers/greeting/contract.py" in printed
    assert "\nfrom handlers.greeting.contract import greeting\n" in printed
    assert f"\n{entry}\n" in printed
    assert printed.endswith("Then: make serve.\n")


def test_the_projects_own_checks_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tests" / "golden").mkdir(parents=True)
    (tmp_path / "main.py").write_text("", encoding="utf-8")
    create("greeting", tmp_path)
    assert capsys.readouterr().out.endswith("Then: make serve. Before a commit: make golden, make check.\n")


def test_wrong_names_are_rejected_and_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "handlers" / "vision").mkdir(parents=True)
    for name, message in (
        (
            "Greeting!",
            "NAME: 'Greeting!' is not valid; use 1-20 lower case letters, digits and '_', such as NAME=greeting",
        ),
        ("vision", "handlers/vision exists already; choose another name"),
    ):
        with pytest.raises(DeploymentError) as refused:
            write(name, tmp_path)
        assert str(refused.value) == message
    assert list((tmp_path / "handlers").rglob("*.py")) == []
