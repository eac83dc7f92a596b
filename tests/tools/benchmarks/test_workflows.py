"""The benchmark of workflows runs both of them and their functions, and says what the one costs beside the other."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tools.benchmarks import workflows
from tools.project import PROJECT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.benchmarks.workflows", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)


@pytest.mark.long
def test_both_workflows_are_measured_with_all_their_states() -> None:
    done = run("--runs", "3")
    assert done.returncode == 0, done.stderr
    number = r"\s+-?[\d.]+ ms"
    for name, states in (("one after the other", 5), ("document", 10)):
        assert re.search(rf"^  {name}\s+{states}{number * 4}$", done.stdout, re.MULTILINE), done.stdout
    for state in ("task 4", "any text\\?", "  summarize", "answer"):
        assert re.search(rf"^    {state}{number}$", done.stdout, re.MULTILINE), done.stdout
    assert "medians of 3 runs" in done.stdout


def test_a_number_of_runs_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        workflows.main(["--runs", "0"])
    assert ended.value.code == 2
    assert "--runs" in capsys.readouterr().err
