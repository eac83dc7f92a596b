"""Transactions: all actions succeed, or nothing changes and each action has a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import (
    ConditionalCheckFailed,
    ExpressionAttributeValuesEmpty,
    InvalidConditionExpression,
    InvalidUpdateExpression,
    MockValidationException,
    MultipleTransactionsException,
    ProvidedKeyDoesNotExist,
    TooManyTransactionsException,
    TransactionCanceledException,
    TransactWriteSingleOpException,
    ValidationException,
)
from moto.dynamodb.models import DynamoDBBackend

from local_cloud.dynamodb.guard import CONFLICT, guard_of
from local_cloud.dynamodb.scratch import ItemKey, Scratch, item_key
from local_cloud.patches import replaces

_MOST_ACTIONS = 100
_KINDS = ("ConditionCheck", "Delete", "Put", "Update")
_NONE = (None, None, None)
_CONFLICT = ("TransactionConflict", CONFLICT, None)


@dataclass(frozen=True, slots=True)
class _Action:
    """One action of a transaction.

    Attributes:
        key: The item; None where the key is incomplete.
    """

    kind: str
    table: Any
    key: ItemKey | None
    parameters: Mapping[str, Any]


class Transaction:
    """A TransactWriteItems that is ongoing from its creation until `commit` or `end`."""

    def __init__(self, backend: Any, entries: list[dict[str, Any]]) -> None:
        _check_count(len(entries))
        self._backend, self._guard = backend, guard_of(backend)
        with self._guard.lock:
            self._actions = [_action(backend, entry) for entry in entries]
            check_keys(backend, [action.key for action in self._actions])
            self._keys = [action.key for action in self._actions if action.key is not None]
            self._guard.ongoing.update(self._keys)

    def commit(self) -> None:
        """Carry out all actions.

        Raises:
            JsonRESTError: An action failed; nothing has changed.
        """
        with self._guard.lock:
            scratch = Scratch(self._backend, self._keys, tables=[action.table for action in self._actions])
            reasons = [_reason(scratch.backend, action) for action in self._actions]
            if any(reason is not _NONE for reason in reasons):
                raise TransactionCanceledException(reasons)
            scratch.install(
                unchanged=[action.key for action in self._actions if action.kind == "ConditionCheck"]
            )

    def end(self) -> None:
        """Release the items, so that they can be written again."""
        with self._guard.lock:
            self._guard.ongoing.difference_update(self._keys)


def check_keys(backend: Any, keys: list[ItemKey | None]) -> None:
    """Reject a transaction that has an item twice, or an item for which another one is ongoing."""
    complete = [key for key in keys if key is not None]
    if len(set(complete)) < len(complete):
        raise MultipleTransactionsException
    ongoing = guard_of(backend).ongoing
    if not ongoing.isdisjoint(complete):
        raise TransactionCanceledException([_CONFLICT if key in ongoing else _NONE for key in keys])


def _check_count(count: int) -> None:
    if count > _MOST_ACTIONS:
        raise TooManyTransactionsException
    if count == 0:
        raise MockValidationException(
            "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )


def _action(backend: Any, entry: dict[str, Any]) -> _Action:
    if len(entry) != 1 or not set(entry) <= set(_KINDS):
        raise TransactWriteSingleOpException
    ((kind, parameters),) = entry.items()
    table = backend.get_table(parameters["TableName"])
    return _Action(kind, table, item_key(table, parameters["Item" if kind == "Put" else "Key"]), parameters)


def _reason(backend: Any, action: _Action) -> tuple[Any, Any, Any]:
    """Carry out an action; returns the code, the message and the item of why it failed, all None if it did not."""
    try:
        _carry_out(backend, action)
    except ConditionalCheckFailed as failed:
        return "ConditionalCheckFailed", str(failed.message), _old_item(backend, action)
    except (InvalidUpdateExpression, InvalidConditionExpression, ExpressionAttributeValuesEmpty):
        raise  # the request is not valid for any items
    except (MockValidationException, ValidationException) as invalid:
        return "ValidationError", str(invalid.message), None
    return _NONE


def _old_item(backend: Any, action: _Action) -> Any:
    if action.parameters.get("ReturnValuesOnConditionCheckFailure") != "ALL_OLD":
        return None
    item = backend.get_item(action.table.name, _key_attributes(action))
    return None if item is None else item.to_json()["Attributes"]


def _key_attributes(action: _Action) -> dict[str, Any]:
    attributes = action.parameters["Item" if action.kind == "Put" else "Key"]
    return {name: attributes[name] for name in action.table.table_key_attrs}


def _carry_out(backend: Any, action: _Action) -> None:
    parameters, table = action.parameters, action.table.name
    condition = {
        "condition_expression": parameters.get("ConditionExpression"),
        "expression_attribute_names": parameters.get("ExpressionAttributeNames") or {},
        "expression_attribute_values": parameters.get("ExpressionAttributeValues") or {},
    }
    if action.kind == "Put":
        backend.put_item(table, parameters["Item"], **condition)
        return
    if set(parameters["Key"]) != set(action.table.table_key_attrs):
        raise ProvidedKeyDoesNotExist
    if action.kind == "Update":
        backend.update_item(
            table, parameters["Key"], update_expression=parameters["UpdateExpression"], **condition
        )
    elif action.kind == "Delete":
        backend.delete_item(table, parameters["Key"], **condition)
    elif not get_filter_expression(*condition.values()).expr(backend.get_item(table, parameters["Key"])):
        raise ConditionalCheckFailed


@replaces(DynamoDBBackend)
def _transact_write_items(backend: Any, entries: list[dict[str, Any]]) -> None:
    """Carry out a TransactWriteItems; if it fails, nothing has changed."""
    transaction = Transaction(backend, entries)
    try:
        transaction.commit()
    finally:
        transaction.end()
