"""`destroy`: what it rejects before Terraform runs, and what it says about the rest; with a fake of the CLI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy_tools.destroy import destroy, protected, remaining
from deploy_tools.errors import DeploymentError
from tests.support.fake_app import fake_app
from tests.support.paths import PROJECT

PROD: dict[str, Any] = json.loads(
    (PROJECT / "tests/golden/ai-orchestrator.tf.json").read_text(encoding="utf-8")
)


def test_tables_and_pools_of_prod_are_protected() -> None:
    names = protected(PROD)
    assert "ai-orchestrator/users" in names
    tables = [one for one in names if one != "ai-orchestrator/users"]
    assert len(tables) == len(PROD["resource"]["aws_dynamodb_table"])


def test_buckets_and_keys_of_prod_stay() -> None:
    left = dict(remaining(PROD))
    assert left["bucket company-states"] == "it has Terraform's state, also of other stacks"
    assert left["bucket ai-orchestrator-archives-ACCOUNT-us-east-1"] == "it existed before the stack"
    assert left["key of ai-orchestrator/key"].startswith("AWS deletes it after 30 days")


def test_a_bucket_that_is_emptied_does_not_stay() -> None:
    def resources(**bucket: object) -> dict[str, Any]:
        return {"resource": {"aws_s3_bucket": {"files": bucket}}}

    assert list(remaining(resources(force_destroy=True))) == []
    assert list(remaining(resources())) == [("bucket of files", "AWS deletes it only if it is empty")]


def test_a_stack_with_a_protected_table_is_not_destroyed(tmp_path: Path) -> None:
    table = {"deletion_protection_enabled": True, "//": {"metadata": {"path": "shop/orders/Resource"}}}
    app = fake_app(tmp_path, {"shop": {"resource": {"aws_dynamodb_table": {"orders": table}}}}, shop=[])
    with pytest.raises(DeploymentError) as refused:
        destroy(app, [], variables={"ENVIRONMENT": "dev"})
    assert str(refused.value) == (
        "stack shop: shop/orders are protected against deletion; pass deletion_protection=False to StackDefaults, "
        "deploy, and run destroy again"
    )
