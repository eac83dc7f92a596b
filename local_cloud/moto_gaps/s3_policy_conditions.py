"""A bucket policy's `Deny` unless TLS is used must not lock everybody out.

moto 5.2.5 evaluates no condition of a bucket policy: a statement that has one denies whatever action it names. The
customary statement "deny all when `aws:SecureTransport` is false" so denies every upload. Here conditions are
evaluated; a connection on this machine counts as secure, since nobody can listen on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

_FACTS = {"aws:securetransport": "true", "s3:tlsversion": "1.3"}


def apply() -> None:
    """Let moto see only those statements of a bucket policy whose conditions hold."""
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        policy = with_conditions_met(json.loads(bucket.policy))
        return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission


def with_conditions_met(policy: dict[str, Any]) -> dict[str, Any]:
    """Return the policy without the statements whose conditions do not hold, and the rest without conditions."""
    statements = policy["Statement"]
    if isinstance(statements, dict):
        statements = [statements]
    met = [
        {key: value for key, value in statement.items() if key != "Condition"}
        for statement in statements
        if _all_met(statement.get("Condition") or {})
    ]
    return policy | {"Statement": met}


def _all_met(conditions: dict[str, dict[str, Any]]) -> bool:
    return all(
        _is_met(operator, _FACTS.get(key.lower()), expected)
        for operator, block in conditions.items()
        for key, expected in block.items()
    )


def _is_met(operator: str, actual: str | None, expected: Any) -> bool:
    """Evaluate one condition as IAM does: a key that the request lacks fails every operator but the negated ones."""
    name = operator.removesuffix("IfExists")
    values = [str(value) for value in (expected if isinstance(expected, list) else [expected])]
    if name == "Null":
        return any((value.lower() == "true") == (actual is None) for value in values)
    if actual is None:
        return operator.endswith("IfExists") or "Not" in name
    if name in _NUMERIC:
        return any(_NUMERIC[name](float(actual), float(value)) for value in values)
    equal = any(actual.lower() == value.lower() for value in values)
    return not equal if "Not" in name else equal


_NUMERIC: dict[str, Callable[[float, float], bool]] = {
    "NumericLessThan": lambda actual, value: actual < value,
    "NumericLessThanEquals": lambda actual, value: actual <= value,
    "NumericGreaterThan": lambda actual, value: actual > value,
    "NumericGreaterThanEquals": lambda actual, value: actual >= value,
    "NumericEquals": lambda actual, value: actual == value,
    "NumericNotEquals": lambda actual, value: actual != value,
}
