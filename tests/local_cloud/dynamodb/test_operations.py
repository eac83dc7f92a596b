"""Items of DynamoDB: what is written is what is read."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.support.cloud_in_thread import CloudInThread

TABLE: Final = "items"
ITEM: Final[dict[str, Any]] = {
    "id": {"S": "a"},
    "text": {"S": ""},
    "number": {"N": "1.5"},
    "yes": {"BOOL": False},
    "none": {"NULL": True},
    "bytes": {"B": b"\x00\xff"},
    "S": {"SS": ["x", "y"]},
    "N": {"NS": ["1"]},
    "byte strings": {"BS": [b"\x01"]},
    "list": {"L": [{"S": "é"}, {"B": b"\x02"}, {"L": []}, {"M": {"N": {"N": "1"}}}]},
    "map": {"M": {"S": {"B": b"\x03"}, "BOOL": {"M": {}}}},
}


@pytest.fixture(scope="module")
def dynamodb(cloud: CloudInThread) -> Any:
    client = cloud.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName=TABLE, Item=ITEM)
    return client


def test_values_of_each_type_are_put_by_an_update_without_an_expression(dynamodb: Any) -> None:
    key = {"id": {"S": "updated"}}
    updates = {name: {"Value": value, "Action": "PUT"} for name, value in ITEM.items() if name != "id"}
    dynamodb.put_item(TableName=TABLE, Item=key)
    dynamodb.update_item(TableName=TABLE, Key=key, AttributeUpdates=updates)
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    dynamodb.delete_item(TableName=TABLE, Key=key)
    assert item == ITEM | key


def test_values_of_each_type_are_read_as_they_were_written(dynamodb: Any) -> None:
    key = {"id": {"S": "a"}}
    assert dynamodb.get_item(TableName=TABLE, Key=key)["Item"] == ITEM
    (queried,) = dynamodb.query(
        TableName=TABLE, KeyConditionExpression="id = :id", ExpressionAttributeValues={":id": {"S": "a"}}
    )["Items"]
    assert queried == ITEM
    assert dynamodb.scan(TableName=TABLE)["Items"] == [ITEM]
    batch = dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": [key]}})
    assert batch["Responses"] == {TABLE: [ITEM]}
    together = dynamodb.transact_get_items(TransactItems=[{"Get": {"TableName": TABLE, "Key": key}}])
    assert together["Responses"] == [{"Item": ITEM}]
