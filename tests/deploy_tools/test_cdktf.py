"""`make deploy`: where each value of ENVIRONMENT leads the cdktf CLI, with fakes of the CLI and of the local cloud."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy_tools import cdktf, command_line
from deploy_tools.app import CdktfApp
from deploy_tools.destroy import destroy
from deploy_tools.errors import DeploymentError
from local_cloud import state_file
from local_cloud.state_file import RunningCloud
from tests.support.fake_app import fake_app
from tests.support.fake_terraform import fake_terraform
from tests.support.mirrors import unpacked
from tools.project import PROJECT


@pytest.fixture
def app(tmp_path: Path) -> CdktfApp:
    """An app with one stack, `shop`."""
    return fake_app(tmp_path, shop=[])


@pytest.fixture
def cloud(app: CdktfApp) -> Iterator[RunningCloud]:
    """The app's local cloud, which answers nothing but its health page."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"instance": "0" * 16, "pid": os.getpid()}).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app.cloud_directory.mkdir()
    port = server.server_port
    running = RunningCloud(url=f"http://127.0.0.1:{port}", pid=os.getpid(), instance="0" * 16, port=port)
    state_file.write(app.cloud_directory, running)
    yield running
    server.shutdown()
    server.server_close()


@pytest.fixture
def cli(tmp_path: Path) -> Path:
    """A cdktf CLI that writes down with which arguments and in which environment it runs."""
    path = tmp_path / "cdktf"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, pathlib, sys\n"
        f"pathlib.Path({str(tmp_path / 'run.json')!r}).write_text(json.dumps([sys.argv[1:], dict(os.environ)]))\n",
        encoding="utf-8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def shell(tmp_path: Path, home: dict[str, str]) -> dict[str, str]:
    """A shell with the credentials of a real account."""
    executable = fake_terraform(tmp_path / "bin")
    shutil.copy(executable, executable.with_name("node"))
    unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    return {**home, "AWS_PROFILE": "production", "TF_CLI_ARGS_plan": "-destroy"}


def ran(tmp_path: Path) -> dict[str, str]:
    arguments, environment = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert arguments == ["deploy"]
    return dict(environment)


@pytest.mark.parametrize("variables", [{}, {"ENVIRONMENT": ""}, {"ENVIRONMENT": "local"}])
def test_unset_empty_and_local_lead_to_the_local_cloud_without_the_callers_credentials(
    tmp_path: Path,
    app: CdktfApp,
    cloud: RunningCloud,
    cli: Path,
    shell: dict[str, str],
    variables: dict[str, str],
) -> None:
    status = cdktf.run(app, ["deploy"], variables={**shell, **variables}, cli=cli)
    environment = ran(tmp_path)
    assert status == 0
    assert (environment["AWS_ENDPOINT_URL"], environment["AWS_ACCESS_KEY_ID"]) == (cloud.url, "local")
    assert environment["CI"] == "1"  # as the output of the test is not a terminal
    assert not {"AWS_PROFILE", "TF_CLI_ARGS_plan"} & environment.keys()


def test_prod_leads_to_aws_with_the_callers_credentials_and_says_what_terraform_follows(
    tmp_path: Path, app: CdktfApp, cli: Path, shell: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cdktf.run(app, ["deploy"], variables={**shell, "ENVIRONMENT": "prod"}, cli=cli) == 0
    environment = ran(tmp_path)
    assert environment["AWS_PROFILE"] == "production"
    assert "AWS_ENDPOINT_URL" not in environment
    assert capsys.readouterr().err == "Terraform follows these variables of your shell: TF_CLI_ARGS_plan\n"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"ENVIRONMENT": "produktion"},
            "ENVIRONMENT: 'produktion' is unknown; set local, dev or prod. Default: local",
        ),
        ({"LOCAL_CLOUD_PORT": "abc"}, "LOCAL_CLOUD_PORT: 'abc' is not a port; set 0-65535. Default: 4566"),
    ],
)
def test_a_variable_that_is_not_valid_is_a_sentence_and_nothing_runs(
    tmp_path: Path, app: CdktfApp, cli: Path, shell: dict[str, str], variables: dict[str, str], message: str
) -> None:
    with pytest.raises(DeploymentError) as refused:
        cdktf.run(app, ["deploy"], variables={**shell, **variables}, cli=cli)
    assert str(refused.value) == message
    assert not (tmp_path / "run.json").exists()


def test_a_missing_node_is_a_sentence_in_every_command(
    tmp_path: Path, app: CdktfApp, cli: Path, shell: dict[str, str]
) -> None:
    (tmp_path / "bin" / "node").unlink()
    message = (
        "node: not found on the PATH, and CDK for Terraform runs in it; install Node.js 20 or newer "
        "(https://nodejs.org/en/download)"
    )
    with pytest.raises(DeploymentError) as refused:
        cdktf.run(app, ["deploy"], variables=shell, cli=cli)
    assert str(refused.value) == message
    hook = "import _lazy_bindings_startup, runpy; _lazy_bindings_startup.begin(); runpy.run_path('main.py')"
    variables = {**shell, "PYTHONPATH": str(PROJECT / "lazy_bindings" / "startup")}
    for command in (["-c", hook], ["-c", "import constructs_lib, cdktf"], ["-m", "deploy_tools", "serve"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=PROJECT, env=variables, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr.strip()) == (1, message)
    doctor = subprocess.run(
        [sys.executable, "-m", "deploy_tools", "doctor"],
        cwd=PROJECT,
        env=shell,
        capture_output=True,
        text=True,
    )
    assert (doctor.returncode, doctor.stdout.splitlines()[-1]) == (1, f"node       missing: {message}")


def test_the_states_of_the_stacks_that_the_cli_names_are_recorded(
    tmp_path: Path, cloud: RunningCloud, cli: Path, shell: dict[str, str]
) -> None:
    app = fake_app(tmp_path, users=[], api=["users"], jobs=[])
    assert cdktf.run(app, ["deploy", "--auto-approve", "users", "a*"], variables=shell, cli=cli) == 0
    recorded = sorted(path.name for path in tmp_path.glob("*.cloud.json"))
    assert recorded == ["terraform.api.tfstate.cloud.json", "terraform.users.tfstate.cloud.json"]


TYPO = "ENVIRONMENT: 'produktion' is unknown; set local, dev or prod. Default: local"


def test_a_tool_says_what_is_wrong_with_a_typo(shell: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        env={**shell, "ENVIRONMENT": "produktion"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", TYPO)


@pytest.mark.parametrize("command", ["serve", "plan", "deploy", "token", "openai"])
def test_every_command_says_the_same_of_a_typo(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "produktion")
    assert command_line.main([command]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.strip()) == ("", TYPO)


def test_destroy_says_what_stays_and_runs_the_cli(
    tmp_path: Path, cli: Path, shell: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    key = {"deletion_window_in_days": 7, "//": {"metadata": {"path": "shop/key/Resource"}}}
    app = fake_app(tmp_path, {"shop": {"resource": {"aws_kms_key": {"key": key}}}}, shop=[])
    assert destroy(app, ["shop"], variables={**shell, "ENVIRONMENT": "prod"}, cli=cli) == 0
    arguments, _ = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert arguments == ["destroy", "shop"]
    assert "  key of shop/key: AWS deletes it after 7 days; " in capsys.readouterr().out


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_the_arguments_of_a_command_are_those_of_the_cli(
    tmp_path: Path, cli: Path, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    fake_app(tmp_path, {"shop": {}}, shop=[])
    place = tmp_path / "node_modules" / ".bin" / "cdktf"
    place.parent.mkdir(parents=True)
    place.symlink_to(cli)
    for name, value in {**shell, "ENVIRONMENT": "prod"}.items():
        monkeypatch.setenv(name, value)
    assert command_line.main(["--dir", str(tmp_path), command, "shop", "--auto-approve"]) == 0
    arguments, _ = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert arguments == [command, "shop", "--auto-approve"]
