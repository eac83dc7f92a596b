"""Many threads write to DynamoDB at once: nothing that was acknowledged is lost, and no transaction is seen half done."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.dynamodb.models import dynamodb_backends

from local_cloud.dynamodb.guard import guard_of
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread

THREADS = 16
ACCOUNTS = ("a", "b", "c")
BALANCE = 1000

_names = iter(range(10_000))


class Bank:
    """A table of accounts, among which money moves, with one that counts, and a pair that is always written together."""

    def __init__(self, cloud: CloudInThread) -> None:
        self.client = cloud.client("dynamodb")
        self.table = f"bank-{next(_names)}"
        self.client.create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.put_all({**dict.fromkeys(ACCOUNTS, BALANCE), "count": 0, "left": 0, "right": 0})

    def put_all(self, values: dict[str, int]) -> bool:
        items = [{"id": {"S": key}, "n": {"N": str(value)}} for key, value in values.items()]
        requests = {self.table: [{"PutRequest": {"Item": item}} for item in items]}
        return not self.client.batch_write_item(RequestItems=requests)["UnprocessedItems"]

    def on(self, key: str) -> dict[str, Any]:
        return {"TableName": self.table, "Key": {"id": {"S": key}}}

    def adding(self, key: str, amount: int) -> dict[str, Any]:
        values = {":n": {"N": str(amount)}}
        return {**self.on(key), "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": values}

    def count(self) -> None:
        self.client.update_item(**self.adding("count", 1))

    def transfer(self, source: str, target: str, amount: int, *, counted: bool, fails: bool) -> None:
        actions = [{"Update": self.adding(source, -amount)}, {"Update": self.adding(target, amount)}]
        if counted:
            actions.append({"Update": self.adding("count", 1)})
        if fails:
            condition = {"ConditionExpression": "attribute_exists(id)"}
            actions.append({"ConditionCheck": {**self.on("missing"), **condition}})
        self.client.transact_write_items(TransactItems=actions)

    def read(self, *keys: str) -> list[int]:
        """Read items in one transaction."""
        reads = [{"Get": self.on(key)} for key in keys]
        found = self.client.transact_get_items(TransactItems=reads)["Responses"]
        return [int(entry["Item"]["n"]["N"]) for entry in found]


@pytest.fixture
def bank(cloud: CloudInThread) -> Bank:
    return Bank(cloud)


def acknowledged(call: Callable[..., Any], *arguments: Any, **options: Any) -> bool:
    """Make a call; returns whether it succeeded. Only a failed check and a conflict may fail it."""
    try:
        call(*arguments, **options)
    except ClientError as error:
        codes = {reason["Code"] for reason in error.response.get("CancellationReasons", [])}
        if codes - {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            raise
        if not codes and error.response["Error"]["Code"] != "TransactionConflictException":
            raise
        return False
    return True


def at_once(works: Iterable[Callable[[], Any]]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as threads:
        return [future.result() for future in [threads.submit(work) for work in works]]


def test_every_acknowledged_write_is_counted_beside_failing_transactions(bank: Bank) -> None:
    def write(number: int) -> bool:
        if number % 3 == 0:
            return acknowledged(bank.count)
        fails = number % 3 == 1
        done = acknowledged(bank.transfer, "a", "b", 1, counted=not fails, fails=fails)
        assert not (fails and done)
        return done

    results = at_once((lambda number=number: write(number)) for number in range(240))
    assert bank.read("count") == [sum(results)]
    moved = sum(result for number, result in enumerate(results) if number % 3 == 2)
    assert bank.read("a", "b") == [BALANCE - moved, BALANCE + moved]


transfers = st.tuples(
    st.just("transfer"),
    st.permutations(ACCOUNTS),
    st.integers(1, 50),
    st.booleans(),
    st.booleans(),
)
operations = st.lists(
    st.one_of(transfers, st.tuples(st.sampled_from(["count", "pair", "read"]))), min_size=5, max_size=30
)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(todo=operations)
def test_single_and_transactional_writes_keep_their_invariants(
    cloud: CloudInThread, todo: list[tuple[Any, ...]]
) -> None:
    bank, numbers = Bank(cloud), itertools.count(1)

    def perform(operation: tuple[Any, ...]) -> int:
        """Perform an operation; returns how often it counted."""
        match operation:
            case ("transfer", (source, target, _), amount, counted, fails):
                done = acknowledged(bank.transfer, source, target, amount, counted=counted, fails=fails)
                return int(done and counted)
            case ("count",):
                return int(acknowledged(bank.count))
            case ("pair",):
                number = next(numbers)
                bank.put_all({"left": number, "right": number})
            case _:
                acknowledged(check)
        return 0

    def check() -> None:
        *balances, left, right = bank.read(*ACCOUNTS, "left", "right")
        assert sum(balances) == BALANCE * len(ACCOUNTS)
        assert left == right

    counts = at_once((lambda operation=operation: perform(operation)) for operation in todo)
    assert bank.read("count") == [sum(counts)]
    check()


class WatchedLock:
    """A lock that signals each attempt to acquire it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.awaited = threading.Semaphore(0)

    def __enter__(self) -> None:
        self.awaited.release()
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_operations_wait_for_the_one_that_is_carried_out(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = WatchedLock()
    monkeypatch.setattr(guard_of(dynamodb_backends[ACCOUNT][REGION]), "lock", watched)
    carried_out = threading.Event()
    works: list[Callable[[], Any]] = [
        bank.count,
        lambda: bank.put_all({"left": 1, "right": 1}),
        lambda: bank.transfer("a", "b", 1, counted=False, fails=False),
        lambda: bank.read("c"),
        lambda: bank.client.get_item(**bank.on("c")),
        lambda: bank.client.scan(TableName=bank.table),
    ]

    def answered_after(work: Callable[[], Any]) -> bool:
        work()
        return carried_out.is_set()

    with ThreadPoolExecutor(len(works)) as threads:
        with watched.lock:
            started = [threads.submit(answered_after, work) for work in works]
            for _ in works:
                assert watched.awaited.acquire(timeout=30)
            carried_out.set()
        assert all(future.result() for future in started)
    assert bank.read("count", "left", "a") == [1, 1, BALANCE - 1]
