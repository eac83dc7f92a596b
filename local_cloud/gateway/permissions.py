"""Asks the resource policy of a function whether a method of an API may invoke it, and other policies the like.

The policy is read from moto's Lambda backend at each request, so that a permission that Terraform adds or takes away
counts at once. A condition that this file does not know does not hold: access is never given by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from local_cloud.gateway.definition import ApiDefinition, Method

_SERVICE = "apigateway.amazonaws.com"
_ACTION = "lambda:InvokeFunction"
_PARAMETER = re.compile(r"\{[^}]*\}")


def source_arn(api: ApiDefinition, stage: str, http_method: str, method: Method) -> str:
    """Return the ARN that a request comes from: parameters of the path stand as `*`."""
    path = _PARAMETER.sub("*", method.resource_path)
    return f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.api_id}/{stage}/{http_method}{path}"


def may_invoke(
    statements: Iterable[Mapping[str, Any]], *, function_arn: str, source: str, account_id: str
) -> bool:
    """Say whether a policy lets API Gateway invoke a function.

    Args:
        statements: The statements of the function's policy.
        function_arn: The function with the version or alias that the integration names, if it names one.
        source: The ARN that the request comes from.
        account_id: The account of the API.
    """
    return allows_service(
        statements,
        service=_SERVICE,
        action=_ACTION,
        resource=function_arn,
        source=source,
        account_id=account_id,
    )


def allows_service(
    statements: Iterable[Mapping[str, Any]],
    *,
    service: str,
    action: str,
    resource: str,
    source: str,
    account_id: str,
) -> bool:
    """Say whether the policy of a resource lets an AWS service do something.

    Args:
        statements: The statements of the policy.
        service: The service's principal.
        action: What is to be done.
        resource: The ARN of the resource.
        source: The ARN of what the service does it for.
        account_id: The account of that.
    """
    facts = {"aws:sourcearn": source, "aws:sourceaccount": account_id}
    concerned = [
        statement
        for statement in statements
        if statement.get("Resource") in (resource, "*")
        and _names_service(statement.get("Principal"), service)
        and _matches_any(statement.get("Action"), action)
        and _holds(statement.get("Condition") or {}, facts)
    ]
    if any(statement.get("Effect") == "Deny" for statement in concerned):
        return False
    return any(statement.get("Effect") == "Allow" for statement in concerned)


def arn_like(pattern: str, arn: str) -> bool:
    """Compare as `ArnLike` does: each of the six parts of an ARN by itself, with `*` and `?`."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(
        _wildcard(expected).fullmatch(part) is not None
        for expected, part in zip(patterns, parts, strict=True)
    )


def _names_service(principal: Any, service: str) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, Mapping):
        return False
    services = principal.get("Service")
    return service in (services if isinstance(services, list) else [services]) or principal.get("AWS") == "*"


def _matches_any(patterns: Any, value: str) -> bool:
    entries = patterns if isinstance(patterns, list) else [patterns]
    return any(
        isinstance(entry, str) and _wildcard(entry.lower()).fullmatch(value.lower()) for entry in entries
    )


def _holds(conditions: Mapping[str, Mapping[str, Any]], facts: Mapping[str, str]) -> bool:
    return all(
        _holds_one(operator, facts.get(key.lower()), expected if isinstance(expected, list) else [expected])
        for operator, block in conditions.items()
        for key, expected in block.items()
    )


def _holds_one(operator: str, actual: str | None, expected: list[Any]) -> bool:
    if actual is None:
        return False
    if operator in ("ArnLike", "ArnEquals"):
        return any(arn_like(str(pattern), actual) for pattern in expected)
    if operator == "StringEquals":
        return actual in expected
    if operator == "StringLike":
        return any(_wildcard(str(pattern)).fullmatch(actual) for pattern in expected)
    return False


@lru_cache(maxsize=4096)
def _wildcard(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
