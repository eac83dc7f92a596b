"""Each example is synthesized, in each environment, and has a README of about ten lines."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from deploy_tools.app import CdktfApp, SynthesizedStack, read_manifest, with_packages
from tests.support.paths import PROJECT
from tools.golden import render

EXAMPLES = sorted(file.parent.name for file in (PROJECT / "examples").glob("*/cdktf.json"))

ENVIRONMENTS = ("local", "prod")
EACH_ENVIRONMENT = f"""
import os, runpy
from pathlib import Path

written = Path(os.environ["CDKTF_OUTDIR"])
for environment in {ENVIRONMENTS}:
    os.environ["ENVIRONMENT"] = environment
    runpy.run_path("main.py", run_name="__main__")
    written.rename(written.with_name(environment))
"""

Synthesized = Callable[[str, str], list[SynthesizedStack]]


def example(name: str) -> CdktfApp:
    return CdktfApp.in_folder(PROJECT / "examples" / name)


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The stacks of an example in an environment. One process synthesizes it for each of them."""

    @cache
    def folder(name: str) -> Path:
        directory = tmp_path_factory.mktemp(name)
        variables = {"CDKTF_OUTDIR": str(directory / "cdktf.out"), "STATE_BUCKET": "company-states"}
        done = subprocess.run(
            [sys.executable, "-c", EACH_ENVIRONMENT],
            cwd=example(name).folder,
            env=with_packages({**os.environ, **variables}),
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return directory

    return lambda name, environment: read_manifest(folder(name) / environment)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_synthesized(synthesized: Synthesized, name: str, environment: str) -> None:
    stacks = synthesized(name, environment)
    apis = [stack for stack in stacks if "aws_api_gateway_rest_api" in stack.configuration["resource"]]
    assert apis
    for stack in apis:
        assert (stack.directory / "routes.md").is_file()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_what_it_is_for(name: str) -> None:
    readme = (PROJECT / "examples" / name / "README.md").read_text(encoding="utf-8")
    assert 5 <= len(readme.splitlines()) <= 20
    assert f"make serve DIR=examples/{name}" in readme


def test_only_the_local_cloud_has_the_other_teams_stack(synthesized: Synthesized) -> None:
    assert [stack.name for stack in synthesized("existing", "local")] == ["elsewhere", "existing"]
    (prod,) = synthesized("existing", "prod")
    assert prod.name == "existing"
    assert "aws_lambda_function" not in prod.configuration["resource"]


def test_hello_is_a_dozen_statements_and_synthesized_without_a_warning(synthesized: Synthesized) -> None:
    module = ast.parse((example("hello").folder / "main.py").read_text(encoding="utf-8"))
    statements = [one for one in module.body[1:] if not isinstance(one, ast.Import | ast.ImportFrom)]
    assert len(statements) <= 12
    (stack,) = synthesized("hello", "local")
    manifest = json.loads((stack.directory.parents[1] / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["stacks"]["hello"]["annotations"] == []


def test_golden_files_have_no_hashes_of_archives() -> None:
    derived = render(PROJECT / "examples" / "workflow")
    assert all("000000000000.zip" in text for text in derived.configurations.values() if ".zip" in text)
    assert derived.routes.startswith("| Method | Path | Callers | Summary |\n")
