"""Examples on a local cloud of their own, deployed by the commands and called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy_tools.app import CdktfApp
from deploy_tools.callers import Callers
from deploy_tools.cloud import stop_cloud
from deploy_tools.deploy import DeployedApp, deploy
from deploy_tools.errors import TerraformError
from deploy_tools.plan import plan
from deploy_tools.terraform import find_engine
from tests.support.pages import PAGES, calls, run
from tests.support.paths import PROJECT
from tests.support.small_api import call

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

JSON = {"Content-Type": "application/json"}
BUILT = shutil.ignore_patterns("cdktf.out", ".cache", ".local_cloud", "*.tfstate*")

Example = Callable[[str], CdktfApp]


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Example]:
    """Copy an example; its local cloud ends with the test."""
    apps: list[CdktfApp] = []

    def copied(name: str) -> CdktfApp:
        folder = shutil.copytree(PROJECT / "examples" / name, tmp_path / name, ignore=BUILT)
        apps.append(CdktfApp.in_folder(folder))
        return apps[-1]

    yield copied
    for app in apps:
        stop_cloud(app.cloud_directory, forget=True)


def url_of(deployed: DeployedApp) -> str:
    return str(deployed.with_outputs("invoke_url", purpose="test").outputs["invoke_url"])


def run_pages(example: str, url: str, folder: Path, **variables: str) -> None:
    """Run the calls of the pages that show an example."""
    blocks = [block for page in PAGES for block in calls(page, example)]
    assert blocks
    for number, block in enumerate(blocks):
        assert run(block, url, folder / f"page-{number}", **variables)


def test_hello_answers_any_method_and_is_deployed_again_without_a_change(
    example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = example("hello")
    deployed = deploy(app, 0)
    run_pages("hello", url_of(deployed), tmp_path)
    for method in ("GET", "PATCH"):
        answer = call(url_of(deployed), method, "/ai-service")
        assert (answer.status, json.loads(answer.body)) == (200, {"message": "Hello", "method": method})
    capsys.readouterr()
    again = deploy(app)
    assert (again.cloud, again.stacks) == (deployed.cloud, deployed.stacks)
    assert " 0 to add, 0 to change, 0 to destroy " in capsys.readouterr().out


def test_functions_that_were_made_elsewhere_answer_and_authorize(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    app = example("existing")
    deployed = deploy(app, 0)
    assert [one.stack.name for one in deployed.stacks] == ["elsewhere", "existing"]
    url = url_of(deployed)
    answer = call(url, "GET", "/orders", headers={"Authorization": "Bearer let-me-in"})
    assert (answer.status, json.loads(answer.body)) == (200, {"caller": "ada", "orders": [1, 2]})
    assert call(url, "GET", "/orders", headers={"Authorization": "Bearer other"}).status == 403
    capsys.readouterr()
    assert plan(app) == 0
    assert capsys.readouterr().out.splitlines() == [
        "elsewhere: 0 to add, 0 to change, 0 to destroy",
        "existing: 0 to add, 0 to change, 0 to destroy",
    ]


@pytest.mark.long
def test_a_function_that_does_not_exist_fails_the_plan(example: Example) -> None:
    app = example("existing")
    main = app.folder / "main.py"
    text = main.read_text(encoding="utf-8")
    main.write_text(text.replace('function_name="orders"', 'function_name="order"'), encoding="utf-8")
    with pytest.raises(TerraformError) as refused:
        deploy(app, 0)
    assert "reading Lambda Function (order)" in str(refused.value)


def test_a_workflow_asks_the_second_service_when_the_first_one_fails(
    example: Example, tmp_path: Path
) -> None:
    url = url_of(deploy(example("workflow"), 0))
    run_pages("workflow", url, tmp_path)
    for text, service in (("It rained. We read three old books.", "careful"), ("It rained. " * 40, "quick")):
        answer = call(url, "POST", "/summary", headers=JSON, body=json.dumps({"text": text}))
        assert answer.status == 200, answer
        assert json.loads(answer.body)["service"] == service


def test_users_of_one_stack_call_the_api_of_another(
    example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = example("two-stacks")
    deployed = deploy(app, 0)
    assert [one.stack.name for one in deployed.stacks] == ["users", "api"]
    users = deployed.with_outputs("user_pool_id", purpose="test")
    token = Callers(deployed.cloud.url, users.outputs).user_token
    url = url_of(deployed)
    run_pages("two-stacks", url, tmp_path, TOKEN=token)
    answer = call(url, "GET", "/profile", headers={"Authorization": token})
    assert (answer.status, json.loads(answer.body)["name"][:4]) == (200, "ada-")
    assert call(url, "GET", "/profile").status == 401
    capsys.readouterr()
    assert plan(app) == 0
    assert capsys.readouterr().out.splitlines() == [
        "users: 0 to add, 0 to change, 0 to destroy",
        "api: 0 to add, 0 to change, 0 to destroy",
    ]
