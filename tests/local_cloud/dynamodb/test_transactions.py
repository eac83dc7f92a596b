"""Transactions of DynamoDB: all or nothing, with a reason for each action, and once for each token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import dynamodb_backends

from local_cloud.dynamodb.guard import TOKEN_SECONDS, guard_of
from local_cloud.dynamodb.transactions import Transaction
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread

CANCELLED = "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]"
FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
NONE = {"Code": "None"}
MISMATCH = (
    "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token "
    "that was already used."
)
TOO_MANY = (
    "1 validation error detected at 'transactItems' failed to satisfy constraint: "
    "Member must have length less than or equal to 100."
)

_names = iter(range(10_000))


class Table:
    """A table with a partition key and a sort key, and the actions of transactions on it."""

    def __init__(self, cloud: CloudInThread) -> None:
        self.client = cloud.client("dynamodb")
        self.name = f"items-{next(_names)}"
        self.client.create_table(
            TableName=self.name,
            KeySchema=[
                {"AttributeName": "owner", "KeyType": "HASH"},
                {"AttributeName": "id", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("owner", "id")
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )  # fmt: skip

    @property
    def backend(self) -> Any:
        return dynamodb_backends[ACCOUNT][REGION]

    def on(self, key: str) -> dict[str, Any]:
        return {"TableName": self.name, "Key": {"owner": {"S": "me"}, "id": {"S": key}}}

    def item(self, key: str, **attributes: Any) -> dict[str, Any]:
        return {"owner": {"S": "me"}, "id": {"S": key}, **attributes}

    def put(self, key: str, **options: Any) -> dict[str, Any]:
        attributes = options.pop("attributes", {})
        return {"Put": {"TableName": self.name, "Item": self.item(key, **attributes), **options}}

    def add(self, key: str, amount: int = 1, **options: Any) -> dict[str, Any]:
        values = {":n": {"N": str(amount)}}
        update = {"UpdateExpression": "ADD n :n", "ExpressionAttributeValues": values}
        return {"Update": {**self.on(key), **update, **options}}

    def delete(self, key: str, **options: Any) -> dict[str, Any]:
        return {"Delete": {**self.on(key), **options}}

    def check(self, key: str, condition: str = "attribute_exists(id)", **options: Any) -> dict[str, Any]:
        return {"ConditionCheck": {**self.on(key), "ConditionExpression": condition, **options}}

    def write(self, *actions: dict[str, Any], **options: Any) -> None:
        self.client.transact_write_items(TransactItems=list(actions), **options)

    def ids(self) -> list[str]:
        return [item["id"]["S"] for item in self.client.scan(TableName=self.name)["Items"]]

    def rows(self) -> dict[str, int]:
        found = self.client.scan(TableName=self.name)["Items"]
        return {item["id"]["S"]: int(item.get("n", {"N": "0"})["N"]) for item in found}

    def stream(self) -> list[tuple[str, str]]:
        shard = self.backend.tables[self.name].stream_shard
        return [(row.record["eventName"], row.record["dynamodb"]["Keys"]["id"]["S"]) for row in shard.items]


@pytest.fixture
def table(cloud: CloudInThread) -> Table:
    return Table(cloud)


@pytest.fixture
def ongoing(table: Table) -> Iterator[Callable[..., Transaction]]:
    """Begin a transaction that ends with the test."""
    begun: list[Transaction] = []

    def begin(*actions: dict[str, Any]) -> Transaction:
        begun.append(Transaction(table.backend, list(actions)))
        return begun[-1]

    yield begin
    for transaction in begun:
        transaction.end()


def failure(call: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(*arguments, **options)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def reasons(call: Callable[..., Any], *arguments: Any, **options: Any) -> list[dict[str, Any]]:
    with pytest.raises(ClientError) as raised:
        call(*arguments, **options)
    response = raised.value.response
    found = list(response["CancellationReasons"])
    assert response["Error"] == {
        "Code": "TransactionCanceledException",
        "Message": CANCELLED.format(", ".join(reason["Code"] for reason in found)),
    }
    return found


def test_all_actions_succeed(table: Table) -> None:
    table.write(table.put("gone"), table.put("kept"))
    table.write(
        table.put("new"), table.add("count", 2), table.delete("gone"), table.check("kept"), table.delete("never")
    )  # fmt: skip
    assert table.rows() == {"kept": 0, "new": 0, "count": 2}
    assert table.stream()[2:] == [("INSERT", "new"), ("INSERT", "count"), ("REMOVE", "gone")]


def test_one_failed_check_cancels_all_and_names_the_action(table: Table) -> None:
    table.write(table.add("a", 5), table.add("b", 7))
    before = table.stream()
    late = table.check("missing")
    assert reasons(table.write, table.put("c"), table.add("a"), table.delete("b"), late) == [
        NONE, NONE, NONE, FAILED
    ]  # fmt: skip
    assert table.rows() == {"a": 5, "b": 7}
    assert table.stream() == before


def test_the_item_that_failed_a_check_is_returned_if_asked_for(table: Table) -> None:
    table.write(table.add("a", 5))
    old = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    condition = {"ConditionExpression": "attribute_not_exists(id)"}
    stored = {**FAILED, "Item": table.item("a", n={"N": "5"})}
    for action in (
        table.put("a", **condition, **old),
        table.add("a", **condition, **old),
        table.delete("a", **condition, **old),
        table.check("a", "attribute_not_exists(id)", **old),
    ):
        assert reasons(table.write, action, table.put("b")) == [stored, NONE]
    assert reasons(table.write, table.check("missing", **old)) == [FAILED]
    assert reasons(table.write, table.put("a", **condition)) == [FAILED]


def test_what_the_items_make_invalid_is_a_reason(table: Table) -> None:
    table.write(table.put("text", attributes={"n": {"S": "x"}}))
    missing = {"Put": {"TableName": table.name, "Item": {"owner": {"S": "me"}}}}
    no_key = "One or more parameter values were invalid: Missing the key id in the item"
    wrong = {
        "Code": "ValidationError",
        "Message": "An operand in the update expression has an incorrect data type",
    }
    assert reasons(table.write, table.put("a"), table.add("text")) == [NONE, wrong]
    assert reasons(table.write, missing, table.put("a")) == [
        {"Code": "ValidationError", "Message": no_key},
        NONE,
    ]
    extra = table.delete("a")
    extra["Delete"]["Key"]["more"] = {"S": "x"}
    mismatch = "The provided key element does not match the schema"
    assert reasons(table.write, extra) == [{"Code": "ValidationError", "Message": mismatch}]
    assert table.ids() == ["text"]


def test_a_request_that_is_not_valid_is_no_cancellation(table: Table) -> None:
    twice = "Transaction request cannot include multiple operations on one item"
    assert failure(table.write, table.put("a"), table.check("a")) == ("ValidationException", twice)
    many = [table.put(str(number)) for number in range(101)]
    assert failure(table.write, *many) == ("ValidationException", TOO_MANY)
    elsewhere = {"Put": {"TableName": "nowhere", "Item": {"id": {"S": "a"}}}}
    assert failure(table.write, table.put("a"), elsewhere) == (
        "ResourceNotFoundException",
        "Requested resource not found",
    )
    undefined = {"Update": {**table.on("a"), "UpdateExpression": "SET n = :missing"}}
    assert failure(table.write, undefined)[0] == "ValidationException"
    assert table.rows() == {}
    table.write(*many[:100])
    assert len(table.rows()) == 100


def test_a_token_makes_a_repeated_request_do_nothing(table: Table) -> None:
    for _ in range(3):
        table.write(table.add("a"), ClientRequestToken="token-1")
    assert table.rows() == {"a": 1}
    code = "IdempotentParameterMismatchException"
    assert failure(table.write, table.add("a", 2), ClientRequestToken="token-1") == (code, MISMATCH)
    table.write(table.add("a"), ClientRequestToken="token-2")
    assert table.rows() == {"a": 2}


def test_a_token_expires_ten_minutes_after_its_transaction(table: Table) -> None:
    guard = guard_of(table.backend)
    clock, guard.clock = guard.clock, lambda: now
    try:
        now = clock()
        table.write(table.add("a"), ClientRequestToken="aging")
        now += TOKEN_SECONDS - 1
        table.write(table.add("a"), ClientRequestToken="aging")
        assert table.rows() == {"a": 1}
        now += 1
        table.write(table.add("a"), ClientRequestToken="aging")
        assert table.rows() == {"a": 2}
    finally:
        guard.clock = clock


def test_a_token_whose_transaction_failed_may_be_used_again(table: Table) -> None:
    actions = [table.add("a"), table.check("b")]
    assert reasons(table.write, *actions, ClientRequestToken="again") == [NONE, FAILED]
    table.write(table.put("b"))
    table.write(*actions, ClientRequestToken="again")
    assert table.rows() == {"a": 1, "b": 0}


def test_a_token_of_an_ongoing_transaction_is_in_progress(table: Table) -> None:
    actions = [table.add("a")]
    request = {"TransactItems": actions, "ClientRequestToken": "slow"}
    guard = guard_of(table.backend)
    with guard.lock:
        guard.use_token("slow", request)
    assert failure(table.write, *actions, ClientRequestToken="slow") == (
        "TransactionInProgressException",
        "The transaction with the given request token is already in progress.",
    )
    with guard.lock:
        guard.end_token("slow", succeeded=True)
    table.write(*actions, ClientRequestToken="slow")
    assert table.rows() == {}


def test_writes_of_items_of_an_ongoing_transaction_conflict(
    table: Table, ongoing: Callable[..., Transaction]
) -> None:
    table.write(table.add("a", 5), table.add("other"))
    transaction = ongoing(table.add("a"), table.check("other"))
    conflict = ("TransactionConflictException", CONFLICT["Message"])
    update = table.add("a")["Update"]
    assert failure(table.client.put_item, TableName=table.name, Item=table.item("a")) == conflict
    assert failure(table.client.update_item, **update) == conflict
    assert failure(table.client.delete_item, **table.on("a")) == conflict
    assert failure(table.client.delete_item, **table.on("other")) == conflict
    assert reasons(table.write, table.put("free"), table.add("a")) == [NONE, CONFLICT]
    reads = [{"Get": table.on(key)} for key in ("a", "free")]
    assert reasons(table.client.transact_get_items, TransactItems=reads) == [CONFLICT, NONE]
    # Reads of single items are not rejected, and see the items as they were.
    assert table.rows() == {"a": 5, "other": 1}
    assert table.client.get_item(**table.on("a"))["Item"]["n"] == {"N": "5"}
    transaction.commit()
    transaction.end()
    table.client.update_item(**update)
    assert table.rows() == {"a": 7, "other": 1}


def test_a_batch_leaves_the_items_of_an_ongoing_transaction_unprocessed(
    table: Table, ongoing: Callable[..., Transaction]
) -> None:
    ongoing(table.add("a"))
    requests = [{"PutRequest": {"Item": table.item(key)}} for key in "ab"]
    answer = table.client.batch_write_item(RequestItems={table.name: requests})
    assert answer["UnprocessedItems"] == {table.name: requests[:1]}
    assert table.rows() == {"b": 0}


def test_a_batch_that_is_not_valid_changes_nothing(table: Table) -> None:
    put, again = ({"PutRequest": {"Item": table.item("a", text={"S": text})}} for text in "xy")
    delete = {"DeleteRequest": {"Key": table.item("a")}}
    keyless = {"PutRequest": {"Item": {"owner": {"S": "me"}}}}
    duplicates = ("ValidationException", "Provided list of item keys contains duplicates")
    write = table.client.batch_write_item
    assert failure(write, RequestItems={table.name: [put, again]}) == duplicates
    assert failure(write, RequestItems={table.name: [put, delete]}) == duplicates
    assert failure(write, RequestItems={table.name: [put, keyless]}) == (
        "ValidationException",
        "One or more parameter values were invalid: Missing the key id in the item",
    )
    assert table.rows() == {}


def test_an_update_that_fails_half_way_leaves_nothing_behind(table: Table) -> None:
    half = {
        "UpdateExpression": "SET a = :small, b = :large",
        "ExpressionAttributeValues": {":small": {"S": "x"}, ":large": {"S": "x" * 500_000}},
    }
    before = table.stream()
    assert failure(table.client.update_item, **table.on("a"), **half) == (
        "ValidationException",
        "Item size to update has exceeded the maximum allowed size",
    )
    assert table.rows() == {}
    assert table.stream() == before


def test_updates_with_the_same_expression_do_not_change_it(table: Table) -> None:
    text = "SET amount = if_not_exists(amount, :zero) + :n, parts[5] = :n REMOVE parts[0], parts[2]"
    values = {":n": {"N": "1"}, ":zero": {"N": "0"}}
    for key in ("a", "b"):
        parts = {"L": [{"N": str(number)} for number in range(4)]}
        table.client.put_item(TableName=table.name, Item=table.item(key, parts=parts))
        for total in (1, 2):
            answer = table.client.update_item(
                **table.on(key),
                UpdateExpression=text,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
            assert answer["Attributes"]["amount"] == {"N": str(total)}
        assert answer["Attributes"]["parts"] == {"L": [{"N": "3"}, {"N": "1"}]}


def test_an_update_without_changes_creates_the_item(table: Table) -> None:
    table.client.update_item(**table.on("new"))
    assert table.client.get_item(**table.on("new"))["Item"] == table.item("new")


def test_a_transaction_reads_up_to_100_items_each_once(table: Table) -> None:
    table.write(*[table.add(str(number), number) for number in range(100)])
    reads = [{"Get": table.on(str(number))} for number in range(100)]
    found = table.client.transact_get_items(TransactItems=reads)["Responses"]
    assert [int(entry["Item"]["n"]["N"]) for entry in found] == list(range(100))
    projected = {**table.on("7"), "ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "n"}}
    missing = {**table.on("none"), "ProjectionExpression": "n"}
    reads = [{"Get": projected}, {"Get": missing}]
    found = table.client.transact_get_items(TransactItems=reads)["Responses"]
    assert found == [{"Item": {"n": {"N": "7"}}}, {}]
    assert failure(table.client.transact_get_items, TransactItems=[reads[0]] * 2) == (
        "ValidationException",
        "Transaction request cannot include multiple operations on one item",
    )


def test_statements_of_a_transaction_all_succeed_or_change_nothing(table: Table) -> None:
    elsewhere = """SELECT * FROM "nowhere" WHERE id='a'"""

    def statements(*keys: str) -> list[dict[str, Any]]:
        insert = f"""INSERT INTO "{table.name}" value {{'owner': 'me', 'id': '%s'}}"""
        return [{"Statement": insert % key} for key in keys]

    table.write(table.put("kept"))
    table.client.execute_transaction(TransactStatements=statements("a", "b"))
    assert table.ids() == ["a", "b", "kept"]
    before = table.stream()
    assert before[1:] == [("INSERT", "a"), ("INSERT", "b")]
    failing = [*statements("c"), {"Statement": elsewhere}]
    code, _ = failure(table.client.execute_transaction, TransactStatements=failing)
    assert code == "ResourceNotFoundException"
    assert table.ids() == ["a", "b", "kept"]
    assert table.stream() == before


def test_an_import_waits_for_its_turn_and_is_seen_whole(cloud: CloudInThread, table: Table) -> None:
    cloud.client("s3").create_bucket(Bucket="imports")
    rows = "\n".join(f'{{"Item": {{"id": {{"S": "{number}"}}}}}}' for number in range(50))
    cloud.client("s3").put_object(Bucket="imports", Key="rows.json", Body=rows.encode())
    with guard_of(table.backend).lock:
        started = table.backend.import_table(
            s3_source={"S3Bucket": "imports", "S3KeyPrefix": ""},
            input_format="DYNAMODB_JSON",
            compression_type="NONE",
            table_name="imported",
            billing_mode="PAY_PER_REQUEST",
            throughput=None,
            key_schema=[{"AttributeName": "id", "KeyType": "HASH"}],
            global_indexes=None,
            attrs=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        assert (started.status, "imported" in table.backend.tables) == ("IN_PROGRESS", False)
    started.join()
    assert started.status == "COMPLETED"
    assert table.client.scan(TableName="imported", Select="COUNT")["Count"] == 50
