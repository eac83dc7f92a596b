"""Copies of some items, on which moto's operations run; the copies replace the items if all operations succeed."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType

ItemKey = tuple[Any, ...]
"""An item: the name of its table, its partition key, and its sort key if the table has one."""


def item_key(table: Any, attributes: Any) -> ItemKey | None:
    """Return which item of a table a key or an item names; None where a part of the key is missing."""
    if not all(name in attributes for name in table.table_key_attrs):
        return None
    return (table.name, *(DynamoType(attributes[name]) for name in table.table_key_attrs))


class Scratch:
    """Copies of items, which may not exist yet, of some tables, and a backend that has nothing but them.

    Args:
        keys: The items. Default: all of the tables, not copied, for operations that replace items and change none.
    """

    def __init__(self, backend: Any, keys: Iterable[ItemKey] | None = None, *, tables: Iterable[Any]) -> None:
        self._tables = {table.name: table for table in tables}
        copied = keys is not None
        self._keys = list(keys) if keys is not None else _keys(self._tables)
        self.backend = _shallow_copy(backend)
        self.backend.is_scratch = True
        self.backend.tables = {name: _without_items(table) for name, table in self._tables.items()}
        for key in self._keys:
            item = _get(self._tables[key[0]], key)
            if item is not None:
                _set(self.backend.tables[key[0]], key, copy.deepcopy(item) if copied else item)

    def install(self, *, unchanged: Collection[ItemKey | None] = ()) -> None:
        """Replace the items of the backend by those here, and write their changes into the tables' streams."""
        for key in dict.fromkeys([*self._keys, *_keys(self.backend.tables)]):
            old, new = self._tables[key[0]], self.backend.tables[key[0]]
            if key not in unchanged and _get(old, key) is not _get(new, key):
                _replace(old, new, key)


def is_scratch(backend: Any) -> bool:
    """Return whether a backend has only copies."""
    return "is_scratch" in backend.__dict__


def _without_items(table: Any) -> Any:
    empty = _shallow_copy(table)
    empty.items, empty.stream_shard = defaultdict(dict), None
    return empty


def _shallow_copy(instance: Any) -> Any:
    """Copy an object without the `__new__` of moto, which keeps a list of all instances."""
    duplicate = object.__new__(type(instance))
    duplicate.__dict__.update(instance.__dict__)
    return duplicate


def _replace(table: Any, copied: Any, key: ItemKey) -> None:
    old, new = _get(table, key), _get(copied, key)
    _set(table, key, new)
    if table.stream_shard is not None and not (old is None and new is None):
        table.stream_shard.add(old, new)


def _keys(tables: Mapping[str, Any]) -> list[ItemKey]:
    """Return the items of tables."""
    return [
        (name, partition, *sort)
        for name, table in tables.items()
        for partition, rows in table.items.items()
        for sort in ([(key,) for key in rows] if table.has_range_key else [()])
    ]


def _get(table: Any, key: ItemKey) -> Any:
    found = table.items.get(key[1])
    return found.get(key[2]) if found is not None and len(key) > 2 else found


def _set(table: Any, key: ItemKey, item: Any) -> None:
    if len(key) == 2:
        if item is None:
            table.items.pop(key[1], None)
        else:
            table.items[key[1]] = item
    elif item is not None:
        table.items[key[1]][key[2]] = item
    elif key[1] in table.items:
        table.items[key[1]].pop(key[2], None)
