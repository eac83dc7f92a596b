"""Tables, buckets and queues as the console shows them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.cloud_in_thread import CloudInThread


def read(cloud: CloudInThread, path: str) -> Any:
    response = cloud.request("GET", f"/_local_cloud/api/{path}")
    assert response.status == 200, response.content
    return json.loads(response.content)


def test_stored_things_can_be_looked_at(cloud: CloudInThread) -> None:
    cloud.client("dynamodb").create_table(
        TableName="console-table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    cloud.client("dynamodb").put_item(TableName="console-table", Item={"id": {"S": "a"}, "n": {"N": "1"}})
    cloud.client("s3").create_bucket(Bucket="console-bucket")
    cloud.client("s3").put_object(Bucket="console-bucket", Key="some/key", Body=b"12345")
    cloud.client("s3").put_bucket_versioning(
        Bucket="console-bucket", VersioningConfiguration={"Status": "Enabled"}
    )
    cloud.client("s3").put_object(Bucket="console-bucket", Key="deleted", Body=b"1")
    cloud.client("s3").delete_object(Bucket="console-bucket", Key="deleted")
    url = cloud.client("sqs").create_queue(QueueName="console-queue")["QueueUrl"]
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="hello")

    storage = read(cloud, "storage")
    (table,) = [one for one in storage["tables"] if one["name"] == "console-table"]
    assert table == {"name": "console-table", "region": "us-east-1", "items": 1, "keys": ["id"]}
    assert read(cloud, "storage/tables/console-table?region=us-east-1") == [
        {"name": "", "content": {"id": {"S": "a"}, "n": {"N": "1"}}}
    ]
    assert [one["items"] for one in storage["buckets"] if one["name"] == "console-bucket"] == [1]
    (found,) = read(cloud, "storage/buckets/console-bucket")
    assert (found["name"], found["content"]["bytes"]) == ("some/key", 5)
    assert [one["items"] for one in storage["queues"] if one["name"] == "console-queue"] == [1]
    (message,) = read(cloud, "storage/queues/console-queue")
    assert message["content"] == {"body": "hello", "receives": 0}
    # Looking at a message does not take it away.
    received = cloud.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert [one["Body"] for one in received] == ["hello"]
