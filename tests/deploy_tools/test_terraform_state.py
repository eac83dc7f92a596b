"""States of Terraform, read and corrected in place."""

from __future__ import annotations

import json
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest

from deploy_tools.errors import DeploymentError
from deploy_tools.terraform_state import TerraformState


def resource(kind: str, name: str, mode: str = "managed", **instance: Any) -> dict[str, Any]:
    return {"mode": mode, "type": kind, "name": name, "instances": [{"attributes": {}, **instance}]}


STATE = {
    "version": 4,
    "serial": 7,
    "lineage": "a",
    "outputs": {"url": {"value": "http://x", "type": "string"}, "key": {"value": [1], "sensitive": True}},
    "resources": [
        resource("aws_partition", "current", "data", attributes={"partition": "aws"}),
        resource("aws_sqs_queue", "jobs", attributes={"url": "u", "delay": 3}),
        resource("aws_api_gateway_method", "get", status="tainted"),
        resource("aws_sqs_queue", "other", status="tainted"),
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "terraform.shop.tfstate"
    path.write_text(json.dumps(STATE), encoding="utf-8")
    return path


def test_outputs_resources_and_attributes(file: Path) -> None:
    state = TerraformState.read(file)
    assert state.outputs == {"url": "http://x", "key": [1]}
    assert state.resource_count == 4
    assert state.lookup("aws_sqs_queue.jobs", "delay") == 3
    assert state.lookup("data.aws_partition.current", "partition") == "aws"
    assert state.lookup("aws_partition.current", "partition") is None
    assert list(state.attributes("aws_sqs_queue")) == ["aws_sqs_queue.jobs", "aws_sqs_queue.other"]


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_state_that_is_missing_or_empty_has_nothing(file: Path, content: str | None) -> None:
    file.unlink() if content is None else file.write_text(content, encoding="utf-8")
    state = TerraformState.read(file)
    assert (state.outputs, state.resource_count) == ({}, 0)


@pytest.mark.parametrize("content", ["[]", "{", '{"version": 5}'])
def test_other_files_are_an_error(file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DeploymentError, match=r"terraform\.shop\.tfstate"):
        TerraformState.read(file)


def test_a_saved_state_follows_the_one_that_was_read_and_is_private(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.tfstate"
    link.symlink_to(file)
    (tmp_path / "link.tfstate.tmp").mkdir()  # the temporary file is beside the file, not beside the link
    state = TerraformState.read(link)
    state.attributes("aws_sqs_queue")["aws_sqs_queue.jobs"]["delay"] = 4
    assert state.remove_taints(frozenset({"aws_api_gateway_method"})) == ["aws_api_gateway_method.get"]
    state.save()
    assert link.is_symlink()
    assert S_IMODE(file.stat().st_mode) == 0o600
    saved = json.loads(file.read_text(encoding="utf-8"))
    assert (saved["serial"], saved["lineage"]) == (8, "a")
    assert [one["instances"][0].get("status") for one in saved["resources"]] == [None, None, None, "tainted"]
    assert TerraformState.read(file).lookup("aws_sqs_queue.jobs", "delay") == 4
