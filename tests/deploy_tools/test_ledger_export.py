"""`export-ledger` against DynamoDB and S3 as moto has them."""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from deploy_tools.deployment import aws_errors
from deploy_tools.errors import DeploymentError
from deploy_tools.ledger_export import export, run
from tests.support import aws
from tests.support.fake_app import fake_app
from tests.support.moto_state import mock_aws

ROWS = [{"account": {"S": "acme#2026-11-30"}, "row": {"S": f"06:51:18.{number:03}#a"}} for number in range(3)]


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = aws.client("dynamodb")
        client.create_table(
            TableName="ledger",
            KeySchema=[
                {"AttributeName": "account", "KeyType": "HASH"},
                {"AttributeName": "row", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("account", "row")
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        client.update_continuous_backups(
            TableName="ledger", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        for row in ROWS:
            client.put_item(TableName="ledger", Item=row)
        aws.client("s3").create_bucket(Bucket="exports")
        yield client


def test_every_row_is_in_the_bucket(dynamodb: Any) -> None:
    assert export(dynamodb, "ledger", "exports", "usage", pause=lambda _: None) == len(ROWS)
    s3 = aws.client("s3")
    (entry,) = s3.list_objects_v2(Bucket="exports")["Contents"]
    assert entry["Key"].startswith("usage/AWSDynamoDB/")
    content = gzip.decompress(s3.get_object(Bucket="exports", Key=entry["Key"])["Body"].read())
    items = [json.loads(line)["Item"] for line in content.splitlines()]
    assert sorted(items, key=lambda item: str(item["row"])) == ROWS


@pytest.mark.parametrize(
    ("table", "bucket", "message"),
    [
        (
            "ledger",
            "missing",
            "export-ledger: the export of ledger failed: The specified bucket does not exist",
        ),
        (
            "other",
            "exports",
            "An error occurred (ResourceNotFoundException) when calling the DescribeTable operation: Requested resource not found",
        ),
    ],
)
def test_a_rejected_export_says_why(dynamodb: Any, table: str, bucket: str, message: str) -> None:
    with pytest.raises(DeploymentError) as raised, aws_errors():
        export(dynamodb, table, bucket, "usage", pause=lambda _: None)
    assert str(raised.value).startswith(message)


def test_a_table_without_recovery_says_so(dynamodb: Any) -> None:
    dynamodb.update_continuous_backups(
        TableName="ledger", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    with pytest.raises(DeploymentError, match="Point in time recovery is not enabled"), aws_errors():
        export(dynamodb, "ledger", "exports", "usage")


def test_an_aws_that_does_not_answer_is_a_sentence() -> None:
    once = Config(retries={"total_max_attempts": 1})
    client = aws.client("dynamodb", endpoint_url="http://127.0.0.1:1", config=once)
    with pytest.raises(DeploymentError, match=r"^Could not connect to the endpoint URL"), aws_errors():
        export(client, "ledger", "exports", "usage")


def test_a_bucket_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError) as raised:
        run(argparse.Namespace(bucket="", prefix="ledger"), fake_app(tmp_path))
    assert str(raised.value) == "export-ledger: BUCKET is empty; pass the name of an S3 bucket"
