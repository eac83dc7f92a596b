"""After a deployment, only commands that the outputs allow are shown."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy_tools.app import SynthesizedStack
from deploy_tools.cloud import Cloud
from deploy_tools.deploy import DeployedApp, DeployedStack
from deploy_tools.errors import DeploymentError
from deploy_tools.hints import show_hints
from tests.support.fake_app import fake_app

URL = "http://127.0.0.1:4566/_aws/execute-api/abc/prod"
ROUTES = """\
# Routes of shop

| Method | Path | Callers | Service |
| --- | --- | --- | --- |
| GET | `/orders/{id}` | anyone | shop |
| GET | `/signed` | IAM (SigV4) | shop |
| POST | `/orders` | users (Cognito) | shop |
"""


def deployed(folder: Path, **stacks: Mapping[str, object]) -> DeployedApp:
    found = []
    for name, outputs in stacks.items():
        directory = folder / name
        directory.mkdir()
        if "invoke_url" in outputs:
            (directory / "routes.md").write_text(ROUTES, encoding="utf-8")
        found.append(DeployedStack(SynthesizedStack(name, directory), outputs))
    return DeployedApp(Cloud("http://127.0.0.1:4566", folder, "0" * 16), tuple(found))


def shown(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    **stacks: Mapping[str, object],
) -> list[str]:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MAKELEVEL", raising=False)
    show_hints(fake_app(folder, shop=[]), deployed(folder, **stacks))
    return capsys.readouterr().out.splitlines()[1:]


def test_an_app_without_an_api_has_logs_and_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(tmp_path, monkeypatch, capsys, shop={}) == [
        "The app is up",
        "  console  http://127.0.0.1:4566/_local_cloud/",
        "  logs     ai-orchestrator logs",
        "  stop it  ai-orchestrator down",
    ]


def test_users_and_api_may_be_in_different_stacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    users = {"user_pool_id": "pool", "user_pool_client_id": "client"}
    tenants = {"usage_plan_id": "plan", "tenants_table": "table"}
    assert shown(tmp_path, monkeypatch, capsys, users=users, api={"invoke_url": URL, **tenants}) == [
        "The API is up",
        f"  invoke_url  {URL}",
        "  sign in     export TOKEN=$(ai-orchestrator token)",
        f'  call it     curl -s -X POST -H "Authorization: Bearer $TOKEN" {URL}/orders',
        "  a tenant    ai-orchestrator tenants add shop",
        "  console     http://127.0.0.1:4566/_local_cloud/",
        "  logs        ai-orchestrator logs",
        "  stop it     ai-orchestrator down",
    ]


def test_route_with_a_body_is_called_with_its_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = deployed(tmp_path, shop={"invoke_url": URL, "user_pool_id": "p", "user_pool_client_id": "c"})
    content = {"application/json": {"example": {"name": "Ada's"}}}
    document = {"paths": {"/orders": {"post": {"requestBody": {"content": content}}}}}
    (tmp_path / "shop" / "api.openapi.json").write_text(json.dumps(document), encoding="utf-8")
    show_hints(fake_app(tmp_path, shop=[]), app)
    (call,) = [line for line in capsys.readouterr().out.splitlines() if "call it" in line]
    words = shlex.split(call.partition("curl ")[2])
    assert words == [
        "-s", "-H", "Authorization: Bearer $TOKEN", f"{URL}/orders", "-H", "Content-Type: application/json",
        "-d", '{"name": "Ada\'s"}',
    ]  # fmt: skip


def test_language_models_have_their_address_and_the_settings_of_openai_s_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {"user_pool_id": "pool", "user_pool_client_id": "client", "openai_base_url": f"{URL}/v1"}
    assert shown(tmp_path, monkeypatch, capsys, shop=outputs)[1:4] == [
        f"  openai_base_url  {URL}/v1",
        "  sign in          export TOKEN=$(ai-orchestrator token)",
        '  OpenAI\'s SDK     eval "$(ai-orchestrator openai)"',
    ]


def test_below_make_the_commands_are_those_of_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAKELEVEL", "1")
    users = {"user_pool_id": "pool", "user_pool_client_id": "client"}
    show_hints(fake_app(tmp_path / "shop", shop=[]), deployed(tmp_path, api=users))
    assert capsys.readouterr().out.splitlines()[2:] == [
        "  sign in  export TOKEN=$(make -s token DIR=shop)",
        "  console  http://127.0.0.1:4566/_local_cloud/",
        "  logs     make logs DIR=shop",
        "  stop it  make down DIR=shop",
    ]


def test_a_command_without_its_outputs_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError) as refused:
        deployed(tmp_path, shop={"user_pool_id": "pool"}).with_outputs(
            "user_pool_id", "user_pool_client_id", purpose="token"
        )
    assert str(refused.value) == (
        "token: no stack has the outputs user_pool_id and user_pool_client_id; declare them with TerraformOutput, and deploy "
        "again"
    )
