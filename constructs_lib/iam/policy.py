"""IAM policy documents: exact actions on exact resources, as data and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from constructs_lib.errors import InvalidArgumentError, UnsafeSettingError

UNSCOPED_ACTIONS: Final = frozenset(
    {
        "comprehend:BatchDetectDominantLanguage",
        "comprehend:BatchDetectEntities",
        "comprehend:BatchDetectKeyPhrases",
        "comprehend:BatchDetectSentiment",
        "comprehend:DetectDominantLanguage",
        "comprehend:DetectEntities",
        "comprehend:DetectKeyPhrases",
        "comprehend:DetectSentiment",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
        "rekognition:DetectLabels",
        "rekognition:DetectText",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
)
"""Actions that work on no resource with an ARN, so that AWS accepts only `*` for them."""

_WHERE: Final = "PolicyStatement"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStatement:
    """One permission: some actions on some resources.

    Attributes:
        actions: IAM's names of the actions, such as `bedrock:InvokeModel`; without wildcards.
        resources: ARNs. `*` alone is accepted for the actions that AWS cannot scope (`UNSCOPED_ACTIONS`).
        conditions: IAM's condition block, by operator and key. Left out, there is none.

    Raises:
        UnsafeSettingError: if an action has a wildcard, or `*` would cover more than AWS forces it to.
        InvalidArgumentError: if there are no actions or resources, or an action is not `service:Action`.

    Example:
        >>> PolicyStatement(actions=["rekognition:DetectText"], resources=["*"]).as_dict()
        {'Effect': 'Allow', 'Action': ['rekognition:DetectText'], 'Resource': ['*']}
    """

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Mapping[str, str | Sequence[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, values in (("actions", self.actions), ("resources", self.resources)):
            if isinstance(values, str) or not values:
                raise InvalidArgumentError(
                    _WHERE, f"{name} {values!r} is no list of strings", "pass at least one"
                )
            object.__setattr__(self, name, tuple(values))
        for action in self.actions:
            if "*" in action or "?" in action:
                raise UnsafeSettingError(
                    _WHERE, f"action {action!r} has a wildcard", "name each action that is needed"
                )
            if action.count(":") != 1 or action.startswith(":") or action.endswith(":"):
                raise InvalidArgumentError(
                    _WHERE, f"action {action!r} is not valid", "write it as 'service:Action'"
                )
        unscoped = "*" in self.resources
        if unscoped and (broad := sorted(set(self.actions) - UNSCOPED_ACTIONS)):
            raise UnsafeSettingError(
                _WHERE,
                f"resource '*' gives {', '.join(broad)} on everything in the account",
                "name the ARNs, with a '*' in their last part where the name is not known",
            )

    def within_account(self, account_id: str) -> PolicyStatement:
        """Returns the statement with S3's actions limited to the buckets of one account (`aws:ResourceAccount`).

        An ARN of S3 names no account: without the condition, the statement covers the bucket of whichever account has
        taken the name. Statements without an action of S3, or with a condition on the account, stay as they are.

        Args:
            account_id: The account that owns the buckets.
        """
        keys = {key.lower() for block in self.conditions.values() for key in block}
        if "aws:resourceaccount" in keys or not any(action.startswith("s3:") for action in self.actions):
            return self
        equal = {**self.conditions.get("StringEquals", {}), "aws:ResourceAccount": account_id}
        return replace(self, conditions={**self.conditions, "StringEquals": equal})

    def as_dict(self) -> dict[str, Any]:
        """Returns the statement as IAM writes it."""
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        if self.conditions:
            statement["Condition"] = self.conditions
        return statement


def policy_document(*statements: Mapping[str, Any]) -> str:
    """Returns a policy document of these statements as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
