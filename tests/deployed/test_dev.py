"""`dev` as a user runs it: files of an example are changed, and the deployed API is called until it answers anew."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import IO

import pytest

from deploy_tools.app import CdktfApp, with_packages
from deploy_tools.cloud import required_cloud, stop_cloud
from deploy_tools.deploy import deploy, deployed_app
from deploy_tools.errors import TerraformError
from deploy_tools.terraform import Terraform, environment_for, find_engine
from deploy_tools.terraform_state import TerraformState
from tests.support.paths import PROJECT
from tests.support.small_api import call

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

BUILT = shutil.ignore_patterns("cdktf.out", ".cache", ".local_cloud", "*.tfstate*")


class Dev:
    """The command in a process of its own, on a copy of the example `workflow`."""

    def __init__(self, folder: Path) -> None:
        self.app = CdktfApp.in_folder(
            shutil.copytree(PROJECT / "examples" / "workflow", folder, ignore=BUILT)
        )
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "deploy_tools", "--dir", str(folder), "dev"],
            cwd=PROJECT,
            env=with_packages({**os.environ, "LOCAL_CLOUD_PORT": "0"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self._output: IO[str] = self._process.stdout

    def until(self, pattern: str) -> str:
        """Read what it prints up to a line; return all of it."""
        lines = []
        for line in self._output:
            lines.append(line)
            if re.search(pattern, line):
                return "".join(lines)
        raise AssertionError(f"it ended without {pattern}:\n{''.join(lines)}")

    def change(self, name: str, old: str, new: str) -> None:
        file = self.app.folder / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    @cached_property
    def invoke_url(self) -> str:
        """URL of the stage, which no change of a file changes. Synthesis rewrites the files that it is read from."""
        (one,) = deployed_app(self.app, required_cloud(self.app.cloud_directory)).stacks
        return str(one.outputs["invoke_url"])

    def answer(self, path: str = "/summary") -> dict[str, object]:
        body = json.dumps({"text": "It rained. " * 40})
        response = call(
            self.invoke_url,
            "POST",
            path,
            headers={"Content-Type": "application/json"},
            body=body,
        )
        return {"status": response.status, **json.loads(response.body)}

    def answers(self, wanted: Callable[[dict[str, object]], bool]) -> None:
        """Call until the answer is the wanted one."""
        while not wanted(self.answer()):
            pass

    def functions(self) -> dict[str, dict[str, object]]:
        """Return the functions in the state, without what is empty: a refresh writes `[]` for null."""
        (stack,) = self.app.synthesized()
        found = TerraformState.read(stack.state_path).attributes("aws_lambda_function")
        return {
            address: {name: value for name, value in one.items() if value} for address, one in found.items()
        }

    def refresh(self) -> None:
        """Have Terraform read every resource into the state."""
        (stack,) = self.app.synthesized()
        url = required_cloud(self.app.cloud_directory).url
        environment = environment_for(self.app.cloud_directory, endpoint_url=url)
        Terraform(find_engine(), stack.directory, environment).run("refresh", "-no-color", "-input=false")

    def interrupt(self) -> tuple[int, str]:
        """End it as Ctrl-C does; return its exit status, and what it printed."""
        self._process.send_signal(signal.SIGINT)
        printed = self._output.read()
        return self._process.wait(), printed

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()
        stop_cloud(self.app.cloud_directory, forget=True)


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    running = Dev(tmp_path / "workflow")
    try:
        yield running
    finally:
        running.close()


def test_changes_are_answered_errors_leave_the_old_version_and_the_next_apply_settles(
    dev: Dev, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.until("Watching for changes")
    assert dev.answer()["service"] == "quick"

    # The code of a function: the files are replaced, and Terraform does not run.
    dev.change("quick/app.py", '"service": "quick"', '"service": "quicker"')
    dev.answers(lambda answer: answer["service"] == "quicker")
    assert "terraform" not in dev.until("new code answers")

    # Errors are shown where they are.
    dev.change("quick/app.py", '"service": "quicker"', '"service": (')
    assert "quick/app.py:" in dev.until("The previous version still answers")
    assert dev.answer()["service"] == "quicker"
    dev.change("quick/app.py", '"service": (', '"service": "quicker"')
    dev.until("nothing to update")
    dev.change("quick/app.py", "def handler", "import nowhere\n\ndef handler")
    assert "No module named 'nowhere'" in dev.until("The previous version still answers")
    assert dev.answer()["service"] == "quicker"
    dev.change("quick/app.py", "import nowhere\n\n", "")
    dev.until("nothing to update")
    dev.change("main.py", 'name="workflowApi"', 'name=""')
    assert re.search(r"main\.py:\d+: workflow/api", dev.until("The previous version still answers"))
    assert dev.answer()["service"] == "quicker"

    # A workflow: its definition is updated, and Terraform does not run.
    dev.change("main.py", 'name=""', 'name="workflowApi"')
    dev.until("nothing to update")
    dev.change("main.py", 'output=Variable("answer")', 'output={"service": "none", "summary": ""}')
    dev.answers(lambda answer: answer["service"] == "none")
    assert "terraform" not in dev.until("new definition runs")

    # All else: an apply.
    route = 'api.resource_for("/summary").add_method('
    dev.change(
        "main.py",
        route,
        route.replace("/summary", "/more")
        + '"POST", StepFunctionsIntegration(workflow), authorization=Public())\n'
        + route,
    )
    printed = dev.until("terraform apply")
    assert "workflow-local-quick               new archive answers" in printed
    assert "changed without Terraform          workflow-local-summary " in printed
    assert dev.answer("/more")["service"] == "none"
    recorded = dev.functions()
    dev.refresh()
    assert dev.functions() == recorded

    # What was changed directly since, the next deployment settles, also where the files are as they were.
    dev.change("quick/app.py", '"service": "quicker"', '"service": "quick"')
    dev.until("new code answers")
    assert dev.interrupt() == (0, "\nNo longer watching; the local cloud stays up.\n")
    dev.change("quick/app.py", '"service": "quick"', '"service": "quicker"')
    dev.change("main.py", 'output={"service": "none", "summary": ""}', 'output=Variable("answer")')
    deploy(dev.app)
    assert "changed without Terraform          workflow-local-quick " in capsys.readouterr().out
    assert dev.answer()["service"] == "quicker"
