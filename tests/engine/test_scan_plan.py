"""The plan that `make scan` scans is made by the real Terraform, wherever the stack keeps its state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.scan import planned
from tools.terraform import TerraformError, find_engine

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)


def test_a_stack_with_a_remote_state_is_planned_and_left_as_it_is(tmp_path: Path) -> None:
    stack = tmp_path / "stack"
    (stack / "assets").mkdir(parents=True)
    (stack / "assets" / "words.txt").write_text("words", encoding="utf-8")
    written = {
        "terraform": {
            "backend": {"s3": {"bucket": "state", "key": "shop", "region": "eu-central-1"}},
            "required_providers": {"aws": {"source": "hashicorp/aws"}},
        },
        "provider": {"aws": [{"region": "us-east-1"}]},
        "resource": {
            "aws_api_gateway_rest_api": {
                "shop": {"name": "shop", "description": '${file("assets/words.txt")}'}
            }
        },
    }
    (stack / "cdk.tf.json").write_text(json.dumps(written), encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()

    plan = json.loads(planned(stack, work))
    (change,) = plan["resource_changes"]
    assert change["address"] == "aws_api_gateway_rest_api.shop"
    assert change["change"]["actions"] == ["create"]
    assert change["change"]["after"]["description"] == "words"
    assert sorted(path.name for path in stack.rglob("*")) == ["assets", "cdk.tf.json", "words.txt"]
