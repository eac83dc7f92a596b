"""A queue, the function that takes from it and what becomes of poison, under the real Terraform against the local cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from cdktf import App

from constructs_lib import AwsStack, Function, Queue
from deploy_tools.cloud import Cloud
from deploy_tools.terraform import Terraform, TerraformError, environment_for, find_engine
from tests.support.small_api import InlineArchive
from tests.support.terraform import apply_at_once, check_unchanged
from tests.support.waiting import eventually

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

pytestmark = pytest.mark.long

WORKER = """
def handler(event, context):
    failed = []
    for record in event["Records"]:
        print("got", record["body"])
        if record["body"] == "poison":
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
"""


def test_messages_are_handled_and_poison_is_kept(tmp_path: Path, cloud: Cloud) -> None:
    app = App(outdir=str(tmp_path / "cdktf.out"))
    stack = AwsStack(app, "shop", region="us-east-1")
    orders = Queue(stack, "orders", max_receive_count=1)
    worker = Function(
        stack, "worker", archive=InlineArchive.make(tmp_path, "worker", WORKER), timeout_seconds=1
    )
    worker.consume(orders, batch_size=5, max_concurrency=2)
    app.synth()
    environment = environment_for(cloud.directory, endpoint_url=cloud.url)
    terraform = Terraform(find_engine(), tmp_path / "cdktf.out" / "stacks" / "shop", environment)
    terraform.init()
    apply_at_once(terraform)
    check_unchanged(terraform)

    queues: Any = boto3.client(
        "sqs",
        region_name="us-east-1",
        endpoint_url=cloud.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )

    def url(name: str) -> str:
        return str(queues.get_queue_url(QueueName=name)["QueueUrl"])

    def attribute(name: str, wanted: str) -> str:
        answer = queues.get_queue_attributes(QueueUrl=url(name), AttributeNames=[wanted])
        return str(answer["Attributes"][wanted])

    (statement,) = json.loads(attribute("shop-orders-failed", "Policy"))["Statement"]
    assert statement["Resource"] == "arn:aws:sqs:us-east-1:123456789012:shop-orders-failed"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert attribute("shop-orders", "VisibilityTimeout") == "6"
    for body in ("one", "poison", "two"):
        queues.send_message(QueueUrl=url("shop-orders"), MessageBody=body)
    assert eventually(lambda: attribute("shop-orders-failed", "ApproximateNumberOfMessages") == "1")
    (message,) = queues.receive_message(QueueUrl=url("shop-orders-failed"))["Messages"]
    assert message["Body"] == "poison"
    for wanted in ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"):
        assert attribute("shop-orders", wanted) == "0"
    log = (cloud.directory / "logs" / "functions" / "shop-worker.log").read_text(encoding="utf-8")
    assert [log.count(f"got {body}") for body in ("one", "poison", "two")] == [1, 1, 1]

    terraform.destroy()
    assert terraform.resources() == []
    assert "QueueUrls" not in queues.list_queues()
