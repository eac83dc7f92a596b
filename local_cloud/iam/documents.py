"""Policy documents as written: their statements, and whom a statement names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from local_cloud.messages import json_object

Policy = Mapping[str, Any]
Statement = Mapping[str, Any]


@lru_cache(maxsize=1024)
def parse_policy(document: str | bytes | None) -> Policy:
    """Parse a policy document; one that is not a JSON object allows nothing."""
    return json_object(document)


def statements_of(policy: Policy) -> list[Statement]:
    """Return the statements of a policy."""
    return [statement for statement in as_list(policy.get("Statement")) if isinstance(statement, Mapping)]


def names(principals: Any, wanted: Collection[str], *, kinds: tuple[str, ...] = ("AWS",)) -> bool:
    """Return whether the `Principal` of a statement names one of some principals, by ARN, account or service, or everyone."""
    if principals == "*":
        return True
    if not isinstance(principals, Mapping):
        return False
    entries = [entry for kind in kinds for entry in as_list(principals.get(kind))]
    return any(entry in wanted for entry in entries) or "*" in as_list(principals.get("AWS"))


def as_list(value: Any) -> list[Any]:
    """Return a member of a document that may be one value, several, or missing."""
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
