"""Operations of moto's DynamoDB that are replaced, written against moto 5.2.5."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb import responses
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import StreamRecord
from moto.dynamodb.models.table_export import TableExport
from moto.dynamodb.models.table_import import TableImport
from moto.dynamodb.models.utilities import dynamo_to_dict
from moto.dynamodb.responses import DynamoHandler

from local_cloud.dynamodb import expressions  # noqa: F401 - patches them
from local_cloud.dynamodb.guard import guard_of, token_used
from local_cloud.dynamodb.scratch import ItemKey, Scratch, is_scratch, item_key
from local_cloud.dynamodb.transactions import check_keys
from local_cloud.patches import extends, replaces

_UNLOCKED = "TransactWriteItems"  # it releases the lock between its two steps

_SCALARS = frozenset({"S", "N", "BOOL", "NULL"})

Operation = Callable[..., Any]

responses.TRANSACTION_MAX_ITEMS = 100
_own_backend = DynamoHandler.dynamodb_backend
# A batch has a scratch backend.
DynamoHandler.dynamodb_backend = property(
    lambda handler: handler.__dict__.get("scratch_backend") or _own_backend.__get__(handler)
)


@replaces(Item, "__new__")
@replaces(StreamRecord, "__new__")
def _untracked(model: type, *_: Any, **__: Any) -> Any:
    """Create an instance without adding it to moto's list of all instances, from which none is ever removed."""
    return object.__new__(model)


@extends(BaseJSONSerializer, "_serialize_type_structure")
def _serialize_structure(
    original: Operation, serializer: Any, serialized: Any, value: Any, shape: Any, key: str
) -> None:
    """Send a scalar as it is. moto looks for ten types in each, which is most of the time of a query."""
    if shape.name == "AttributeValue" and key and not _SCALARS.isdisjoint(value):
        serialized[key] = value
    else:
        original(serializer, serialized, value, shape, key)


@extends(DynamoHandler)
def _call_action(original: Operation, handler: Any) -> Any:
    if handler._get_action() == _UNLOCKED:
        return original(handler)
    with guard_of(handler.dynamodb_backend).lock:
        return original(handler)


@extends(DynamoDBBackend, "put_item", "delete_item")
def _write(
    original: Operation, backend: Any, table_name: str, attributes: Any, *arguments: Any, **options: Any
) -> Any:
    """Let a write of an item fail while a transaction is ongoing for it."""
    if is_scratch(backend):
        return original(backend, table_name, attributes, *arguments, **options)
    guard = guard_of(backend)
    with guard.lock:
        guard.require_free(_keys(backend, table_name, attributes))
        return original(backend, table_name, attributes, *arguments, **options)


@extends(DynamoDBBackend)
def _update_item(
    original: Operation, backend: Any, table_name: str, key: Any, *arguments: Any, **options: Any
) -> Any:
    """Let an update that fails half way leave nothing behind."""
    if is_scratch(backend):
        return original(backend, table_name, key, *arguments, **options)
    guard = guard_of(backend)
    with guard.lock:
        keys = _keys(backend, table_name, key)
        guard.require_free(keys)
        scratch = Scratch(backend, keys, tables=[backend.get_table(table_name)])
        item = original(scratch.backend, table_name, key, *arguments, **options)
        scratch.install()
        return item


@extends(Item)
def _update_with_attribute_updates(original: Operation, item: Any, updates: dict[str, Any] | None) -> None:
    """Put values of any type, of which moto takes booleans and bytes for texts. No changes create an item."""
    for name, update in (updates or {}).items():
        if update.get("Action", "PUT") == "PUT":
            item.attrs[name] = DynamoType(update["Value"])
        else:
            original(item, {name: update})


@extends(DynamoDBBackend)
def _execute_transaction(original: Operation, backend: Any, statements: list[dict[str, Any]]) -> Any:
    """Let an ExecuteTransaction with a statement that fails change nothing."""
    with guard_of(backend).lock:
        scratch = Scratch(backend, tables=backend.tables.values())
        found = original(scratch.backend, statements)
        scratch.install()
        return found


@extends(TableExport, "run")
@extends(TableImport, "run")
def _run_alone(original: Operation, transfer: Any) -> None:
    """Let an export or an import, which moto carries out on a thread of its own, hold the lock of the tables."""
    with guard_of(dynamodb_backends[transfer.account_id][transfer.region_name]).lock:
        original(transfer)


def _keys(backend: Any, table_name: str, attributes: Any) -> list[ItemKey]:
    key = item_key(backend.get_table(table_name), attributes)
    return [] if key is None else [key]


@extends(DynamoHandler)
def _batch_write_item(original: Operation, handler: Any) -> Any:
    """Let a batch that is not valid change nothing; items of ongoing transactions remain unprocessed."""
    backend, requests = handler.dynamodb_backend, handler.body["RequestItems"]
    ongoing = guard_of(backend).ongoing
    free: dict[str, list[Any]] = {name: [] for name in requests}
    unprocessed: dict[str, list[Any]] = {}
    keys: list[ItemKey] = []
    for name, request, key in _written(backend, requests):
        if key in ongoing:
            unprocessed.setdefault(name, []).append(request)
            continue
        free[name].append(request)
        keys += [] if key is None else [key]
    if len(set(keys)) < len(keys):
        raise MockValidationException("Provided list of item keys contains duplicates")
    scratch = Scratch(backend, keys, tables=[backend.get_table(name) for name in requests])
    handler.body = {**handler.body, "RequestItems": free}
    handler.scratch_backend = scratch.backend
    try:
        answer = original(handler)
    finally:
        del handler.scratch_backend
    scratch.install()
    answer.result["UnprocessedItems"] = unprocessed
    return answer


def _written(backend: Any, requests: dict[str, Any]) -> Iterator[tuple[str, Any, ItemKey | None]]:
    """Return the requests of a batch, each with the name of its table and with its item."""
    for name, entries in requests.items():
        table = backend.get_table(name)
        for request in entries:
            ((_, parameters),) = request.items()
            yield name, request, item_key(table, parameters.get("Item") or parameters.get("Key") or {})


@extends(DynamoHandler)
def _transact_get_items(original: Operation, handler: Any) -> Any:
    """Let a TransactGetItems fail while a transaction is ongoing for one of its items, and apply its projections."""
    backend = handler.dynamodb_backend
    reads = [entry["Get"] for entry in handler.body["TransactItems"]]
    check_keys(backend, [item_key(backend.get_table(read["TableName"]), read["Key"]) for read in reads])
    answer = original(handler)
    for read, found in zip(reads, answer.result["Responses"], strict=True):
        if found and (expression := read.get("ProjectionExpression")):
            names = read.get("ExpressionAttributeNames")
            paths = responses.ProjectionExpressionParser(expression, names).parse()
            item = backend.get_item(read["TableName"], read["Key"], paths)
            found["Item"] = dynamo_to_dict(item.describe_attrs()["Item"])
    return answer


@extends(DynamoHandler)
def _transact_write_items(original: Operation, handler: Any) -> Any:
    """Let a TransactWriteItems change nothing where it has succeeded before with its ClientRequestToken."""
    with token_used(handler.dynamodb_backend, handler.body) as done_before:
        if done_before:
            return ActionResult({"ConsumedCapacity": [], "ItemCollectionMetrics": {}})
        return original(handler)


@extends(DynamoHandler, "batch_write_item", "transact_get_items", "transact_write_items", "update_item")
def _without_unasked(original: Operation, handler: Any) -> Any:
    """Leave the consumed capacity out of an answer unless the request asks for it."""
    answer = original(handler)
    if handler.body.get("ReturnConsumedCapacity", "NONE") == "NONE":
        answer.result.pop("ConsumedCapacity", None)
    return answer
