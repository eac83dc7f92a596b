"""`export-ledger`: DynamoDB's export of the ledger to S3, from the local cloud, or with ENVIRONMENT=dev or prod from AWS."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, Final

from deploy_tools.app import CdktfApp
from deploy_tools.console import step
from deploy_tools.deployment import open_deployment
from deploy_tools.errors import DeploymentError

OUTPUTS: Final = ("ledger_table",)
PREFIX: Final = "ledger"
_POLL_SECONDS: Final = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.add_argument("bucket", metavar="BUCKET", help="name of an S3 bucket in the stack's region")
    parser.add_argument(
        "--prefix", default=PREFIX, help=f"prefix of the objects in the bucket (default: {PREFIX})"
    )


def run(options: argparse.Namespace, app: CdktfApp) -> int:
    """Export the ledger, wait for the end, and print where the objects are; return the exit status.

    Raises:
        DeploymentError: BUCKET is empty, the stack has no ledger, or DynamoDB rejects the export.
        TerraformError: Terraform cannot read the outputs.
    """
    if not options.bucket:
        raise DeploymentError("export-ledger: BUCKET is empty; pass the name of an S3 bucket")
    with open_deployment(app) as deployment:
        table = str(deployment.outputs(OUTPUTS, purpose="export-ledger")[OUTPUTS[0]])
        with step(f"export {table}") as current:
            count = export(deployment.client("dynamodb"), table, options.bucket, options.prefix)
            current.note(f"{count:,} items")
        print(f"    s3://{options.bucket}/{options.prefix}/AWSDynamoDB/")
    return 0


def export(
    client: Any, table: str, bucket: str, prefix: str, *, pause: Callable[[float], None] = time.sleep
) -> int:
    """Export a table to `PREFIX/AWSDynamoDB/` in a bucket, from its point-in-time recovery; return the number of items.

    It uses no capacity of the table.

    Args:
        client: boto3 client of DynamoDB.
        table: Name of the table.
        bucket: Name of the bucket.
        prefix: Prefix of the objects.
        pause: Waits, in seconds. Default: `time.sleep`.

    Raises:
        DeploymentError: The export failed.
    """
    arn = client.describe_table(TableName=table)["Table"]["TableArn"]
    described = client.export_table_to_point_in_time(
        TableArn=arn, S3Bucket=bucket, S3Prefix=prefix, ExportFormat="DYNAMODB_JSON"
    )["ExportDescription"]
    while described["ExportStatus"] == "IN_PROGRESS":
        pause(_POLL_SECONDS)
        described = client.describe_export(ExportArn=described["ExportArn"])["ExportDescription"]
    if described["ExportStatus"] != "COMPLETED":
        reason = described.get("FailureMessage") or described.get("FailureCode") or "DynamoDB gives no reason"
        raise DeploymentError(f"export-ledger: the export of {table} failed: {reason}")
    return int(described["ItemCount"])
