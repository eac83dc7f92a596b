"""Answer of the function of a Lambda authorizer, and the policy in it.

AWS takes an answer as it is specified and nothing else: what deviates is its AUTHORIZER_CONFIGURATION_ERROR.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.gateway.authorization.method_arn import INVOKE
from local_cloud.gateway.authorization.resource_policy import either
from local_cloud.gateway.errors import (
    AUTHORIZER_CONFIGURATION,
    DENIED,
    EXPLICITLY_DENIED,
    GatewayError,
)
from local_cloud.iam.policies import Decision, is_allowed


@dataclass(frozen=True, slots=True)
class AuthorizerAnswer:
    """Result of an authorizer.

    Attributes:
        context: What the authorizer hands on, each value as text.
    """

    principal_id: str
    policy: Mapping[str, Any]
    context: Mapping[str, str]
    usage_identifier_key: str | None

    def check(
        self, method_arn: str, facts: Mapping[str, str], resource_policy: Decision | None = None
    ) -> None:
        """Refuse a method that the policy does not allow."""
        decision = either(is_allowed((self.policy,), INVOKE, method_arn, facts=facts), resource_policy)
        if decision == "denied":
            raise GatewayError(EXPLICITLY_DENIED, f"the authorizer's policy denies {method_arn}")
        if decision != "allowed":
            raise GatewayError(DENIED, f"the authorizer's policy does not allow {method_arn}")

    def authorizer_context(self, milliseconds: int) -> dict[str, Any]:
        """Return `requestContext.authorizer`.

        Args:
            milliseconds: How long the authorizer took; 0 where its answer was used again.
        """
        return {**self.context, "principalId": self.principal_id, "integrationLatency": milliseconds}


def read_answer(payload: bytes) -> AuthorizerAnswer:
    """Return what an authorizer answered."""
    try:
        answer = json.loads(payload)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _wrong("is not an object")
    principal = answer.get("principalId")
    if not isinstance(principal, str) or not principal:
        raise _wrong("has no principalId")
    usage_key = answer.get("usageIdentifierKey")
    if usage_key is not None and not isinstance(usage_key, str):
        raise _wrong("has a usageIdentifierKey that is not text")
    return AuthorizerAnswer(
        principal_id=principal,
        policy=_policy(answer.get("policyDocument")),
        context=_context(answer.get("context")),
        usage_identifier_key=usage_key,
    )


def _policy(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise _wrong("has no policyDocument")
    statements = document.get("Statement")
    statements = statements if isinstance(statements, list) else [statements]
    if not statements or not all(map(_is_statement, statements)):
        raise _wrong("has a policyDocument with a malformed Statement")
    return document


def _is_statement(statement: Any) -> bool:
    return (
        isinstance(statement, dict)
        and statement.get("Effect") in ("Allow", "Deny")
        and any(_is_text(statement.get(name)) for name in ("Action", "NotAction"))
        and any(_is_text(statement.get(name)) for name in ("Resource", "NotResource"))
        and _is_condition(statement.get("Condition", {}))
    )


def _is_text(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(entry, str) and entry for entry in values)


def _is_condition(condition: Any) -> bool:
    return isinstance(condition, dict) and all(isinstance(block, dict) for block in condition.values())


def _context(context: Any) -> dict[str, str]:
    """Return the context with its values as text: a function gets `"1"` for 1 and `"true"` for true."""
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise _wrong("has a context that is not an object")
    texts = {}
    for name, value in context.items():
        if isinstance(value, dict | list):
            raise _wrong(f"has a context with an object or a list: {name}")
        if value is not None:
            texts[name] = value if isinstance(value, str) else json.dumps(value)
    return texts


def _wrong(what: str) -> GatewayError:
    return GatewayError(AUTHORIZER_CONFIGURATION, f"the authorizer's answer {what}")
