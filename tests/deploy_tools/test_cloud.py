"""When the local cloud of an app starts anew: only if it holds what the states do not list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy_tools.cloud import Cloud, chosen_port, ensure_cloud, matching_cloud, rest_apis, stop_cloud
from deploy_tools.errors import DeploymentError
from deploy_tools.local_session import local_session
from deploy_tools.local_state import LocalState


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("shop") / "cloud"
    yield path
    stop_cloud(path, forget=True)


@pytest.fixture
def cloud(directory: Path) -> Iterator[Cloud]:
    """An empty local cloud; the next test finds it up."""
    yield ensure_cloud(directory, 0)[0]
    found, _ = ensure_cloud(directory, 0)
    for api in rest_apis(found):
        client(found).delete_rest_api(restApiId=api["id"])


def applied(folder: Path, name: str, instance: str) -> LocalState:
    state = LocalState(folder / f"terraform.{name}.tfstate")
    with state.applying(instance):
        state.path.write_text("{}", encoding="utf-8")
    return state


def client(cloud: Cloud) -> Any:
    return local_session("us-east-1").client("apigateway", endpoint_url=cloud.url)


def add_rest_api(cloud: Cloud) -> None:
    client(cloud).create_rest_api(name="shop")


def test_a_second_stack_does_not_empty_the_cloud_of_the_first(tmp_path: Path, cloud: Cloud) -> None:
    add_rest_api(cloud)
    states = [applied(tmp_path, "users", cloud.instance), LocalState(tmp_path / "terraform.api.tfstate")]
    assert matching_cloud(states, cloud, reused=True) == (cloud, "was up already")
    assert len(rest_apis(cloud)) == 1


def test_a_state_of_an_earlier_start_is_set_aside(tmp_path: Path, cloud: Cloud) -> None:
    states = [applied(tmp_path, "users", cloud.instance), applied(tmp_path, "api", "earlier")]
    found, done = matching_cloud(states, cloud, reused=True)
    assert (found, done) == (cloud, "was up already, old state set aside")
    assert [state.exists() for state in states] == [True, False]
    assert (cloud.directory / "previous.terraform.api.tfstate").is_file()


def test_a_state_that_is_gone_empties_the_cloud_on_the_same_port(tmp_path: Path, cloud: Cloud) -> None:
    add_rest_api(cloud)
    states = [applied(tmp_path, "users", cloud.instance), applied(tmp_path, "api", cloud.instance)]
    states[1].path.unlink()
    found, done = matching_cloud(states, cloud, reused=True)
    assert done == "restarted: its state is gone, old state set aside"
    assert (found.url, rest_apis(found)) == (cloud.url, [])
    assert found.instance != cloud.instance


@pytest.mark.parametrize("filled", [False, True])
def test_without_any_state_a_cloud_with_an_api_starts_anew(
    tmp_path: Path, cloud: Cloud, filled: bool
) -> None:
    if filled:
        add_rest_api(cloud)
    found, done = matching_cloud([LocalState(tmp_path / "terraform.shop.tfstate")], cloud, reused=True)
    assert done == ("restarted: its state is gone" if filled else "was up already")
    assert (found == cloud) is not filled


def test_another_port_than_the_one_it_is_up_on_is_an_error(cloud: Cloud) -> None:
    assert ensure_cloud(cloud.directory) == (cloud, True)
    assert ensure_cloud(cloud.directory, 0) == (cloud, True)
    with pytest.raises(DeploymentError) as refused:
        ensure_cloud(cloud.directory, 1)
    assert str(refused.value) == (
        f"the local cloud of {cloud.directory} is up at {cloud.url}, and LOCAL_CLOUD_PORT is 1; stop it first (`down`), or "
        "unset LOCAL_CLOUD_PORT"
    )


def test_port_of_another_app_is_an_error_with_its_remedy(tmp_path: Path, cloud: Cloud) -> None:
    port = urlsplit(cloud.url).port
    with pytest.raises(DeploymentError) as refused:
        ensure_cloud(tmp_path / "other", port)
    assert str(refused.value) == (
        f"127.0.0.1:{port} is taken by another program; if it is the local cloud of another app, run `down` for that app "
        "(`make down DIR=…`), otherwise set LOCAL_CLOUD_PORT=0"
    )


def test_a_port_is_chosen_only_by_the_variable() -> None:
    assert chosen_port({}) is None
    assert chosen_port({"LOCAL_CLOUD_PORT": ""}) is None
    assert chosen_port({"LOCAL_CLOUD_PORT": "4700"}) == 4700
