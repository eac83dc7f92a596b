"""`dev`, as far as it goes without a deployment; see tests/deployed/test_dev.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy_tools.dev import check_syntax, dev
from deploy_tools.errors import DeploymentError
from tests.support.fake_app import fake_app


def test_on_aws_it_says_what_it_would_do_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (
        ("ENVIRONMENT", "prod"),
        ("AWS_ACCOUNT_ID", "123456789012"),
        ("AWS_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    assert dev(fake_app(tmp_path, api=())) == 2
    assert capsys.readouterr().out == (
        "ENVIRONMENT is prod: `dev` would deploy main.py to AWS at every change of a file. It is for the local cloud only; "
        "unset ENVIRONMENT, or run `deploy`.\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cdktf.json", "main.py"]


def test_a_syntax_error_is_shown_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("x = 1\ny = (2\nz = 3\n", encoding="utf-8")
    with pytest.raises(DeploymentError) as raised:
        check_syntax(file, tmp_path)
    assert str(raised.value) == "app.py:2: '(' was never closed\n    y = (2\n        ^"


@pytest.mark.parametrize("name", ["main.py", "data.json", "gone.py"])
def test_all_else_is_no_syntax_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "main.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "data.json").write_text("{", encoding="utf-8")
    check_syntax(tmp_path / name, tmp_path)
