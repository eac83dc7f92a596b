"""`make new-service`: the files that it writes, the lines that it prints, and what it rejects."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy_tools.errors import DeploymentError
from tools.new_service import files, main, main_lines, write


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


def test_it_prints_the_lines_for_main(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.new_service.write", lambda name: list(files(name)))
    assert main(["greeting"]) == 0
    printed = capsys.readouterr().out
    assert "created handlers/greeting/contract.py" in printed
    assert all(line in printed for line in main_lines("greeting"))
    assert "make golden, make check, make serve" in printed


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
