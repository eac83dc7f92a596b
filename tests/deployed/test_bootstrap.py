"""The buckets of `bootstrap/` on a local cloud, under the names that the `prod` environment expects."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from deploy_tools.app import CdktfApp
from deploy_tools.cloud import stop_cloud
from deploy_tools.deploy import deploy
from deploy_tools.errors import TerraformError
from deploy_tools.terraform import find_engine
from settings import settings_from
from tests.support.paths import PROJECT

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

ACCOUNT = "123456789012"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[CdktfApp]:
    folder = shutil.copytree(
        PROJECT / "bootstrap", tmp_path / "bootstrap", ignore=shutil.ignore_patterns("cdktf.out", ".*")
    )
    app = CdktfApp.in_folder(folder)
    yield app
    stop_cloud(app.cloud_directory)


def test_prod_finds_its_buckets(app: CdktfApp) -> None:
    deployed = deploy(app, 0)
    outputs = deployed.stacks[0].outputs
    prod = settings_from({"ENVIRONMENT": "prod", "AWS_ACCOUNT_ID": ACCOUNT})
    expected = [prod.defaults.archive_bucket, prod.payload_bucket]
    assert [outputs["ARCHIVE_BUCKET"], outputs["PAYLOAD_BUCKET"]] == [
        str(name).replace("{account}", ACCOUNT) for name in expected
    ]
    assert prod.state is not None
    assert outputs["STATE_BUCKET"] == prod.state.bucket
    s3 = boto3.client(
        "s3",
        endpoint_url=deployed.cloud.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    try:
        for name in outputs.values():
            policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
            assert policy["Statement"][0]["Effect"] == "Deny"
        assert s3.get_bucket_versioning(Bucket=outputs["STATE_BUCKET"])["Status"] == "Enabled"
        (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=outputs["PAYLOAD_BUCKET"])["Rules"]
        assert rule["Expiration"]["Days"] == 2
    finally:
        s3.close()
