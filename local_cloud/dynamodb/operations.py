"""Operations of moto's DynamoDB that are replaced, written against moto 5.2.5."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from local_cloud.dynamodb.guard import guard_of, token_used
from local_cloud.dynamodb.scratch import ItemKey, Scratch, TableScratch, is_scratch, item_key
from local_cloud.dynamodb.transactions import check_keys, transact_write

_MOST_READS = 100
_UNLOCKED = "TransactWriteItems"  # it releases the lock between its two steps

Operation = Callable[..., Any]

_installed = False


def install() -> None:
    """Change moto's classes, unless that is done."""
    global _installed
    if _installed:
        return
    _installed = True
    from moto.dynamodb import responses
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.dynamo_type import Item
    from moto.dynamodb.models.table import StreamRecord
    from moto.dynamodb.models.table_export import TableExport
    from moto.dynamodb.models.table_import import TableImport

    handler = responses.DynamoHandler
    responses.TRANSACTION_MAX_ITEMS = _MOST_READS
    handler.dynamodb_backend = _or_scratch(handler.dynamodb_backend)
    handler.call_action = _locked(handler.call_action)
    handler.batch_write_item = _atomic_batch(handler.batch_write_item)
    handler.transact_get_items = _checked_reads(handler.transact_get_items)
    handler.transact_write_items = _idempotent(handler.transact_write_items)
    for name in ("batch_write_item", "transact_get_items", "transact_write_items", "update_item"):
        setattr(handler, name, _without_unasked(getattr(handler, name)))
    DynamoDBBackend.transact_write_items = transact_write
    DynamoDBBackend.put_item = _exclusive(DynamoDBBackend.put_item)
    DynamoDBBackend.delete_item = _exclusive(DynamoDBBackend.delete_item)
    DynamoDBBackend.update_item = _atomic_update(DynamoDBBackend.update_item)
    DynamoDBBackend.execute_transaction = _atomic_statements(DynamoDBBackend.execute_transaction)
    for transfer in (TableExport, TableImport):
        transfer.run = _exclusive_transfer(transfer.run)
    for model in (Item, StreamRecord):
        model.__new__ = staticmethod(_untracked)


def _untracked(model: type, *_: Any, **__: Any) -> Any:
    """Create an instance without adding it to moto's list of all instances, from which none is ever removed."""
    return object.__new__(model)


def _or_scratch(original: property) -> property:
    """Let a handler use the scratch backend of its batch."""

    def dynamodb_backend(handler: Any) -> Any:
        return handler.__dict__.get("scratch_backend") or original.__get__(handler)

    return property(dynamodb_backend)


def _locked(original: Operation) -> Operation:
    @wraps(original)
    def call_action(handler: Any) -> Any:
        if handler._get_action() == _UNLOCKED:
            return original(handler)
        with guard_of(handler.dynamodb_backend).lock:
            return original(handler)

    return call_action


def _exclusive(original: Operation) -> Operation:
    """Let a write of an item fail while a transaction is ongoing for it."""

    @wraps(original)
    def write(backend: Any, table_name: str, attributes: Any, *arguments: Any, **options: Any) -> Any:
        if is_scratch(backend):
            return original(backend, table_name, attributes, *arguments, **options)
        guard = guard_of(backend)
        with guard.lock:
            guard.require_free(_keys(backend, table_name, attributes))
            return original(backend, table_name, attributes, *arguments, **options)

    return write


def _atomic_update(original: Operation) -> Operation:
    """Let an update that fails half way leave nothing behind."""

    @wraps(original)
    def update_item(backend: Any, table_name: str, key: Any, *arguments: Any, **options: Any) -> Any:
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

    return update_item


def _atomic_statements(original: Operation) -> Operation:
    """Let an ExecuteTransaction with a statement that fails change nothing."""

    @wraps(original)
    def execute_transaction(backend: Any, statements: list[dict[str, Any]]) -> Any:
        with guard_of(backend).lock:
            scratch = TableScratch(backend)
            found = original(scratch.backend, statements)
            scratch.install()
            return found

    return execute_transaction


def _exclusive_transfer(original: Operation) -> Operation:
    """Let an export or an import, which moto carries out on a thread of its own, hold the lock of the tables."""

    @wraps(original)
    def run(transfer: Any) -> None:
        from moto.dynamodb.models import dynamodb_backends

        with guard_of(dynamodb_backends[transfer.account_id][transfer.region_name]).lock:
            original(transfer)

    return run


def _keys(backend: Any, table_name: str, attributes: Any) -> list[ItemKey]:
    key = item_key(backend.get_table(table_name), attributes)
    return [] if key is None else [key]


def _atomic_batch(original: Operation) -> Operation:
    """Let a batch that is not valid change nothing; items of ongoing transactions remain unprocessed."""

    @wraps(original)
    def batch_write_item(handler: Any) -> Any:
        from moto.dynamodb.exceptions import MockValidationException

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

    return batch_write_item


def _written(backend: Any, requests: dict[str, Any]) -> Iterator[tuple[str, Any, ItemKey | None]]:
    """Return the requests of a batch, each with the name of its table and with its item."""
    for name, entries in requests.items():
        table = backend.get_table(name)
        for request in entries:
            ((_, parameters),) = request.items()
            yield name, request, item_key(table, parameters.get("Item") or parameters.get("Key") or {})


def _checked_reads(original: Operation) -> Operation:
    """Let a TransactGetItems fail while a transaction is ongoing for one of its items, and apply its projections."""

    @wraps(original)
    def transact_get_items(handler: Any) -> Any:
        from moto.dynamodb.models.utilities import dynamo_to_dict
        from moto.dynamodb.responses import ProjectionExpressionParser

        backend = handler.dynamodb_backend
        reads = [entry["Get"] for entry in handler.body["TransactItems"]]
        check_keys(backend, [item_key(backend.get_table(read["TableName"]), read["Key"]) for read in reads])
        answer = original(handler)
        for read, found in zip(reads, answer.result["Responses"], strict=True):
            if found and (expression := read.get("ProjectionExpression")):
                paths = ProjectionExpressionParser(expression, read.get("ExpressionAttributeNames")).parse()
                item = backend.get_item(read["TableName"], read["Key"], paths)
                found["Item"] = dynamo_to_dict(item.describe_attrs()["Item"])
        return answer

    return transact_get_items


def _without_unasked(original: Operation) -> Operation:
    """Leave the consumed capacity out of an answer unless the request asks for it."""

    @wraps(original)
    def operation(handler: Any) -> Any:
        answer = original(handler)
        if handler.body.get("ReturnConsumedCapacity", "NONE") == "NONE":
            answer.result.pop("ConsumedCapacity", None)
        return answer

    return operation


def _idempotent(original: Operation) -> Operation:
    """Let a TransactWriteItems change nothing where it has succeeded before with its ClientRequestToken."""

    @wraps(original)
    def transact_write_items(handler: Any) -> Any:
        from moto.core.responses import ActionResult

        with token_used(handler.dynamodb_backend, handler.body) as done_before:
            if done_before:
                return ActionResult({"ConsumedCapacity": [], "ItemCollectionMetrics": {}})
            return original(handler)

    return transact_write_items
