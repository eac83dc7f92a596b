"""Calls and programs of the pages, against the deployed stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.deployment import Deployed
from tests.support.pages import PAGES, blocks, calls, run, shown

CHAT = "from openai import OpenAI"


@pytest.mark.parametrize("page", [page for page in PAGES if calls(page)], ids=shown)
def test_calls_of_the_page_are_answered(page: Path, deployed: Deployed, tmp_path: Path) -> None:
    callers = deployed.callers
    variables = {
        **callers.openai_environment,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "KEY": callers.tenant_key,
        "TOKEN": callers.user_token,
    }
    for number, block in enumerate(calls(page)):
        assert run(block, deployed.invoke_url, tmp_path / str(number), **variables)


def test_program_of_the_pages_prints_an_answer(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in deployed.callers.openai_environment.items():
        monkeypatch.setenv(name, value)
    (program,) = {block for page in PAGES for block in blocks(page, "python") if CHAT in block}
    exec(compile(program, "README.md", "exec"), {})  # noqa: S102 - the program of the pages
    assert capsys.readouterr().out.strip()
