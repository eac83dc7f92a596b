"""IAM policy documents with exact actions on exact resources, as data and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from constructs_lib.checks import check_list, check_mapping, check_type
from constructs_lib.errors import InvalidArgumentError, UnsafeSettingError
from constructs_lib.templates import escaped, joined

_UNSCOPED: Final = Path(__file__).with_name("unscoped_actions.json")

_WHERE: Final = "PolicyStatement"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStatement:
    """Statement of a policy: allowed actions on resources.

    Attributes:
        actions: Actions, such as `bedrock:InvokeModel`; without wildcards.
        resources: ARNs. `*` alone is accepted only for actions that IAM cannot scope (`is_unscoped`).
        conditions: IAM's condition block, by operator and key. Default: none.
        unscoped: Whether `*` is accepted for every action. Use it for new actions that IAM cannot scope, or
            to allow all resources of the account. Default: False.

    Raises:
        UnsafeSettingError: if an action has a wildcard, or a resource is `*` without need.
        InvalidArgumentError: if there are no actions or resources, or an action is not `service:Action`.

    Example:
        >>> PolicyStatement(actions=["rekognition:DetectText"], resources=["*"]).as_dict()
        {'Effect': 'Allow', 'Action': ['rekognition:DetectText'], 'Resource': ['*']}
    """

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Mapping[str, str | Sequence[str]]] = field(default_factory=dict)
    unscoped: bool = False

    def __post_init__(self) -> None:
        for name, values in (("actions", self.actions), ("resources", self.resources)):
            if isinstance(values, str) or not values:
                raise InvalidArgumentError(
                    _WHERE, f"{name} {values!r} is not a list of strings", "pass at least one"
                )
            check_list(_WHERE, name, values)
            for value in values:
                check_type(_WHERE, f"one of {name}", value, str, remedy="pass strings")
            object.__setattr__(self, name, tuple(values))
        check_mapping(_WHERE, "conditions", self.conditions)
        for action in self.actions:
            if "*" in action or "?" in action:
                raise UnsafeSettingError(_WHERE, f"action {action!r} has a wildcard", "name each action")
            if action.count(":") != 1 or action.startswith(":") or action.endswith(":"):
                raise InvalidArgumentError(
                    _WHERE, f"action {action!r} is not valid", "write it as 'service:Action'"
                )
        if "*" not in self.resources or self.unscoped:
            return
        broad = sorted({action for action in self.actions if not is_unscoped(action)})
        if broad:
            raise UnsafeSettingError(
                _WHERE,
                f"resource '*' allows {', '.join(broad)} on every resource in the account",
                "pass ARNs, with a '*' in their last part if the name is not known, or pass unscoped=True to allow all",
            )

    def within_account(self, account_id: str) -> PolicyStatement:
        """Return the statement with S3's actions limited to the buckets of one account (`aws:ResourceAccount`).

        ARNs of S3 have no account. Without the condition, the statement covers the bucket of any account that
        owns the name. Statements without an action of S3, or with a condition on the account, stay unchanged.

        Args:
            account_id: Account that owns the buckets.
        """
        keys = {key.lower() for block in self.conditions.values() for key in block}
        if "aws:resourceaccount" in keys or not any(action.startswith("s3:") for action in self.actions):
            return self
        equal = {**self.conditions.get("StringEquals", {}), "aws:ResourceAccount": account_id}
        return replace(self, conditions={**self.conditions, "StringEquals": equal})

    def as_dict(self) -> dict[str, Any]:
        """Return the statement in the form of IAM."""
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        if self.conditions:
            statement["Condition"] = self.conditions
        return statement


def is_unscoped(action: str) -> bool:
    """Return whether an action has no resource type, so that IAM allows it on `*` only.

    The list is a snapshot (`unscoped_actions.json`) without newer actions.

    Args:
        action: The action, such as `rekognition:DetectText`, in any case.
    """
    service, _, name = action.partition(":")
    return name.lower() in _unscoped_of(service.lower())


@cache
def _unscoped_of(service: str) -> frozenset[str]:
    return frozenset(map(str.lower, _unscoped_actions().get(service, ())))


@cache
def _unscoped_actions() -> Mapping[str, Sequence[str]]:
    names: Mapping[str, Sequence[str]] = json.loads(_UNSCOPED.read_text(encoding="utf-8"))["names"]
    return names


def policy_document(*statements: Mapping[str, Any]) -> str:
    """Return a policy document as JSON for Terraform, with IAM's variables (`${aws:username}`) escaped."""
    return escaped(json.dumps(_joined(policy_data(*statements))))


def _joined(value: Any) -> Any:
    """Return data in which each reference to a list is an expression that Terraform joins inside a JSON list."""
    if isinstance(value, Mapping):
        return {name: _joined(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_joined(inner) for inner in value]
    return joined(value) if isinstance(value, str) else value


def policy_data(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy document of statements."""
    return {"Version": "2012-10-17", "Statement": statements}
