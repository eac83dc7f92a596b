"""A state in S3, under the real Terraform: its backend, its lock, and what is in the bucket afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from cdktf import App

from constructs_lib import AwsStack, LogGroup, S3State
from deploy_tools.cloud import Cloud
from deploy_tools.terraform import Terraform, TerraformError, environment_for, find_engine

pytestmark = pytest.mark.long

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

STATE = S3State(bucket="shop-states", key="shop/prod.tfstate", region="us-east-1")


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    client = boto3.Session("local", "local", region_name="us-east-1").client("s3", endpoint_url=cloud.url)
    client.create_bucket(Bucket=STATE.bucket)
    return client


def synthesized(outdir: Path) -> Path:
    app = App(outdir=str(outdir))
    stack = AwsStack(app, "shop", region="us-east-1", state=STATE)
    LogGroup(stack, "audit", name="/shop/audit", retention_days=30)
    app.synth()
    return outdir / "stacks" / "shop"


def init(terraform: Terraform) -> None:
    # No host name of this machine starts with a bucket's name.
    terraform.run("init", "-no-color", "-input=false", "-backend-config=use_path_style=true")


def keys(s3: Any) -> list[str]:
    return sorted(found["Key"] for found in s3.list_objects_v2(Bucket=STATE.bucket).get("Contents", ()))


def test_the_state_is_in_the_bucket_and_nowhere_else(tmp_path: Path, cloud: Cloud, s3: Any) -> None:
    stack = synthesized(tmp_path / "cdktf.out")
    environment = environment_for(cloud.directory, endpoint_url=cloud.url)
    terraform = Terraform(find_engine(), stack, environment)
    init(terraform)
    terraform.plan()
    terraform.apply()
    assert keys(s3) == [STATE.key], "the lock is released"
    stored = s3.get_object(Bucket=STATE.bucket, Key=STATE.key)
    assert stored["ServerSideEncryption"] == "AES256"
    state = json.loads(stored["Body"].read())
    assert [resource["type"] for resource in state["resources"]] == ["aws_cloudwatch_log_group"]
    assert list(tmp_path.rglob("*.tfstate")) == [stack / ".terraform" / "terraform.tfstate"]

    elsewhere = Terraform(find_engine(), synthesized(tmp_path / "elsewhere"), environment)
    init(elsewhere)
    assert elsewhere.resources() == terraform.resources()

    s3.put_object(Bucket=STATE.bucket, Key=f"{STATE.key}.tflock", Body=b'{"ID":"another"}')
    with pytest.raises(TerraformError, match="Error acquiring the state lock"):
        elsewhere.plan()
    s3.delete_object(Bucket=STATE.bucket, Key=f"{STATE.key}.tflock")
    terraform.destroy()
    assert json.loads(s3.get_object(Bucket=STATE.bucket, Key=STATE.key)["Body"].read())["resources"] == []
