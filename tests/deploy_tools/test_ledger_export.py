"""`export-ledger` against DynamoDB and S3 as moto has them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy_tools.errors import DeploymentError
from deploy_tools.ledger_export import export
from tests.support import aws
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
        ("ledger", "missing", "the export of ledger failed: The specified bucket does not exist"),
        ("other", "exports", "Requested resource not found"),
    ],
)
def test_a_rejected_export_says_why(dynamodb: Any, table: str, bucket: str, message: str) -> None:
    with pytest.raises(DeploymentError) as raised:
        export(dynamodb, table, bucket, "usage", pause=lambda _: None)
    assert str(raised.value).startswith(f"export-ledger: {message}")


def test_a_table_without_recovery_says_so(dynamodb: Any) -> None:
    dynamodb.update_continuous_backups(
        TableName="ledger", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    with pytest.raises(DeploymentError, match=r"^export-ledger: Point in time recovery is not enabled"):
        export(dynamodb, "ledger", "exports", "usage")
